"""A log's keys as files: the private one in the form of Go's sumdb/note, the public one as a C2SP vkey."""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.log.note import (
    Signer,
    VerifierKey,
    encode_signer,
    encode_verifier_key,
    make_signer,
    make_verifier_key,
    parse_signer,
    parse_verifier_key,
)


class KeyFileError(Exception):
    """A key file is missing, malformed, readable by others, or already there."""


def create_log_key(path: Path, name: str) -> Signer:
    """Make a new key called `name`: `path` (mode 0600), and beside it the vkey with `.pub`; both durable.

    Raises KeyFileError if `path` exists (a log whose key is replaced cannot go on) or cannot be written.
    """
    if path.exists():
        raise KeyFileError(f"{path}: exists already; a log keeps its key")
    signer = make_signer(name, Ed25519PrivateKey.generate())
    public = make_verifier_key(name, signer.private_key.public_key())
    try:
        # The public half first: killed between the two, the next call makes a new pair, as no log uses this one.
        _write_durably(path.with_suffix(".pub"), encode_verifier_key(public), 0o644)
        _write_durably(path, encode_signer(signer), 0o600)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error
    return signer


def load_log_key(path: Path) -> Signer:
    """Read a private key; raises KeyFileError, also when somebody else may read the file."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyFileError(f"{path}: others may read this private key; run chmod 600 on it")
        return parse_signer(path.read_text("utf-8").strip())
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError:  # NoteError, or bytes that are no text; nothing of the key goes into a message
        raise KeyFileError(f"{path}: not the private key of a log") from None


def load_verifier_key(path: Path) -> VerifierKey:
    """Read a vkey; raises KeyFileError."""
    try:
        return parse_verifier_key(path.read_text("utf-8").strip())
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise KeyFileError(f"{path}: not a verifier key ({error})") from error


def _write_durably(path: Path, line: str, mode: int) -> None:
    """Put a file in place, whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
