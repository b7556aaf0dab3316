"""The key of the hashes by which records name their conversations (docs/archive-format.md, section 3)."""

import os
from pathlib import Path

from components.archive.durable import PRIVATE
from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import read_key_file, write_key_file

_SIZE_BYTES = 32


def create_conversation_key(path: Path) -> None:
    """Make the key: 32 bytes in hex, mode 0600; raises KeyFileError, also if it is there already."""
    if path.exists():
        raise KeyFileError(
            f"{path}: exists already; with another key, nobody could find the conversations again"
        )
    write_key_file(path, f"{os.urandom(_SIZE_BYTES).hex()}\n".encode(), PRIVATE)


def load_conversation_key(path: Path) -> bytes:
    """Read the key; raises KeyFileError."""
    if not path.exists():
        raise KeyFileError(
            f"{path}: is missing, and the conversations in a log are found by it; put it back from a backup, or, before"
            " there is any log, make it with `steelyard init`"
        )
    try:
        key = bytes.fromhex(read_key_file(path).decode().strip())
    except ValueError:
        key = b""
    if len(key) != _SIZE_BYTES:
        raise KeyFileError(f"{path}: not a key of {_SIZE_BYTES} bytes in hex; put it back from a backup")
    return key
