"""A share of a key as a file: a comment for people, and the words."""

from pathlib import Path

from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import read_key_file


def read_share_file(path: Path) -> str:
    """Read the words of a share; raises KeyFileError, also when somebody else may read the file."""
    try:
        lines = read_key_file(path).decode().splitlines()
    except UnicodeDecodeError:
        raise KeyFileError(f"{path}: not a share") from None
    return " ".join(line for line in lines if not line.startswith("#"))
