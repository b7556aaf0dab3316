"""Copies of files on a machine: equal to what the site has, resumed after a cut, and nothing else than was promised."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.errors import BlobDamaged, BlobUnavailable
from components.archive.blobs.head import BlobHead, BlobTombstone
from components.archive.blobs.reader import BlobState
from components.archive.follow.file_copies import KEEP_FREE_BYTES, FileCopies
from tests.support.blobs import content, names, open_reader, open_store
from tests.support.file_copying import SIZES, copy, data_of, mark_of, put, put_sizes, whole

DATA = content(200_000)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return tmp_path / "machine"


def copies_in(machine: Path, free_bytes: int = 1 << 40) -> FileCopies:
    return FileCopies(machine, lambda: 7, lambda _folder: free_bytes)


async def state_of(machine: Path, head: BlobHead) -> BlobState:
    """What a reader with the key finds there."""
    return (await open_reader(DirectoryObjects(machine)).check(head.address)).state


async def test_what_was_copied_is_read_as_at_the_site(site: Path, machine: Path) -> None:
    copies = copies_in(machine)
    for size, head in zip(SIZES, await put_sizes(site), strict=True):
        assert not await copies.is_kept(head)
        await copy(copies, site, head)
        assert await copies.is_kept(head)
        blob = await open_reader(DirectoryObjects(machine)).open(head.address)
        assert b"".join([piece async for piece in blob.read()]) == content(size)
    assert not [name for name in await names(DirectoryObjects(machine)) if name.startswith("incoming/")]
    assert {mark async for mark in copies.list_kept()} == {
        mark_of(each.address) for each in await put_sizes(site)
    }


@pytest.mark.parametrize("at", [0, 1, 65_552, 131_104, 200_000])
async def test_a_copy_goes_on_where_it_was_cut(site: Path, machine: Path, at: int) -> None:
    head = await put(site, DATA)
    data = await data_of(site, head)
    with pytest.raises(BlobUnavailable, match="too early"):
        await copies_in(machine).take(head, whole(data[:at]))
    # As after a kill: nothing but the folder is known.
    again = copies_in(machine)
    assert await again.count_here(head) == at
    assert not await again.is_kept(head)
    await again.take(head, whole(data, at))
    assert await state_of(machine, head) is BlobState.INTACT


async def test_whole_data_without_a_head_need_no_link(site: Path, machine: Path) -> None:
    """Killed between the name of the data and the head."""
    head = await put(site, DATA)
    await copy(copies_in(machine), site, head)
    (machine / head.address.head_name).unlink()
    copies = copies_in(machine)
    assert await copies.count_here(head) == head.stored_size_bytes
    await copies.take(head, whole(b""))
    assert await state_of(machine, head) is BlobState.INTACT


def flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


@pytest.mark.parametrize(
    "change",
    [
        flip,
        lambda data: data + b"x",
        lambda data: data[:-1] + b"x",
        lambda data: data[::-1],
        lambda data: data * 50,
    ],
    ids=["a bit", "one more byte", "another end", "another order", "without an end"],
)
async def test_other_data_are_not_kept_and_the_right_ones_are_then(
    site: Path, machine: Path, change: Callable[[bytes], bytes]
) -> None:
    head = await put(site, DATA)
    data, copies = await data_of(site, head), copies_in(machine)
    with pytest.raises(BlobDamaged):
        await copies.take(head, whole(change(data)))
    assert await names(DirectoryObjects(machine)) == []
    await copy(copies, site, head)
    assert await state_of(machine, head) is BlobState.INTACT


async def test_data_of_another_blob_are_not_kept(site: Path, machine: Path) -> None:
    """Also with their own SHA-256: the trailer tells whose they are."""
    head, other = await put(site, DATA), await put(site, DATA[::-1])
    lie = replace(other, address=head.address)
    with pytest.raises(BlobDamaged):
        await copies_in(machine).take(lie, whole(await data_of(site, other)))
    assert await names(DirectoryObjects(machine)) == []


async def test_no_head_has_one_file_replace_another(site: Path, machine: Path) -> None:
    """Names of data are the machine's own: a head that names the data of another blob changes nothing of that one."""
    first, second = await put(site, DATA), await put(site, DATA[::-1])
    copies = copies_in(machine)
    await copy(copies, site, first)
    await copies.take(replace(second, data=first.data), whole(await data_of(site, second)))
    assert await state_of(machine, first) is BlobState.INTACT
    assert await state_of(machine, second) is BlobState.INTACT


