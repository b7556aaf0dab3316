"""How paths are shown."""

import os
from pathlib import Path


def relative(path: Path) -> str:
    """Write a path from the present folder on, where it is below that; else as it is."""
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown
