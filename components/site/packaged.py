"""The folders of examples that come with Steelyard."""

from pathlib import Path

_HERE = Path(__file__).resolve()


def packaged_folder(name: str) -> Path:
    """Return the folder `name` (`examples`): the installed one, or the one in the source tree."""
    installed = _HERE.parent / "share" / name
    return installed if installed.is_dir() else _HERE.parents[2] / "config" / name
