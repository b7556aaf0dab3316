"""Keys as files of one line: private ones for their owner only; every change durable, and whole or not at all."""

import os
import stat
from pathlib import Path

from components.archive.keys.errors import KeyFileError

PRIVATE = 0o600
PUBLIC = 0o644


def read_key_file(path: Path) -> bytes:
    """Read a private key's file; raises KeyFileError, also when somebody else may read it."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyFileError(f"{path}: others may read this private key; run chmod 600 on it")
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error


def read_public_file(path: Path) -> str:
    """Read a public key's file; raises KeyFileError."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise KeyFileError(f"{path}: not a public key") from None


def write_key_file(path: Path, content: bytes, mode: int) -> None:
    """Put a file in place, whole or not at all; raises KeyFileError."""
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Killed before this: what was at `path` is there still, and the next call removes the draft.
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error


def sync_folder(folder: Path) -> None:
    """Make durable which files a folder has; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
