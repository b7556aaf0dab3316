"""Paths of tiles and entries, and which of them a tree has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.archive.log.tile import TILE_WIDTH, level_count
from components.tiles.resource import (
    ENTRIES,
    PathError,
    Resource,
    count_new_resources,
    encode_entries,
    encode_path,
    new_resources,
    parse_entries,
    parse_path,
)

RESOURCES = st.builds(
    Resource, st.integers(ENTRIES, 63), st.integers(0, 10**18 - 1), st.integers(1, TILE_WIDTH)
)


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (Resource(0, 0), "tile/0/000"),
        (Resource(1, 1234067), "tile/1/x001/x234/067"),  # tlog-tiles' own example
        (Resource(0, 273, 112), "tile/0/273.p/112"),
        (Resource(ENTRIES, 1000, 1), "tile/entries/x001/000.p/1"),
        (Resource(63, 5), "tile/63/005"),
    ],
)
def test_a_path(resource: Resource, path: str) -> None:
    assert encode_path(resource) == path
    assert parse_path(path) == resource


@given(RESOURCES)
def test_every_path_is_read_back(resource: Resource) -> None:
    assert parse_path(encode_path(resource)) == resource


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/00/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/100/000",
        "tile/data/000",
        "tile/8/0/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "tile/0/" + "x001/" * 7 + "000",
        "/tile/0/000",
        "checkpoint",
    ],
)
def test_another_path_is_refused(path: str) -> None:
    with pytest.raises(PathError):
        parse_path(path)


def test_a_tree_of_70000_has_what_the_specification_says() -> None:
    found = list(new_resources(0, 70_000))
    hashes = [each for each in found if each.level != ENTRIES]
    assert len([each for each in hashes if each.level == 0 and each.is_whole]) == 273
    assert {each for each in hashes if not each.is_whole} == {
        Resource(0, 273, 112),
        Resource(1, 1, 17),
        Resource(2, 0, 1),
    }
    assert [each for each in hashes if each.level == 1 and each.is_whole] == [Resource(1, 0)]
    assert len(found) == len(hashes) + 274


def everything(size: int) -> set[Resource]:
    found = set()
    for level in (ENTRIES, *range(level_count(size))):
        hashes = size >> 8 * max(level, 0)
        found |= {Resource(level, n) for n in range(hashes // TILE_WIDTH)}
        found |= (
            {Resource(level, hashes // TILE_WIDTH, hashes % TILE_WIDTH)} if hashes % TILE_WIDTH else set()
        )
    return found


@given(st.integers(0, 140_000), st.integers(0, 70_000))
def test_what_is_new_is_what_the_new_tree_has_and_the_old_had_not(old_size: int, added: int) -> None:
    size = old_size + added
    found = list(new_resources(old_size, size))
    assert len(found) == len(set(found)) == count_new_resources(old_size, size)
    assert set(found) == everything(size) - everything(old_size)
    assert all(each.is_in_tree(size) for each in found)


@given(RESOURCES, st.integers(0, 10**12))
def test_in_a_tree_is_what_the_tree_has_hashes_for(resource: Resource, size: int) -> None:
    last_leaf_end = (resource.n * TILE_WIDTH + resource.width) << 8 * max(resource.level, 0)
    assert resource.is_in_tree(size) == (last_leaf_end <= size)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entries_are_read_back(entries: list[bytes]) -> None:
    assert parse_entries(encode_entries(entries)) == entries


@pytest.mark.parametrize("bundle", [b"\0", b"\0\1", b"\0\1a\0", b"\0\3ab"])
def test_a_bundle_cut_short_is_refused(bundle: bytes) -> None:
    with pytest.raises(ValueError, match="cut short"):
        parse_entries(bundle)
