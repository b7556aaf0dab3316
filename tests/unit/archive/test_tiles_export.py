"""Tiles in a folder: only what is new, only what is proved, the checkpoint last."""

import asyncio
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.errors import LogDamaged
from components.archive.log.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint
from components.archive.log.note import make_signer
from components.archive.reader import LogReader
from components.tiles.export import export_tiles
from components.tiles.folder import TileFolder, TileFolderError
from components.tiles.resource import encode_path, new_resources
from tests.support.archive import KEY, SIGNER, VERIFIER_KEY, copy_log, entries, open_writer, tamper
from tests.support.tiles import export, publish


async def grow(log: Path, count: int) -> None:
    writer = await open_writer(log)
    await writer.append(entries(0, count))
    await writer.sign()
    await writer.close()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_folder_holds_just_the_tree(tmp_path: Path) -> None:
    published = await publish(tmp_path, (700,))
    names = {encode_path(each) for each in new_resources(0, published.size)} | {"checkpoint"}
    first_size = min(published.notes)
    earlier = {encode_path(each) for each in new_resources(0, first_size)}
    assert names <= set(files(published.folder)) <= names | earlier


async def test_a_new_folder_is_the_same_as_one_that_grew(tmp_path: Path) -> None:
    published = await publish(tmp_path, (1, 254, 1, 300, 1000))
    await export(published.log, tmp_path / "anew")
    grown, anew = files(published.folder), files(tmp_path / "anew")
    assert {name: grown[name] for name in anew} == anew
    wider = {name for name in anew if ".p/" in name}
    assert all(
        name.split(".p/")[0] in {each.split(".p/")[0] for each in wider} for name in set(grown) - set(anew)
    )


async def test_a_second_export_writes_nothing_but_what_is_new(tmp_path: Path) -> None:
    published = await publish(tmp_path, (3000,))
    seen: list[tuple[int, int]] = []
    await export(published.log, published.folder, lambda *progress: seen.append(progress))
    assert seen == [(0, 0)]
    await grow(published.log, 300)
    before = {path: path.stat().st_mtime_ns for path in published.folder.rglob("*") if path.is_file()}
    await export(published.log, published.folder, lambda *progress: seen.append(progress))
    assert seen[-1] == (5, 5)  # a tile and a bundle that are whole now, the next of each, and that of level 1
    changed = {path for path, time in before.items() if path.exists() and path.stat().st_mtime_ns != time}
    assert {path.name for path in changed} == {"checkpoint"}


async def test_unfinished_tiles_go_when_they_are_whole(tmp_path: Path) -> None:
    published = await publish(tmp_path, (100,))
    assert list(published.folder.glob("tile/0/000.p/*"))
    await grow(published.log, 300)
    await export(published.log, published.folder)
    assert not list(published.folder.glob("tile/*/000.p/*"))[2:]  # level 1 is still unfinished
    assert (published.folder / "tile/0/000").stat().st_size == 8192


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE tile SET hashes = flip(hashes, 40) WHERE level = 0 AND n = 0",
        "UPDATE tile SET hashes = flip(hashes, 40) WHERE level = 0 AND n = 2",
        "UPDATE tile SET hashes = flip(hashes, 40) WHERE level = 1",
        "DELETE FROM tile WHERE level = 0 AND n = 1",
        "UPDATE record SET leaf = flip(leaf, 4) WHERE idx = 5",
        "UPDATE record SET leaf = flip(leaf, 4) WHERE idx = 600",
        "DELETE FROM record WHERE idx = 5",
        "UPDATE checkpoint SET note = flip(note, 60) WHERE size = (SELECT max(size) FROM checkpoint)",
        "UPDATE tile SET hashes = flip(hashes, 40) WHERE level = 0 AND n = 0;"
        "UPDATE record SET leaf = flip(leaf, 4) WHERE idx = 5",
    ],
)
async def test_what_is_not_proved_is_not_published(damage: str, tmp_path: Path) -> None:
    published = await publish(tmp_path, (650,))
    log = copy_log(published.log, tmp_path / "damaged.db")
    tamper(log, *damage.split(";"))
    with pytest.raises(LogDamaged):
        await export(log, tmp_path / "other")
    right = files(published.folder)
    assert "checkpoint" not in files(tmp_path / "other")
    assert all(right[name] == content for name, content in files(tmp_path / "other").items())


async def test_a_log_that_was_set_back_is_refused(tmp_path: Path) -> None:
    published = await publish(tmp_path, (50,))
    earlier = copy_log(published.log, tmp_path / "earlier.db")
    await grow(published.log, 50)
    await export(published.log, published.folder)
    before = files(published.folder)
    with pytest.raises(TileFolderError, match="set back"):
        await export(earlier, published.folder)
    assert files(published.folder) == before


