"""Files with random text, which only their owner may read."""

import secrets
from collections.abc import Iterable
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably


def make_secrets(files: Iterable[Path]) -> list[Path]:
    """Make those of these files that are missing, and return them; raises OSError."""
    made = []
    for file in files:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            replace_durably(file, f"{secrets.token_hex(32)}\n".encode(), PRIVATE)
            made.append(file)
    return made
