"""Small files that a crash leaves as they were or as they should be, and never half written."""

import os
from pathlib import Path

PUBLIC = 0o644


def replace_durably(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Write a file, or write it anew; raises OSError, and then it is the old one or the new one, whole."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    # Made with its mode, so that a secret is at no moment for others to read.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        # Killed before the next line: a draft is left, which nobody reads and the next write replaces.
        os.fsync(file.fileno())
    draft.replace(path)
    # Killed here: after a power failure it may be either; after a kill alone it is the new one.
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make durable which files a folder has; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
