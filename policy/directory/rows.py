"""The rows of a raw table of directory.toml."""

from collections.abc import Iterator, Mapping
from typing import Any


def rows_of(table: Mapping[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row of an array of tables with its number; ignore what is not a row."""
    rows = table.get(key)
    if isinstance(rows, list):
        yield from ((index, row) for index, row in enumerate(rows) if isinstance(row, dict))
