"""Blobs go into a backup and come back, from and to either kind of store; only what is new is written."""

import asyncio
import shutil
import subprocess
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.archive.backup import CopyError
from components.archive.blobs.address import BlobAddress
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.errors import BlobDestroyed
from components.archive.blobs.head import BlobHead
from components.archive.blobs.objects import ObjectStore
from components.archive.blobs.reader import BlobState
from tests.support.archive import AUDITOR
from tests.support.blob_backup import back_up, check, restore
from tests.support.blobs import content, names, open_reader, open_store, pieces

CONTENTS = [content(size) for size in (0, 1, 70_000, 3_000_000)] + [content(100, seed) for seed in range(20)]


@pytest.fixture
async def addresses(objects: ObjectStore) -> list[BlobAddress]:
    store = open_store(objects)
    firms = ("metals", "grain")
    return [
        (await store.put(pieces(data), 1 + number % 2, enterprise=firms[number % 2])).address
        for number, data in enumerate(CONTENTS)
    ]


async def head_of(objects: ObjectStore, address: BlobAddress) -> BlobHead:
    head = await open_store(objects).find(address)
    assert isinstance(head, BlobHead)
    return head


def data_files(path: Path) -> list[Path]:
    return sorted(path.glob("blobs/*/*/*"))


async def require_all(objects: ObjectStore, addresses: list[BlobAddress]) -> None:
    for address, data in zip(addresses, CONTENTS, strict=True):
        blob = await open_reader(objects).open(address)
        assert b"".join([piece async for piece in blob.read()]) == data


async def test_all_come_back(objects: ObjectStore, addresses: list[BlobAddress], tmp_path: Path) -> None:
    saved = await back_up(objects, tmp_path / "backup")
    assert (saved.blobs, saved.written, saved.destroyed, saved.problems) == (24, 24, 0, [])
    assert check(tmp_path / "backup") == 24
    restored = DirectoryObjects(tmp_path / "restored")
    assert await restore(tmp_path / "backup", restored) == 24
    await require_all(restored, addresses)
    assert await names(restored) == await names(objects)
    assert await restore(tmp_path / "backup", restored) == 0


async def test_what_a_folder_had_comes_back_into_the_same_kind_of_store(
    objects: ObjectStore, addresses: list[BlobAddress], tmp_path: Path
) -> None:
    await back_up(objects, tmp_path / "backup")
    for name in await names(objects):
        await objects.delete(name)
    assert await restore(tmp_path / "backup", objects) == 24
    await require_all(objects, addresses)


async def test_only_what_is_new_is_written(
    objects: ObjectStore, addresses: list[BlobAddress], tmp_path: Path
) -> None:
    await back_up(objects, tmp_path / "backup")
    before = {file: file.stat().st_mtime_ns for file in data_files(tmp_path / "backup")}
    assert (await back_up(objects, tmp_path / "backup")).written == 0
    store = open_store(objects)
    await store.put(pieces(content(5, 99)), 1)
    await store.put(pieces(CONTENTS[3]), 2, enterprise="grain")
    saved = await back_up(objects, tmp_path / "backup")
    assert (saved.blobs, saved.written) == (25, 1)
    assert (
        before.items() <= {file: file.stat().st_mtime_ns for file in data_files(tmp_path / "backup")}.items()
    )
    assert len(addresses) == 24


async def test_what_was_destroyed_leaves_the_backup(
    objects: ObjectStore, addresses: list[BlobAddress], tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    await back_up(objects, path)
    head = await head_of(objects, addresses[2])
    await open_store(objects).destroy(addresses[2], "order-1")
    saved = await back_up(objects, path)
    assert (saved.blobs, saved.destroyed) == (23, 1)
    assert saved.newest_destroyed_ns > 0
    left = b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())
    assert head.envelopes not in left
    assert not list(path.rglob(f"{Path(head.data).name}*"))
    assert check(path) == 23
    restored = DirectoryObjects(tmp_path / "restored")
    await restore(path, restored)
    with pytest.raises(BlobDestroyed, match="order-1"):
        await open_reader(restored).open(addresses[2])


