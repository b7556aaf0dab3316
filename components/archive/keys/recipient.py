"""The keys of the recipients of segments: `auditor.pub`, and the private key in a file or a token."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.durable import PUBLIC
from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import read_public_file, write_key_file
from components.archive.keys.private import is_kept, read_private, write_private
from components.archive.keys.recipient_text import (
    RecipientError,
    encode_recipient,
    encode_recipient_key,
    parse_recipient,
    parse_recipient_key,
    require_name,
)
from components.archive.keys.reference import KeyReference, TokenKey, public_file
from components.archive.seal import Recipient, RecipientKey


def create_recipient_key(key: KeyReference, name: str) -> RecipientKey:
    """Create a key called `name`, and the file of its public half (`.pub`); both durable.

    A creation that was killed before it wrote the public half is completed. Raises KeyFileError if both are there, or
    only the public half: then the private half is elsewhere, and must still open what was sealed to it.
    """
    public, kept = public_file(key), is_kept(key)
    if public.exists():
        there = f"{key}: exists already" if kept else f"{public}: exists already, its private key elsewhere"
        raise KeyFileError(f"{there}; `steelyard keys rotate` replaces a key")
    # The private half first: data sealed to a public key is lost if its private key was never stored.
    if not kept:
        made = generate_recipient_key(key, name)
    else:
        made = _token_key(key, name) if isinstance(key, TokenKey) else load_recipient_key(key)
    write_recipient(public, made.recipient)
    return made


def generate_recipient_key(key: KeyReference, name: str) -> RecipientKey:
    """Create only the private half; raises KeyFileError."""
    try:
        require_name(name)
    except RecipientError as error:
        raise KeyFileError(f"{key}: {error}") from None
    if isinstance(key, TokenKey):
        from components.archive.keys.token import X25519_CURVE, generate_token_key

        generate_token_key(key, X25519_CURVE)
        return _token_key(key, name)
    made = RecipientKey(name, X25519PrivateKey.generate())
    write_private(key, encode_recipient_key(made))
    return made


def load_recipient(path: Path) -> Recipient:
    """Read a public key; raises KeyFileError."""
    try:
        return parse_recipient(read_public_file(path).removesuffix("\n"))
    except RecipientError as error:
        raise KeyFileError(f"{path}: not the public key of a recipient ({error})") from None


def write_recipient(path: Path, recipient: Recipient) -> None:
    """Keep a public key, durably; raises KeyFileError."""
    write_key_file(path, f"{encode_recipient(recipient)}\n".encode(), PUBLIC)


def load_recipient_key(key: KeyReference) -> RecipientKey:
    """Find a private key; raises KeyFileError, also when somebody else may read its file.

    One that is in a token has its name from the file of its public half.
    """
    if isinstance(key, TokenKey):
        return _token_key(key, load_recipient(public_file(key)).name)
    return read_private(key, parse_recipient_key, "a recipient")


def _token_key(key: TokenKey, name: str) -> RecipientKey:
    from components.archive.keys.token import X25519_CURVE, TokenOpeningKey, fetch_token_pair

    return RecipientKey(name, TokenOpeningKey(key, fetch_token_pair(key, X25519_CURVE)))
