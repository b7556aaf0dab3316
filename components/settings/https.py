"""What a site shows to browsers and clients by HTTPS: origins, and certificates with their keys."""

from collections.abc import Iterator
from pathlib import Path

from components.settings.table import find_missing

PORT = 443


def https_origin(host: str, port: int) -> str:
    """Return what browsers call a host at a port (RFC 6454), such as `https://console.metals.example`."""
    return f"https://{host}" + ("" if port == PORT else f":{port}")


def find_missing_pair(setting: str, certificate: Path | None) -> Iterator[str]:
    """Yield a line if a certificate is named and not there, or not its private key, which is beside it."""
    if certificate:
        yield from find_missing(setting, (certificate, certificate.parent / f"{certificate.stem}.key"))