async def test_what_is_damaged_or_lost_in_the_store_stays_in_the_backup_and_is_named(
    addresses_in_folder: tuple[Path, list[BlobAddress]], tmp_path: Path
) -> None:
    folder, addresses = addresses_in_folder
    objects, path = DirectoryObjects(folder), tmp_path / "backup"
    await back_up(objects, path)
    heads = [await head_of(objects, address) for address in addresses]
    (folder / addresses[1].head_name).unlink()
    (folder / addresses[2].head_name).write_bytes(b"{}")
    shutil.copy(folder / addresses[5].head_name, folder / addresses[7].head_name)
    (folder / heads[4].data).unlink()
    saved = await back_up(objects, path)
    assert saved.blobs == 24
    assert {problem.blob for problem in saved.problems} == {str(addresses[n]) for n in (1, 2, 7)}
    # What the backup has already is not looked at in the store: `steelyard verify` does that.
    assert check(path) == 24
    assert await restore(path, objects) == 2
    assert (await open_reader(objects).check(addresses[1])).state is BlobState.INTACT
    assert (await open_reader(objects).check(addresses[4])).state is BlobState.INTACT


async def test_what_was_damaged_before_it_was_backed_up_is_left_out_and_named(
    addresses_in_folder: tuple[Path, list[BlobAddress]], tmp_path: Path
) -> None:
    folder, addresses = addresses_in_folder
    objects = DirectoryObjects(folder)
    head, short = await head_of(objects, addresses[3]), await head_of(objects, addresses[2])
    data = bytearray((folder / head.data).read_bytes())
    data[1_500_000] ^= 1
    (folder / head.data).write_bytes(data)
    (folder / short.data).unlink()
    saved = await back_up(objects, tmp_path / "backup")
    assert saved.blobs == 22
    assert {problem.blob for problem in saved.problems} == {str(addresses[3]), str(addresses[2])}
    assert check(tmp_path / "backup") == 22
    assert len(data_files(tmp_path / "backup")) == 22


async def test_a_backup_that_was_altered_is_not_restored(
    addresses_in_folder: tuple[Path, list[BlobAddress]], tmp_path: Path
) -> None:
    folder, addresses = addresses_in_folder
    path = tmp_path / "backup"
    await back_up(DirectoryObjects(folder), path)
    head = await head_of(DirectoryObjects(folder), addresses[3])
    (file,) = path.rglob(f"{Path(head.data).name}.blob")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(CopyError, match="SHA-256"):
        check(path)
    restored = DirectoryObjects(tmp_path / "restored")
    with pytest.raises(CopyError, match="SHA-256"):
        await restore(path, restored)
    assert await restored.size(head.data) is None
    assert await restored.read(addresses[3].head_name) is None


def test_the_lists_are_those_of_sha256sum(
    addresses_in_folder: tuple[Path, list[BlobAddress]], tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    asyncio.run(back_up(DirectoryObjects(addresses_in_folder[0]), path))
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=path, check=True)
    sums = "".join(file.read_text() for file in path.glob("blobs/*/*.sums"))
    done = subprocess.run(
        ["sha256sum", "-c"], input=sums, cwd=path, check=True, capture_output=True, text=True
    )
    assert done.stdout.count(": OK\n") == 24


@pytest.mark.slow
async def test_memory_does_not_grow_with_a_file(tmp_path: Path) -> None:
    size, objects = 48 << 20, DirectoryObjects(tmp_path / "blobs")

    async def long() -> AsyncIterator[bytes]:
        for _ in range(size >> 20):
            yield bytes(1 << 20)

    address = (await open_store(objects).put(long(), 1)).address
    tracemalloc.start()
    try:
        await back_up(objects, tmp_path / "backup")
        await restore(tmp_path / "backup", DirectoryObjects(tmp_path / "restored"))
        check(tmp_path / "backup")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    checked = await open_reader(DirectoryObjects(tmp_path / "restored"), AUDITOR).check(address)
    assert checked.state is BlobState.INTACT


@pytest.fixture
def addresses_in_folder(tmp_path: Path) -> tuple[Path, list[BlobAddress]]:
    async def put_all() -> list[BlobAddress]:
        store = open_store(DirectoryObjects(tmp_path / "folder"))
        return [(await store.put(pieces(data), 1)).address for data in CONTENTS]

    return tmp_path / "folder", asyncio.run(put_all())
