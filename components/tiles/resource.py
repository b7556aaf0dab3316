"""The resources that a tiled log publishes, and their paths (C2SP tlog-tiles, APIs); pure."""

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from components.archive.log.tile import TILE_HEIGHT, TILE_WIDTH, TileId, level_count, unfinished_tile

CHECKPOINT_PATH = "checkpoint"
ENTRIES = -1
"""The level of a resource that holds entries instead of hashes."""

MAX_LEVEL = 63

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_LENGTH = struct.Struct(">H")


class PathError(ValueError):
    """The path names no possible resource of a tiled log."""


class Resource(NamedTuple):
    """A tile of 1 to 256 hashes on a level from 0, or the bundle of as many entries (on level ENTRIES)."""

    level: int
    n: int
    width: int = TILE_WIDTH

    @property
    def tile(self) -> TileId:
        """The tile itself, or the tile that holds the hashes of a bundle's entries."""
        return TileId(max(self.level, 0), self.n)

    @property
    def is_whole(self) -> bool:
        """Whether it can never grow."""
        return self.width == TILE_WIDTH

    def is_in_tree(self, size: int) -> bool:
        """Return whether a tree of `size` leaves has all of it."""
        return self.n * TILE_WIDTH + self.width <= size >> (TILE_HEIGHT * self.tile.level)


def encode_path(resource: Resource) -> str:
    """Encode a resource's path, such as `tile/0/x001/x234/067.p/8`."""
    level = "entries" if resource.level == ENTRIES else str(resource.level)
    rest, last = divmod(resource.n, 1000)
    number = f"{last:03d}"
    while rest:
        rest, part = divmod(rest, 1000)
        number = f"x{part:03d}/{number}"
    return f"tile/{level}/{number}" + ("" if resource.is_whole else f".p/{resource.width}")


def parse_path(path: str) -> Resource:
    """Parse a resource's path; raises PathError unless it is exactly as `encode_path` writes it."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise PathError("no path of a tile or of entries")
    level = ENTRIES if match[1] == "entries" else int(match[1])
    n = int(match[2].replace("x", "").replace("/", ""))
    resource = Resource(level, n, int(match[3] or TILE_WIDTH))
    if level > MAX_LEVEL or resource.width > TILE_WIDTH or encode_path(resource) != path:
        raise PathError("no path of a tile or of entries")  # such as x000/001, or 000.p/256
    return resource


def partial_folder(resource: Resource) -> str:
    """Return the path of the folder that holds all partial versions of a resource."""
    return encode_path(resource._replace(width=TILE_WIDTH)) + ".p"


def new_resources(old_size: int, size: int) -> Iterator[Resource]:
    """Yield the resources of a tree of `size` leaves that the tree of its first `old_size` leaves does not have.

    The highest level comes first, and the entries come last. So a tile's hash is in a tile that comes before it.
    """
    for level, (first, old_width), (end, width) in _levels(old_size, size):
        yield from (Resource(level, n) for n in range(first, end))
        if width and (first, old_width) != (end, width):
            yield Resource(level, end, width)


def count_new_resources(old_size: int, size: int) -> int:
    """Count what `new_resources` yields, without yielding it."""
    return sum(
        end - first + bool(width and (first, old_width) != (end, width))
        for _level, (first, old_width), (end, width) in _levels(old_size, size)
    )


def _levels(old_size: int, size: int) -> Iterator[tuple[int, tuple[int, int], tuple[int, int]]]:
    """Yield each level with the number and width of its unfinished tile, old and new."""
    levels = range(level_count(size))
    for level in (*reversed(levels), *([ENTRIES] if size else [])):
        yield level, unfinished_tile(max(level, 0), old_size), unfinished_tile(max(level, 0), size)


def encode_entries(leaves: Iterable[bytes]) -> bytes:
    """Encode a bundle of entries: each follows its length in two bytes (tlog-tiles, Log entries)."""
    return b"".join(_LENGTH.pack(len(leaf)) + leaf for leaf in leaves)


def parse_entries(bundle: bytes) -> Sequence[bytes]:
    """Parse a bundle of entries; raises ValueError when it is cut short."""
    entries = []
    start = 0
    while start < len(bundle):
        end = start + _LENGTH.size
        length = int.from_bytes(bundle[start:end], "big")
        if end > len(bundle) or end + length > len(bundle):
            raise ValueError("a bundle of entries is cut short")
        entries.append(bundle[end : end + length])
        start = end + length
    return entries
