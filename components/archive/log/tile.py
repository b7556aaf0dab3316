"""Tiles: the tree's hashes as C2SP tlog-tiles keeps them, 256 to a tile, every eighth height a level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from components.archive.log.merkle import Frontier, Span, extend, hash_span, join_subtrees, split_span

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
HASH_SIZE_BYTES = 32
TILE_SIZE_BYTES = TILE_WIDTH * HASH_SIZE_BYTES


class TileError(ValueError):
    """Tiles do not fit the tree that they are to be part of."""


class TileId(NamedTuple):
    """A tile's place: hash `i` of it is the root of the leaves from `(n * 256 + i) * 256**level` on."""

    level: int
    n: int


@dataclass(frozen=True, slots=True)
class Tile:
    """1 to 256 hashes of 32 bytes, concatenated."""

    id: TileId
    hashes: bytes


@dataclass(frozen=True, slots=True)
class TiledTree:
    """The tree as its writer holds it: the right edge, and each level's unfinished tile (maybe empty)."""

    frontier: Frontier
    unfinished: tuple[bytes, ...]


EMPTY_TREE = TiledTree(Frontier(), ())


def grow(tree: TiledTree, leaf_hashes: Sequence[bytes]) -> tuple[TiledTree, list[Tile]]:
    """Add leaves; also returns every tile that changed, whole: finished, or a level's unfinished last."""
    frontier, completed = extend(tree.frontier, leaf_hashes)
    unfinished = list(tree.unfinished)
    changed = []
    for level, added in enumerate(completed[::TILE_HEIGHT]):
        if level == len(unfinished):
            unfinished.append(b"")
        if not added:
            continue
        n, _ = unfinished_tile(level, tree.frontier.size)
        hashes = unfinished[level] + b"".join(added)
        for start in range(0, len(hashes), TILE_SIZE_BYTES):
            changed.append(Tile(TileId(level, n), hashes[start : start + TILE_SIZE_BYTES]))
            n += 1
        unfinished[level] = hashes[len(hashes) - len(hashes) % TILE_SIZE_BYTES :]
    return TiledTree(frontier, tuple(unfinished)), changed


def unfinished_tile(level: int, size: int) -> tuple[int, int]:
    """Return number and width (0 to 255 hashes) of a level's unfinished tile in a tree of `size` leaves."""
    hashes = size >> (TILE_HEIGHT * level)
    return hashes // TILE_WIDTH, hashes % TILE_WIDTH


def unfinished_tiles(size: int) -> list[TileId]:
    """Return the unfinished tiles of a tree of `size` leaves: its root can be computed from them."""
    places = ((level, *unfinished_tile(level, size)) for level in range(level_count(size)))
    return [TileId(level, n) for level, n, width in places if width]


def level_count(size: int) -> int:
    """Count the levels that a tree of `size` leaves has tiles on."""
    return -(-size.bit_length() // TILE_HEIGHT)


def restore_tree(size: int, tiles: Mapping[TileId, bytes]) -> TiledTree:
    """Rebuild the tree of `size` leaves from its unfinished tiles; raises TileError when one does not fit.

    Behind its hashes a tile may hold zeros.
    """
    unfinished = []
    nodes: list[bytes] = []
    for level in range(level_count(size)):
        n, width = unfinished_tile(level, size)
        tile = tiles.get(TileId(level, n), b"") if width else b""
        hashes, rest = tile[: width * HASH_SIZE_BYTES], tile[width * HASH_SIZE_BYTES :]
        if len(hashes) != width * HASH_SIZE_BYTES or rest.strip(b"\0"):
            raise TileError(f"tile {level}/{n} does not hold {width} hashes")
        unfinished.append(hashes)
        parts = split_span(Span(0, width))
        nodes[:0] = [_node_in_tile(hashes, height, position) for height, position in parts]
    return TiledTree(Frontier(size, tuple(nodes)), tuple(unfinished))


def tiles_of_spans(spans: Sequence[Span]) -> set[TileId]:
    """Return the tiles that hold the hashes of a proof."""
    return {
        TileId(*_tile_of(height, position)[:2]) for span in spans for height, position in split_span(span)
    }


def hash_spans(spans: Sequence[Span], tiles: Mapping[TileId, bytes]) -> list[bytes]:
    """Compute the hashes of a proof from tiles; raises TileError when one is missing or too narrow."""

    def node(height: int, position: int) -> bytes:
        level, n, height_in_tile, position_in_tile = _tile_of(height, position)
        return _node_in_tile(tiles.get(TileId(level, n), b""), height_in_tile, position_in_tile)

    return [hash_span(span, node) for span in spans]


def _tile_of(height: int, position: int) -> tuple[int, int, int, int]:
    """Return the place of a perfect subtree: level and number of its tile, height and position within."""
    level, height_in_tile = divmod(height, TILE_HEIGHT)
    n, position_in_tile = divmod(position, 1 << (TILE_HEIGHT - height_in_tile))
    return level, n, height_in_tile, position_in_tile


def _node_in_tile(hashes: bytes, height: int, position: int) -> bytes:
    start, end = ((place << height) * HASH_SIZE_BYTES for place in (position, position + 1))
    if len(hashes) < end:
        raise TileError(f"a tile of at least {end // HASH_SIZE_BYTES} hashes was expected")
    row = [hashes[offset : offset + HASH_SIZE_BYTES] for offset in range(start, end, HASH_SIZE_BYTES)]
    return join_subtrees(extend(Frontier(), row)[0].nodes)
