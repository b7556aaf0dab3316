"""What is kept of a login between its two requests."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a device has to sign; `auditor` is who adds a passkey, empty for a login."""

    bytes: bytes
    auditor: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """A login that has begun at the provider: what its answer must prove to know (OIDC Core 3.1.2.1, RFC 7636)."""

    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """The verifier's hash, which alone goes out first (RFC 7636, 4.2)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
