"""Tiles against C2SP tlog-tiles as it is written."""

from hashlib import sha256
from itertools import pairwise

import pytest

from components.archive.log.merkle import Frontier, extend, inclusion_spans, root_hash, verify_inclusion
from components.archive.log.tile import (
    EMPTY_TREE,
    HASH_SIZE_BYTES,
    TILE_WIDTH,
    TiledTree,
    TileError,
    TileId,
    grow,
    hash_spans,
    restore_tree,
    tiles_of_spans,
    unfinished_tiles,
)

HASHES = [sha256(number.to_bytes(4)).digest() for number in range(70_000)]


def build(sizes: list[int]) -> tuple[TiledTree, dict[TileId, bytes]]:
    tree = EMPTY_TREE
    kept: dict[TileId, bytes] = {}
    for start, end in pairwise([0, *sizes]):
        tree, changed = grow(tree, HASHES[start:end])
        kept |= {tile.id: tile.hashes for tile in changed}
    return tree, kept


def widths(tiles: dict[TileId, bytes], level: int) -> list[int]:
    return [len(hashes) // HASH_SIZE_BYTES for id_, hashes in sorted(tiles.items()) if id_.level == level]


def test_the_specifications_example_of_70000_leaves() -> None:
    _, tiles = build([70_000])
    assert widths(tiles, 0) == [256] * 273 + [112]
    assert widths(tiles, 1) == [256, 17]
    assert widths(tiles, 2) == [1]
    assert len(tiles) == 274 + 2 + 1


def test_the_specifications_example_of_256_leaves() -> None:
    _, tiles = build([256])
    assert (widths(tiles, 0), widths(tiles, 1)) == ([256], [1])


def test_a_hash_above_is_the_root_of_the_full_tile_below() -> None:
    _, tiles = build([70_000])
    for n in (0, 5, 272):
        row = [tiles[TileId(0, n)][start : start + 32] for start in range(0, TILE_WIDTH * 32, 32)]
        above, place = divmod(n, TILE_WIDTH)
        assert root_hash(extend(Frontier(), row)[0]) == tiles[TileId(1, above)][place * 32 : place * 32 + 32]


@pytest.mark.parametrize(
    "sizes", [[1], [255], [256], [257], [511], [512], [65_535], [65_536], [65_537], [1, 2, 256, 600, 70_000]]
)
def test_a_tree_comes_back_from_its_unfinished_tiles(sizes: list[int]) -> None:
    tree, tiles = build(sizes)
    assert tree.frontier == extend(Frontier(), HASHES[: sizes[-1]])[0]
    assert restore_tree(sizes[-1], {id_: tiles[id_] for id_ in unfinished_tiles(sizes[-1])}) == tree


def test_steps_make_no_difference() -> None:
    sizes = [1, 2, 5, 255, 256, 257, 700, 701, 1024, 66_000, 70_000]
    assert build(sizes) == build([70_000])


def test_an_append_changes_only_the_right_edge() -> None:
    tree, _ = build([600])
    _, changed = grow(tree, HASHES[600:601])
    assert [(tile.id, len(tile.hashes)) for tile in changed] == [(TileId(0, 2), 89 * 32)]


def test_an_append_of_nothing_changes_nothing() -> None:
    tree, _ = build([600])
    assert grow(tree, []) == (tree, [])


@pytest.mark.parametrize("size", [1, 2, 256, 257, 1000, 70_000])
def test_proofs_out_of_tiles(size: int) -> None:
    tree, tiles = build([size])
    for index in {0, 1, 255, 256, 65_535, 65_536, size // 2, size - 1} & set(range(size)):
        spans = inclusion_spans(index, size)
        needed = tiles_of_spans(spans)
        assert len(needed) <= 2 * 3
        proof = hash_spans(spans, {id_: tiles[id_] for id_ in needed})
        verify_inclusion(index, size, HASHES[index], proof, root_hash(tree.frontier))


def test_tiles_of_a_later_tree_prove_an_earlier_one() -> None:
    tree, _ = build([300])
    _, tiles = build([300, 70_000])
    proof = hash_spans(inclusion_spans(299, 300), tiles)
    verify_inclusion(299, 300, HASHES[299], proof, root_hash(tree.frontier))


@pytest.mark.parametrize("size", [1, 300, 70_000])
@pytest.mark.parametrize(
    "change", [lambda hashes: b"", lambda hashes: hashes[:-1], lambda hashes: hashes * 2]
)
def test_tiles_that_do_not_fit_the_size_are_refused(size: int, change: object) -> None:
    _, tiles = build([size])
    needed = unfinished_tiles(size)
    damaged = {id_: tiles[id_] for id_ in needed} | {needed[0]: change(tiles[needed[0]])}  # type: ignore[operator]
    with pytest.raises(TileError):
        restore_tree(size, damaged)
    with pytest.raises(TileError):
        hash_spans(inclusion_spans(0, 70_000), {})
