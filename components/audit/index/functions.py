"""What the index's SQL calls that SQLite does not have."""

from collections.abc import Callable

from components.audit.index.logs import IndexedLog


def _bits_apart(one: bytes | None, other: bytes | None) -> int | None:
    """Count the bits in which two hashes of pictures differ; nothing for what is no picture."""
    if one is None or other is None:
        return None
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def _place_of(log: int, number: int) -> int:
    return IndexedLog(log).place(number)


FUNCTIONS: tuple[tuple[str, int, Callable[..., int | None]], ...] = (
    ("bits_apart", 2, _bits_apart),
    ("place_of", 2, _place_of),
)
"""What compiled queries call: a name, how many arguments, and what it does with them."""
