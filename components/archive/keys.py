"""A log's keys as files: the private one in the form of Go's sumdb/note, the public one as a C2SP vkey."""

import base64
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

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
from components.archive.seal import Recipient, RecipientKey

_PUBLIC, _PRIVATE = "steelyard-recipient", "steelyard-recipient-key"


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
    _require_private(path)
    try:
        return parse_signer(path.read_text("utf-8").strip())
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError:  # NoteError, or bytes that are no text; nothing of the key goes into a message
        raise KeyFileError(f"{path}: not the private key of a log") from None


def create_recipient_key(path: Path, name: str) -> RecipientKey:
    """Make a recipient's key: `path` (mode 0600), and beside it the public half with `.pub`; both durable.

    Raises KeyFileError if `path` exists or cannot be written.
    """
    if path.exists():
        raise KeyFileError(f"{path}: exists already; what is sealed to it would be lost")
    key = RecipientKey(name, X25519PrivateKey.generate())
    public, private = key.private_key.public_key().public_bytes_raw(), key.private_key.private_bytes_raw()
    try:
        _write_durably(path, f"{_PRIVATE} {name} {base64.b64encode(private).decode()}", 0o600)
        _write_durably(
            path.with_suffix(".pub"), f"{_PUBLIC} {name} {base64.b64encode(public).decode()}", 0o644
        )
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error
    return key


def load_recipient(path: Path) -> Recipient:
    """Read a recipient's public key; raises KeyFileError."""
    name, raw = _read_key_line(path, _PUBLIC)
    return Recipient(name, X25519PublicKey.from_public_bytes(raw))


def load_recipient_key(path: Path) -> RecipientKey:
    """Read a recipient's private key; raises KeyFileError, also when somebody else may read the file."""
    _require_private(path)
    name, raw = _read_key_line(path, _PRIVATE)
    return RecipientKey(name, X25519PrivateKey.from_private_bytes(raw))


def create_conversation_key(path: Path) -> None:
    """Make the key of the conversations' hashes (32 bytes in hex, mode 0600); raises KeyFileError."""
    try:
        _write_durably(path, os.urandom(32).hex(), 0o600)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error


def load_conversation_key(path: Path) -> bytes:
    """Read the key of the conversations' hashes; raises KeyFileError."""
    _require_private(path)
    try:
        key = bytes.fromhex(path.read_text("utf-8").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != 32:
        raise KeyFileError(f"{path}: not a key of 32 bytes in hex")
    return key


def load_verifier_key(path: Path) -> VerifierKey:
    """Read a vkey; raises KeyFileError."""
    try:
        return parse_verifier_key(path.read_text("utf-8").strip())
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise KeyFileError(f"{path}: not a verifier key ({error})") from error


def _require_private(path: Path) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    if mode & 0o077:
        raise KeyFileError(f"{path}: others may read this private key; run chmod 600 on it")


def _read_key_line(path: Path, label: str) -> tuple[str, bytes]:
    try:
        found, name, encoded = path.read_text("utf-8").strip().split(" ")
        raw = base64.b64decode(encoded, validate=True)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError:
        found, name, raw = "", "", b""
    if found != label or len(raw) != 32:
        raise KeyFileError(f"{path}: not a key of the kind {label}")
    return name, raw


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
