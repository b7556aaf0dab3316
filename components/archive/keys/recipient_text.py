"""A recipient's keys as text (docs/keys.md): `RECIPIENT+name+id+key`, with `PRIVATE+` before the private one."""

import re

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from components.archive.log.strict_base64 import decode_base64, encode_base64
from components.archive.seal import KEY_SIZE_BYTES, Recipient, RecipientKey

_LINE = re.compile(r"RECIPIENT\+([^\s+]+)\+([0-9a-f]{16})\+([A-Za-z0-9+/]{43}=)")
_NAME = re.compile(r"[^\s+]+")
_PRIVATE = "PRIVATE+"
_PRIME = 2**255 - 19
# Any private key gives zeros with a public key of low order (RFC 7748, 6.1): nobody could be its only owner.
_PROBE = X25519PrivateKey.from_private_bytes(bytes(range(KEY_SIZE_BYTES)))


class RecipientError(ValueError):
    """The text is not a recipient's key in its one form; says nothing of a private one."""


def require_name(name: str) -> str:
    """Return the name; raises RecipientError if it is empty or holds a space or a plus sign."""
    if not _NAME.fullmatch(name):
        raise RecipientError(f"a recipient's name has no space and no plus sign: {name!r}")
    return name


def encode_recipient(recipient: Recipient) -> str:
    """Encode a public key, with its name, as one line without the newline."""
    return _encode(recipient, recipient.public_key.public_bytes_raw())


def parse_recipient(text: str) -> Recipient:
    """Parse a public key; raises RecipientError, also for keys that would open for anybody."""
    name, key_id, raw = _parse(text)
    if int.from_bytes(raw, "little") >= _PRIME:
        raise RecipientError("the public key is not in its one encoding")
    public_key = X25519PublicKey.from_public_bytes(raw)
    try:
        _PROBE.exchange(public_key)
    except ValueError:
        raise RecipientError(
            "the public key is of low order: everybody could open what is sealed to it"
        ) from None
    return _require_id(Recipient(name, public_key), key_id)


def encode_recipient_key(key: RecipientKey) -> str:
    """Encode a private key, with its name, as one line without the newline."""
    return _PRIVATE + _encode(key.recipient, key.private_key.private_bytes_raw())


def parse_recipient_key(text: str) -> RecipientKey:
    """Parse a private key; raises RecipientError."""
    if not text.startswith(_PRIVATE):
        raise RecipientError("not the private key of a recipient")
    name, key_id, raw = _parse(text.removeprefix(_PRIVATE))
    key = RecipientKey(name, X25519PrivateKey.from_private_bytes(raw))
    _require_id(key.recipient, key_id)
    return key


def _encode(recipient: Recipient, raw: bytes) -> str:
    return f"RECIPIENT+{require_name(recipient.name)}+{recipient.key_id}+{encode_base64(raw)}"


def _parse(text: str) -> tuple[str, str, bytes]:
    match = _LINE.fullmatch(text)
    try:
        raw = decode_base64(match[3]) if match else b""
    except ValueError:
        raw = b""
    if match is None or not raw:
        raise RecipientError("not the key of a recipient")
    return match[1], match[2], raw


def _require_id(recipient: Recipient, key_id: str) -> Recipient:
    if recipient.key_id != key_id:
        raise RecipientError(f"the id of the key of {recipient.name} does not match the key")
    return recipient
