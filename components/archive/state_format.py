"""The formats of what processes keep beside the logs: each file says its number, and a later one is refused.

A file of format 1 says nothing: there was none before. The number is SQLite's `user_version` (0 in format 1), or the
field `format` of a JSON object (docs/operations.md, section 5).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.archive.errors import LaterFormat
from components.archive.store.sqlite_connection import Connection

FIRST = 1


def explain_later(path: Path, found: object, known: int) -> str:
    """Return what a file says that a later version wrote, and what to do."""
    return (
        f"{path} is of format {found}, and this version of Steelyard knows {known}: a later one wrote it; run that "
        "one, or put back a backup from before (docs/operations.md, section 5)"
    )


def find_later(document: Mapping[str, Any], path: Path, known: int = FIRST) -> str:
    """Return what is wrong with a JSON document of a later format, or nothing."""
    found = document.get("format", FIRST)
    return "" if found in range(FIRST, known + 1) else explain_later(path, found, known)


async def require_known(connection: Connection, path: Path, known: int = FIRST) -> None:
    """Raise LaterFormat for a database of a later format; nothing has been read of it or changed."""
    ((number,),) = await connection.execute_fetchall("PRAGMA user_version")
    found = int(number) or FIRST
    if found not in range(FIRST, known + 1):
        raise LaterFormat(explain_later(path, found, known))
