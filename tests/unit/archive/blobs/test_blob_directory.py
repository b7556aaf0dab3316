"""What only a directory can do wrong."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.errors import BlobUnavailable, VersionConflict
from tests.support.blobs import content, files, open_reader, open_store, pieces


def set_mode(folder: Path, mode: int) -> None:
    folder.chmod(mode)


@pytest.mark.parametrize(
    ("above", "folders", "files_"),
    [
        (0o700, 0o700, 0o600),
        (0o750, 0o750, 0o640),
        (0o755, 0o700, 0o600),
        (0o710, 0o700, 0o600),
        (0o770, 0o750, 0o640),
    ],
)
async def test_only_the_owner_may_read_and_the_group_if_the_folder_is_the_groups(
    above: int, folders: int, files_: int, tmp_path: Path
) -> None:
    set_mode(tmp_path, above)
    before = os.umask(0o022)
    try:
        await open_store(DirectoryObjects(tmp_path / "blobs")).put(pieces(b"tin"), 1)
    finally:
        os.umask(before)
    found = [tmp_path / "blobs", *(tmp_path / "blobs").rglob("*")]
    assert len(found) > 3
    for path in found:
        if path.name != "lock":
            assert stat.S_IMODE(path.stat().st_mode) == (folders if path.is_dir() else files_), path


async def test_keys_that_were_destroyed_are_overwritten(tmp_path: Path) -> None:
    store = open_store(DirectoryObjects(tmp_path))
    address = (await store.put(pieces(b"tin"), 1)).address
    with (tmp_path / address.head_name).open("rb") as before:  # the file, whatever its name leads to later
        assert b"sealed" in before.read()
        await store.destroy(address, "order")
        before.seek(0)
        assert set(before.read()) == {0}


@pytest.mark.slow
async def test_readers_never_see_a_head_that_is_being_replaced(tmp_path: Path) -> None:
    objects = DirectoryObjects(tmp_path)
    store, reader = open_store(objects), open_reader(objects)
    address = (await store.put(pieces(b"tin"), 1)).address
    done = False

    async def renew() -> None:
        nonlocal done
        for _ in range(60):
            await store.put(pieces(b"tin"), 1)
        done = True

    async def look() -> int:
        looks = 0
        while not done:
            assert b"".join([piece async for piece in (await reader.open(address)).read()]) == b"tin"
            looks += 1
        return looks

    _, *looks = await asyncio.gather(renew(), look(), look(), look())
    assert sum(looks) > 10


async def test_of_many_who_replace_a_version_one_does(tmp_path: Path) -> None:
    one, other = DirectoryObjects(tmp_path), DirectoryObjects(tmp_path)

    async def swap(number: int) -> bool:
        try:
            await (one if number % 2 else other).swap("head/1/aa/x", b"%d" % number, None)
        except VersionConflict:
            return False
        return True

    assert sum(await asyncio.gather(*(swap(number) for number in range(20)))) == 1


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file")
    with pytest.raises(BlobUnavailable, match=r"file exists|not a directory"):
        await open_store(DirectoryObjects(tmp_path / "blobs")).put(pieces(b"tin"), 1)


@pytest.mark.slow
async def test_memory_stays_bounded(tmp_path: Path) -> None:
    """A source of 100 MiB is never more than a few pieces ahead of the disk."""
    produced = 0
    objects = DirectoryObjects(tmp_path)

    async def source() -> "object":
        nonlocal produced
        chunk = content(1 << 20)
        for _ in range(100):
            draft = next((tmp_path / "incoming").iterdir())
            assert produced - draft.stat().st_size < 4 << 20
            produced += len(chunk)
            yield chunk

    blob = await open_store(objects).put(source(), 1)  # type: ignore[arg-type]
    assert blob.size_bytes == produced == 100 << 20


async def test_strange_files_are_no_blobs(tmp_path: Path) -> None:
    store = open_store(DirectoryObjects(tmp_path))
    address = (await store.put(pieces(b"tin"), 1)).address
    folder = (tmp_path / address.head_name).parent
    (folder / "README").write_text("")
    (folder / ("0" * 64)).write_text("")  # in another's folder
    (tmp_path / "head/notes").mkdir()
    (tmp_path / "head/notes/x").write_text("")
    assert [each async for each in store.list()] == [address]


async def test_drafts_are_gone_when_all_is_well(tmp_path: Path) -> None:
    store = open_store(DirectoryObjects(tmp_path))
    for number in range(5):
        await store.put(pieces(content(200_000, number)), 1)
    assert len(files(tmp_path)) == 10
    assert not any((tmp_path / "incoming").iterdir())
