"""A log's keys as files: the private one in the form of Go's sumdb/note, the public one as a C2SP vkey."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import PRIVATE, PUBLIC, read_key_file, read_public_file, write_key_file
from components.archive.log.note import (
    Signer,
    VerifierKey,
    encode_signer,
    encode_verifier_key,
    make_signer,
    parse_signer,
    parse_verifier_key,
)


def create_log_key(path: Path, name: str) -> Signer:
    """Make a new key called `name`: `path` (mode 0600), and beside it the vkey with `.pub`; both durable.

    Raises KeyFileError if `path` exists (a log whose key is replaced cannot go on) or cannot be written.
    """
    if path.exists():
        raise KeyFileError(f"{path}: exists already; a log keeps its key")
    signer = make_signer(name, Ed25519PrivateKey.generate())
    # The public half first: killed between the two, the next call makes a new pair, as no log uses this one.
    write_key_file(path.with_suffix(".pub"), _line(encode_verifier_key(signer.verifier_key)), PUBLIC)
    write_key_file(path, _line(encode_signer(signer)), PRIVATE)
    return signer


def load_log_key(path: Path) -> Signer:
    """Read a private key; raises KeyFileError, also when somebody else may read the file."""
    try:
        return parse_signer(read_key_file(path).decode().strip())
    except ValueError:  # NoteError, or bytes that are no text; nothing of the key goes into a message
        raise KeyFileError(f"{path}: not the private key of a log") from None


def load_verifier_key(path: Path) -> VerifierKey:
    """Read a vkey; raises KeyFileError."""
    try:
        return parse_verifier_key(read_public_file(path).strip())
    except ValueError as error:
        raise KeyFileError(f"{path}: not a verifier key ({error})") from error


def _line(text: str) -> bytes:
    return f"{text}\n".encode()
