"""Writes paths for people."""

import os
from pathlib import Path


def relative(path: Path) -> str:
    """Write a path relative to the present folder if it is below it; otherwise as it is."""
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown
