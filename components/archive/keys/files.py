"""Keys as files of one line: private ones for their owner only; every change durable, and whole or not at all."""

import os
import stat
from pathlib import Path

from components.archive.durable import replace_durably
from components.archive.keys.errors import KeyFileError


def may_others_read(path: Path) -> bool:
    """Return whether others than its owner may use a file; raises OSError.

    What systemd hands to a service as a credential is for that service alone. It lets it read by an access control
    list, which shows as a group's right.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if credentials and path.parent == Path(credentials):
        mode &= ~stat.S_IRGRP
    return bool(mode & 0o077)


def read_key_file(path: Path) -> bytes:
    """Read a private key's file; raises KeyFileError, also when somebody else may read it."""
    try:
        if may_others_read(path):
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
    try:
        replace_durably(path, content, mode)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error
