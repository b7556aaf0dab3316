"""Where the examples that come with Steelyard lie."""

from pathlib import Path

_HERE = Path(__file__).resolve()


def packaged_folder(name: str) -> Path:
    """Return the folder `name` (`examples`): the installed one, or else the source tree's."""
    installed = _HERE.parent / "share" / name
    return installed if installed.is_dir() else _HERE.parents[2] / "config" / name
