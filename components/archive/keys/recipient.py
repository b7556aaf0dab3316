"""The keys of those to whom segments are sealed, as files: `auditor.key` (mode 0600) and beside it `auditor.pub`."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import PRIVATE, PUBLIC, read_key_file, read_public_file, write_key_file
from components.archive.keys.recipient_text import (
    RecipientError,
    encode_recipient,
    encode_recipient_key,
    parse_recipient,
    parse_recipient_key,
    require_name,
)
from components.archive.seal import Recipient, RecipientKey


def create_recipient_key(path: Path, name: str) -> RecipientKey:
    """Make a new key called `name`: `path` (mode 0600), and beside it the public half with `.pub`; both durable.

    A creation that was killed before it wrote the public half is completed. Raises KeyFileError if both are there,
    or just the public half: then the private one lies elsewhere, and what was sealed to it must go on to open.
    """
    public = path.with_suffix(".pub")
    if public.exists():
        there = (
            f"{path}: exists already"
            if path.exists()
            else f"{public}: exists already, its private key elsewhere"
        )
        raise KeyFileError(f"{there}; `steelyard keys rotate` replaces a key")
    try:
        key = (
            load_recipient_key(path)
            if path.exists()
            else RecipientKey(require_name(name), X25519PrivateKey.generate())
        )
    except RecipientError as error:
        raise KeyFileError(f"{path}: {error}") from None
    # The private half first: what is sealed to a public key whose private one was never kept is lost.
    if not path.exists():
        write_key_file(path, f"{encode_recipient_key(key)}\n".encode(), PRIVATE)
    write_key_file(public, f"{encode_recipient(key.recipient)}\n".encode(), PUBLIC)
    return key


def load_recipient(path: Path) -> Recipient:
    """Read a public key; raises KeyFileError."""
    try:
        return parse_recipient(read_public_file(path).removesuffix("\n"))
    except RecipientError as error:
        raise KeyFileError(f"{path}: not the public key of a recipient ({error})") from None


def load_recipient_key(path: Path) -> RecipientKey:
    """Read a private key; raises KeyFileError, also when somebody else may read the file."""
    try:
        return parse_recipient_key(read_key_file(path).decode().removesuffix("\n"))
    except ValueError:
        raise KeyFileError(f"{path}: not the private key of a recipient") from None
