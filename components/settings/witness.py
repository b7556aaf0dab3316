"""The witness's settings: the `[witness]` table of site.toml (docs/settings.md)."""

from collections.abc import Iterator
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from components.archive.log.cosignature import parse_cosigner_key
from components.archive.log.log_signature import parse_log_verifier_key
from components.settings.table import (
    INIT_MAKES_IT,
    PUT_IT_BACK,
    Address,
    LogLevel,
    SitePath,
    Table,
    find_missing,
)

URL_MAX = 2048


def _require_log_key(vkey: str) -> str:
    parse_log_verifier_key(vkey)
    return vkey


def _require_cosigner_key(vkey: str) -> str:
    parse_cosigner_key(vkey)
    return vkey


def _require_url(url: str) -> str:
    if len(url) > URL_MAX:
        raise ValueError(f"has {len(url):,} characters; an address has {URL_MAX:,} at most")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address of the form https://host/path")
    return url


LogVkey = Annotated[str, AfterValidator(_require_log_key)]
CosignerVkey = Annotated[str, AfterValidator(_require_cosigner_key)]
Url = Annotated[str, AfterValidator(_require_url)]


class AskedWitness(Table):
    """`[[witness.asks]]`: a witness that cosigns the site's logs, and its keys."""

    url: Url
    vkeys: tuple[CosignerVkey, ...] = Field(min_length=1)


class TimeStampSettings(Table):
    """`[witness.time_stamps]`: an authority (RFC 3161), its certificates and how often it is asked."""

    url: Url
    certificates: SitePath
    every_s: float = Field(default=600.0, ge=1)


class WitnessSettings(Table):
    """The settings of the witness process. Paths are absolute; a `port` of 0 means it cosigns for nobody else."""

    table_name: ClassVar[str] = "witness"

    name: str = Field(min_length=1, max_length=255)
    key_file: SitePath
    state: SitePath
    status_file: SitePath
    address: Address = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    log_level: LogLevel = "info"
    cosign_own: bool = True
    logs: tuple[LogVkey, ...] = ()
    asks: tuple[AskedWitness, ...] = ()
    time_stamps: TimeStampSettings | None = None

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each missing file of the witness, and one if its port is missing."""
        advice = INIT_MAKES_IT
        if any(self.state.glob("*.checkpoint")):
            advice = f"others know this witness by it: {PUT_IT_BACK}"
        yield from find_missing("witness.key_file", [self.key_file], advice)
        stamps = self.time_stamps
        if stamps and not stamps.certificates.is_file():
            yield (
                f"witness.time_stamps.certificates: there is no {stamps.certificates}; get it from the authority"
            )
        if self.logs and not self.port:
            yield "witness.port: others' logs are to be cosigned; set one, at which they ask"
