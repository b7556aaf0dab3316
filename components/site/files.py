"""Writing small files of text that a crash must not leave half done."""

from pathlib import Path

from components.archive.durable import PUBLIC, replace_durably

SECRET = 0o600


def write_whole(path: Path, content: str, mode: int = PUBLIC) -> None:
    """Write a file durably: a crash at any moment leaves the old one or the new one, whole."""
    replace_durably(path, content.encode(), mode)
