"""One-time links: who holds the console's link key says, for some minutes, which auditor a browser is."""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from components.process.errors import SiteError

PATH = "/login/link"
LIFETIME_S = 15 * 60

_MOST_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class LinkClaim:
    """What a link says: the auditor's id, until when it holds (Unix time), and what makes it the only one."""

    auditor: str
    expires_s: int
    nonce: str


class LinkError(ValueError):
    """The link was not made with this console's key, or its time is over."""


def load_link_key(file: Path) -> bytes:
    """Return the key that links are made and checked with; raises SiteError."""
    try:
        key = file.read_text().strip().encode()
    except OSError as error:
        raise SiteError(f"{file}: {error.strerror}; `steelyard init` makes it") from None
    if len(key) < 32:
        raise SiteError(f"{file} is too short for a key: remove it, and run `steelyard init`")
    return key


def make_link(key: bytes, origin: str, auditor: str, now_s: float, lifetime_s: int = LIFETIME_S) -> str:
    """Return the address of a one-time link for an auditor."""
    claim = LinkClaim(auditor, int(now_s) + lifetime_s, secrets.token_urlsafe(16))
    # After the #, which browsers do not send: it comes into no log of a proxy.
    return f"{origin}{PATH}#{seal_claim(key, claim)}"


def seal_claim(key: bytes, claim: LinkClaim) -> str:
    """Return the claim as text that only the key's holders can make."""
    said = f"{claim.expires_s}.{claim.nonce}.{_encode(claim.auditor.encode())}"
    return f"{said}.{_sign(key, said)}"


def open_claim(key: bytes, token: str, now_s: float) -> LinkClaim:
    """Return what a link says; raises LinkError. Whether it was used before, only its keeper knows."""
    said, _, mac = token.rpartition(".")
    parts = said.split(".")
    if len(token) > _MOST_CHARACTERS or not token.isascii() or len(parts) != 3:
        raise LinkError
    if not hmac.compare_digest(mac, _sign(key, said)):
        raise LinkError
    claim = LinkClaim(_decode(parts[2]), int(parts[0]), parts[1])
    if claim.expires_s <= now_s:
        raise LinkError
    return claim


def _sign(key: bytes, said: str) -> str:
    return _encode(hmac.digest(key, b"steelyard console link\0" + said.encode(), hashlib.sha256))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (ValueError, binascii.Error):
        raise LinkError from None