async def test_a_full_disk_is_named_and_what_came_is_gone_on_with(
    site: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = await put(site, DATA)
    data, copies, left = await data_of(site, head), copies_in(machine), 100_000
    really = os.write

    def write(file: int, piece: bytes) -> int:
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        done = really(file, piece[:left])
        left -= done
        return done

    with monkeypatch.context() as full:
        full.setattr("components.archive.follow.file_copies.os.write", write)
        with pytest.raises(BlobUnavailable, match="the disk is full"):
            await copies.take(head, whole(data))
    assert await copies.count_here(head) == 100_000
    await copies.take(head, whole(data, 100_000))
    assert await state_of(machine, head) is BlobState.INTACT


async def test_files_leave_room_for_the_logs(site: Path, machine: Path) -> None:
    head = await put(site, DATA)
    data = await data_of(site, head)
    with pytest.raises(BlobUnavailable, match="too little"):
        await copies_in(machine, len(data) + KEEP_FREE_BYTES - 1).take(head, whole(data))
    await copies_in(machine, len(data) + KEEP_FREE_BYTES).take(head, whole(data))
    assert await state_of(machine, head) is BlobState.INTACT


async def test_what_is_destroyed_leaves_no_key_and_no_data(site: Path, machine: Path) -> None:
    head = await put(site, DATA)
    beside = await put(site, b"a copy without metadata", head.address)
    other = await put(site, DATA[::-1])
    copies = copies_in(machine)
    for each in (head, beside, other):
        await copy(copies, site, each)
    late = await put(site, b"another copy, which is still coming", head.address)
    with pytest.raises(BlobUnavailable):
        await copies.take(late, whole((await data_of(site, late))[:5]))
    assert await copies.destroy(mark_of(head.address), "order-1") == 2
    assert await copies.destroy(mark_of(head.address), "order-1") == 0
    left = await names(DirectoryObjects(machine))
    assert not [name for name in left if name.startswith("incoming/")]
    assert len([name for name in left if name.startswith("data/")]) == 1
    tombstone = await open_store(DirectoryObjects(machine)).find(head.address)
    assert isinstance(tombstone, BlobTombstone)
    assert (tombstone.order, tombstone.destroyed_at_ns) == ("order-1", 7)
    assert await state_of(machine, other) is BlobState.INTACT
    # A file that is sent again later comes again.
    await copy(copies, site, head)
    assert await state_of(machine, head) is BlobState.INTACT


async def test_what_a_kill_left_is_swept_and_nothing_else(site: Path, machine: Path) -> None:
    kept, half, bare = [await put(site, content(70_000, seed)) for seed in range(3)]
    copies = copies_in(machine)
    await copy(copies, site, kept)
    with pytest.raises(BlobUnavailable):
        await copies.take(half, whole((await data_of(site, half))[:9]))
    await copy(copies, site, bare)
    (machine / bare.address.head_name).unlink()
    # What somebody else keeps there: another process's drafts and data.
    strange = [machine / "incoming/0123", machine / "data/20261123/0123"]
    cut_head = machine / "incoming/follow/0123"
    for path in (*strange, cut_head):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    await copies.sweep(lambda address: address == half.address)
    await copies.sweep_unnamed()
    assert await copies.count_here(half) == 9
    assert await copies.count_here(bare) == 0
    await copies.sweep(lambda address: False)
    assert await copies.count_here(half) == 0
    assert all(path.exists() for path in strange)
    assert not cut_head.exists()
    assert await state_of(machine, kept) is BlobState.INTACT


async def test_a_copy_that_was_lost_or_cut_on_the_machine_is_not_whole(site: Path, machine: Path) -> None:
    head = await put(site, DATA)
    copies = copies_in(machine)
    await copy(copies, site, head)
    (data,) = (machine / "data").rglob("*/*")
    data.write_bytes(data.read_bytes()[:-1])
    assert not await copies.is_kept(head)
    assert [mark async for mark in copies.list_kept()] == []
    data.unlink()
    await copy(copies, site, head)
    assert await state_of(machine, head) is BlobState.INTACT


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*")}


async def test_only_the_owner_may_read_copies(site: Path, machine: Path) -> None:
    head = await put(site, DATA)
    with pytest.raises(BlobUnavailable):
        await copies_in(machine).take(head, whole(b"x"))
    other = await put(site, DATA[::-1])
    await copy(copies_in(machine), site, other)
    assert modes(machine) == {0o700, 0o600}
