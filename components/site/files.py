"""Writing small files that a crash must not leave half done."""

import os
from pathlib import Path

SECRET = 0o600
PUBLIC = 0o644


def write_whole(path: Path, content: str, mode: int = PUBLIC) -> None:
    """Write a file durably: a crash at any moment leaves the old one or the new one, whole."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    # Created with its mode, so that a secret is at no moment for others to read.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
