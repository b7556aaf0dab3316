"""What auditors use: index, query language, the record as a person reads it; `open_archive` is for their programs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.audit.api import Archive, open_archive

__all__ = ["Archive", "open_archive"]


def __getattr__(name: str) -> Any:
    """Import what programs of auditors use (components/audit/api.py) when it is first asked for; commands need less."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.audit import api

    return getattr(api, name)