async def test_a_log_that_was_rewritten_is_refused(tmp_path: Path) -> None:
    for name, first in (("one", 0), ("other", 7)):
        (tmp_path / name).mkdir()
        writer = await open_writer(tmp_path / name / "gate.db")
        await writer.append(entries(first, 50))
        await writer.sign()
        await writer.close()
    await export(tmp_path / "one/gate.db", tmp_path / "tiles")
    await grow(tmp_path / "other/gate.db", 100)
    with pytest.raises(TileFolderError, match="rewritten"):
        await export(tmp_path / "other/gate.db", tmp_path / "tiles")


async def test_a_folder_of_another_log_is_refused(tmp_path: Path) -> None:
    published = await publish(tmp_path, (50,))
    stranger = make_signer("steelyard.example/audit", KEY)
    note = sign_checkpoint(Checkpoint("steelyard.example/audit", 0, bytes(32)), stranger)
    (published.folder / "checkpoint").write_text(note)
    with pytest.raises(TileFolderError, match="not one of"):
        await export(published.log, published.folder)


async def test_a_folder_goes_on_when_the_log_gets_another_key(tmp_path: Path) -> None:
    published = await publish(tmp_path, (300,))
    following = make_signer(SIGNER.name, Ed25519PrivateKey.generate())
    writer = await open_writer(published.log)
    await writer.rotate_key(following)
    await writer.append(entries(0, 300))
    await writer.sign()
    await writer.close()
    reader = await LogReader.open(published.log)
    with TileFolder.open(published.folder) as folder:
        with pytest.raises(LogDamaged, match="no known key"):
            await export_tiles(reader, [VERIFIER_KEY], folder)
        await export_tiles(reader, [VERIFIER_KEY, following.verifier_key], folder)
    await reader.close()
    note = (published.folder / "checkpoint").read_text()
    assert verify_checkpoint(note, following.verifier_key).size > published.size


async def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    with (
        TileFolder.open(tmp_path / "tiles"),
        pytest.raises(TileFolderError, match="another process"),
        TileFolder.open(tmp_path / "tiles"),
    ):
        pass


@pytest.mark.slow
async def test_an_export_that_was_cut_off_is_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = await publish(tmp_path, (3000,))
    right = files(published.folder)
    written = 0
    replace = os.replace

    class CutError(Exception):
        pass

    for at in (0, 1, 5, 20):
        target = tmp_path / f"cut-{at}"
        written = 0

        def fail_at(source: Path, destination: Path, at: int = at) -> Path:
            nonlocal written
            if written == at:
                raise CutError
            written += 1
            replace(source, destination)
            return destination

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", fail_at)
            with pytest.raises(CutError):
                await export(published.log, target)
        left = {name: content for name, content in files(target).items() if not name.endswith(".new")}
        assert all(right[name] == content for name, content in left.items())
        assert "checkpoint" not in left
        await export(published.log, target)
        assert {name for name in right if ".p/" not in name} <= set(files(target))


async def test_the_checkpoint_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = await publish(tmp_path, (600,))
    order: list[str] = []
    write = TileFolder.write

    def noting(self: TileFolder, contents: dict[str, bytes]) -> None:
        order.extend(contents)
        write(self, contents)

    monkeypatch.setattr(TileFolder, "write", noting)
    await export(published.log, tmp_path / "anew")
    assert order[-1] == "checkpoint"
    assert order.count("checkpoint") == 1
    levels = [name.split("/")[1] for name in order[:-1]]
    assert levels == sorted(levels, key=["1", "0", "entries"].index)


async def test_the_empty_log_has_a_checkpoint_and_no_tile(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    await writer.close()
    assert await export(tmp_path / "gate.db", tmp_path / "tiles") == 0
    assert list(files(tmp_path / "tiles")) == ["checkpoint"]
    assert SIGNER.name in (tmp_path / "tiles/checkpoint").read_text()


@pytest.mark.slow
async def test_an_export_while_the_log_grows_is_of_one_checkpoint(tmp_path: Path) -> None:
    published = await publish(tmp_path, (20_000,))
    writer = await open_writer(published.log)

    async def append() -> None:
        for _ in range(10):
            await writer.append(entries(0, 300))
            await writer.sign()
            await asyncio.sleep(0)

    target = tmp_path / "busy"
    size, _ = await asyncio.gather(export(published.log, target), append())
    await writer.close()
    held = files(target)
    assert set(held) == {encode_path(each) for each in new_resources(0, size)} | {"checkpoint"}
