"""Compares the stored tiles with the tree that the records give."""

from typing import NamedTuple

from components.verifier.format import HASH_SIZE_BYTES, LEAF, TILE_WIDTH, Source
from components.verifier.report import Findings
from components.verifier.tree import Tree, build_rows, hash_leaf, split_hashes


class Arbitration(NamedTuple):
    """The result of a comparison if records and tile differ.

    `hashes` are those to go on with, `altered` are records that are not the ones in the tree, `doubtful` are records
    for which this is not known.
    """

    hashes: list[bytes]
    altered: frozenset[int] = frozenset()
    doubtful: frozenset[int] = frozenset()


class StoredTree:
    """The stored tiles of the tree of `size` records with this root, compared with `tree` as it grows."""

    def __init__(self, source: Source, tree: Tree, size: int, root: bytes, findings: Findings) -> None:
        self._source = source
        self._tree = tree
        self._size = size
        self._root = root
        self._findings = findings

    def arbitrate(self, n: int, first: int, end: int, places: dict[int, bytes], tile: bytes) -> Arbitration:
        """Find out whether records or the tile were altered, if they differ.

        `places` are the leaf hashes of the existing records, by index. The hashes above in the tree decide: the parent
        of a full tile, or the signed root for the last one.
        """
        if len(tile) != (end - first) * HASH_SIZE_BYTES:
            self._findings.add("tile-altered", first, f"tile 0/{n} is missing or cut short")
            return Arbitration([places.get(index, bytes(HASH_SIZE_BYTES)) for index in range(first, end)])
        stored = split_hashes(tile)
        computed = [places.get(index, stored[index - first]) for index in range(first, end)]
        pairs = enumerate(zip(stored, computed, strict=True), first)
        differing = [index for index, (kept, found) in pairs if kept != found]
        if not differing or self._fits_above(n, stored):
            return Arbitration(stored, altered=frozenset(differing))
        fits = self._fits_above(n, computed)
        kind, detail = "tile-altered", f"tile 0/{n} does not hold the hash of this record's leaf"
        if not fits:
            detail = f"the leaf and tile 0/{n} differ, and neither fits the tree"
            kind = "leaf-or-tile-altered"
        for index in differing:
            self._findings.add(kind, index, detail)
        return Arbitration(computed, doubtful=frozenset(() if fits else differing))

    def name_altered_leaf(self, index: int, leaf: bytes) -> None:
        """Find what is in a record's place: another record of the tree, or a foreign one."""
        if len(leaf) == LEAF.size:
            other = LEAF.unpack(leaf)[2]
            if other != index and hash_leaf(leaf) == self._find_hash(0, other):
                self._findings.add("record-swapped", index, f"in its place is record {other}")
                return
        self._findings.add("leaf-altered", index, "the leaf is not the one in the tree")

    def check_upper_tiles(self, size: int, *, last: bool) -> None:
        """Check the tiles above the leaves' that are full now that there are `size` records, or the last of a level."""
        for level, row in enumerate(self._tree.upper, 1):
            if len(row) == TILE_WIDTH or (last and row):
                end = size // 256**level
                self._check_upper_tile(level, (end - 1) // TILE_WIDTH, row)
                row.clear()

    def _check_upper_tile(self, level: int, n: int, row: list[bytes]) -> None:
        tile = self._source.fetch_tile(level, n, len(row))
        if tile == b"".join(row):
            return
        if len(tile) != len(row) * HASH_SIZE_BYTES:
            detail = f"tile {level}/{n} is missing or cut short"
            self._findings.add("tile-altered", n * TILE_WIDTH * 256**level, detail)
            return
        for place, (stored, computed) in enumerate(zip(split_hashes(tile), row, strict=True)):
            if stored != computed:
                start = (n * TILE_WIDTH + place) * 256**level
                span = f"records {start} to {start + 256**level - 1}"
                detail = f"tile {level}/{n} does not hold the hash over {span}"
                self._findings.add("tile-altered", start, detail)

    def _fits_above(self, n: int, hashes: list[bytes]) -> bool:
        if len(hashes) < TILE_WIDTH:
            return self._tree.root_with(hashes) == self._root
        return build_rows(hashes)[8][0] == self._find_hash(1, n)

    def _find_hash(self, level: int, place: int) -> bytes:
        n, offset = divmod(place, TILE_WIDTH)
        width = min(TILE_WIDTH, self._size // 256**level - n * TILE_WIDTH)
        tile = self._source.fetch_tile(level, n, width) if width > offset else b""
        return tile[offset * HASH_SIZE_BYTES : (offset + 1) * HASH_SIZE_BYTES]
