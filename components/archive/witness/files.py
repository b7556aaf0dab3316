"""Small files that a crash leaves as they were or as they should be, and never half written."""

import os
from pathlib import Path

from components.archive.keys.files import sync_folder

PUBLIC = 0o644


def replace_durably(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Write a file, or write it anew; raises OSError, and then it is the old one or the new one, whole."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        # Killed before the next line: a draft is left, which nobody reads and the next write replaces.
        os.fsync(file.fileno())
    draft.replace(path)
    # Killed here: after a power failure it may be either; after a kill alone it is the new one.
    sync_folder(path.parent)
