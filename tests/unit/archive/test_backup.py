"""A log is backed up into a folder, online and in steps, and comes back as it was."""

import asyncio
import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.archive.backup import PIECE_RECORDS, CopyError, Piece
from components.archive.backup.back_up import Saved, back_up_log
from components.archive.backup.copy import copy_log
from components.archive.backup.encoding import encode_piece, parse_piece, parse_segments
from components.archive.backup.folder import open_backup
from components.archive.backup.saved_log import SavedLog, check_saved, saved_names
from components.archive.bookkeeping import Tombstone, encode_bookkeeping
from components.archive.log.leaf import NO_CONVERSATION, NOT_SEALED, encode_header, parse_leaf
from components.archive.store import Change, CheckpointRow, Destruction, LogStore, RecordRow
from components.archive.store.open import StoreName, open_source, open_store
from tests.support.stores import (
    START_NS,
    VERIFIER_KEY,
    entries,
    open_log,
    ticking,
    write_batches,
)
from tests.unit.archive.test_copy import everything, no_progress

pytestmark = pytest.mark.slow

BATCHES = (1, 2, 300, 4000, 700, 3600)


async def back_up(name: StoreName, path: Path) -> Saved:
    source = await open_source(name)
    try:
        with open_backup(path, make=True) as folder:
            saved = await back_up_log(source, folder, "gate", VERIFIER_KEY, no_progress)
            folder.complete()
            return saved
    finally:
        await source.close()


async def restore(path: Path, name: StoreName) -> None:
    store = await open_store(name)
    try:
        with open_backup(path) as folder:
            await copy_log(SavedLog.of(folder, "gate"), store, VERIFIER_KEY, no_progress)
    finally:
        await store.close()


async def check(path: Path) -> None:
    with open_backup(path) as folder:
        await check_saved(SavedLog.of(folder, "gate"), VERIFIER_KEY, no_progress)


def files(path: Path) -> dict[str, int]:
    """The inodes of a backup's files by name."""
    return {str(file.relative_to(path)): file.stat().st_ino for file in path.rglob("*") if file.is_file()}


async def test_a_log_comes_back_as_it_was(store_name: StoreName, tmp_path: Path) -> None:
    await write_batches(store_name, BATCHES)
    saved = await back_up(store_name, tmp_path / "backup")
    assert saved.outline.pieces == saved.written_pieces == 3
    await check(tmp_path / "backup")
    await restore(tmp_path / "backup", tmp_path / "restored.db")
    assert await everything(tmp_path / "restored.db") == await everything(store_name)
    writer = await open_log(tmp_path / "restored.db")
    await writer.append(entries(0, 1))
    await writer.close()


@pytest.mark.parametrize("batches", [(), (1,), (PIECE_RECORDS - 2,), (2 * PIECE_RECORDS,)])
async def test_logs_of_every_length(tmp_path: Path, batches: tuple[int, ...]) -> None:
    await write_batches(tmp_path / "gate.db", batches)
    for _ in range(2):
        await back_up(tmp_path / "gate.db", tmp_path / "backup")
        await check(tmp_path / "backup")
    await restore(tmp_path / "backup", tmp_path / "restored.db")
    assert await everything(tmp_path / "restored.db") == await everything(tmp_path / "gate.db")


async def test_only_what_is_new_is_written(store_name: StoreName, tmp_path: Path) -> None:
    backup, at_ns = tmp_path / "backup", START_NS
    await write_batches(store_name, BATCHES)
    await back_up(store_name, backup)
    for count, pieces in ((0, 0), (10, 1), (6000, 2), (1, 1)):
        before = files(backup)
        if count:
            at_ns += 10**13
            writer = await open_log(store_name, ticking(at_ns))
            await writer.append(entries(writer.size, count))
            await writer.close()
        saved = await back_up(store_name, backup)
        after = files(backup)
        assert saved.written_pieces == pieces
        assert len(after.items() - before.items()) == pieces + (3 if count else 1)  # the list is always new
        assert {name for name in after if "/records/" in name} == listed(backup, "/records/")
        await check(backup)
    await restore(backup, tmp_path / "restored.db")
    assert await everything(tmp_path / "restored.db") == await everything(store_name)


def listed(path: Path, part: str) -> set[str]:
    lines = (path / "SHA256SUMS").read_text().splitlines()
    return {line.partition("  ")[2] for line in lines if part in line}


async def test_it_is_made_while_the_log_is_written(store_name: StoreName, tmp_path: Path) -> None:
    writer = await open_log(store_name)
    running = True

    async def write() -> None:
        while running:
            await writer.append(
                entries(writer.size, 300), memo=b"memo", forget_memos_before=writer.size - 900
            )
            await writer.maintain(sign_after_s=0.01)
            await asyncio.sleep(0)

    task = asyncio.create_task(write())
    records = 0
    for _ in range(4):
        saved = await back_up(store_name, tmp_path / "backup")
        assert saved.outline.records >= records
        records = saved.outline.records
        await check(tmp_path / "backup")
    running = False
    await task
    await writer.close()
    assert records > 0
    await restore(tmp_path / "backup", tmp_path / "restored.db")
    before, after = await everything(tmp_path / "restored.db"), await everything(store_name)
    assert before[1] == after[1][:records]  # type: ignore[index]


async def test_what_is_destroyed_leaves_the_backup_with_the_next_run(
    store_name: StoreName, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    await write_batches(store_name, (*BATCHES, 4000))
    await back_up(store_name, backup)
    source = await open_source(store_name)
    segments = await source.fetch_segments()
    row = (await source.fetch_rows(700, 701))[0]
    await source.close()
    assert row.payload and segments[2].keys
    assert holds(backup, row.payload)

    store = await open_store(store_name)
    await store.take_lease()
    segment = parse_leaf(row.leaf).segment
    assert segment != 1
    await store.commit(Change(destroyed=[Destruction(segment, [700], b'["other envelopes"]')]))
    await store.commit(Change(destroyed=[Destruction(1, [1], None)]))
    await store.close()
    before = files(backup)
    saved = await back_up(store_name, backup)
    assert saved.written_pieces < saved.outline.pieces  # only those that the segments lie in
    assert not holds(backup, row.payload)
    keys = [each.keys for each in saved_segments(backup)]
    assert (keys[0], keys[segment - 1]) == (None, b'["other envelopes"]')
    assert before.keys() - files(backup).keys()
    await check(backup)
    assert (await back_up(store_name, backup)).written_pieces == 0
    await restore(backup, tmp_path / "restored.db")
    assert await everything(tmp_path / "restored.db") == await everything(store_name)


def holds(backup: Path, part: bytes) -> bool:
    return any(part in file.read_bytes() for file in backup.rglob("*") if file.is_file())


def saved_segments(backup: Path) -> list:  # type: ignore[type-arg]
    return [
        row
        for file in sorted((backup / "gate/segments").iterdir())
        for row in parse_segments(file.read_bytes())
    ]


@pytest.mark.parametrize("erased", [(), (3, 5, 4000)])
async def test_a_destruction_of_several_commits_leaves_the_backup_as_far_as_it_has_come(
    store_name: StoreName, tmp_path: Path, erased: tuple[int, ...]
) -> None:
    """The keys change in the first of them only."""
    backup = tmp_path / "backup"
    writer = await open_log(store_name)
    await writer.append(entries(0, 4090))
    await writer.append(entries(4090, 5000, 2))
    await writer.close()
    await back_up(store_name, backup)
    store = await open_store(store_name)
    await store.take_lease()
    targets = [row for row in await store.fetch_rows(0, 9000) if parse_leaf(row.leaf).segment == 1]
    if erased:
        targets = [row for row in targets if parse_leaf(row.leaf).position in erased]
    assert len(targets) == (len(erased) or 4090)
    third = -(-len(targets) // 3)
    for turn in range(3):
        part = targets[turn * third : (turn + 1) * third]
        change = Change(destroyed=[Destruction(1, [row.index for row in part], b"new" if erased else None)])
        if not turn:
            change = change._replace(**await with_tombstone(store, erased))
        await store.commit(change)
        await back_up(store_name, backup)
        await back_up(store_name, backup)
        # Each is looked for in all files, so not all of them are: all those beside the border, a few elsewhere.
        border = (turn + 1) * third
        looked_for = [row for at, row in enumerate(targets) if abs(at - border) < 20 or at % 50 == 0]
        held = [row.index for row in looked_for if row.payload and holds(backup, row.payload)]
        assert held == [row.index for row in looked_for if row in targets[border:]]
        assert destroying(backup) == ({"1": list(erased)} if held else {})
    await store.close()
    await check(backup)
    await restore(backup, tmp_path / "restored.db")
    assert await everything(tmp_path / "restored.db") == await everything(store_name)


async def with_tombstone(store: LogStore, positions: tuple[int, ...]) -> dict[str, Any]:
    """The fields of a change that appends the tombstone of segment 1."""
    bounds = await store.fetch_bounds()
    index = (bounds or (0, -1))[1] + 1
    kind, payload = encode_bookkeeping(Tombstone(1, "order", len(positions) or 4090, positions, ""))
    header = encode_header(kind, index, START_NS * 2, NOT_SEALED, 0, 0, len(payload), NO_CONVERSATION)
    return {
        "first": index,
        "leaves": [header + hashlib.sha256(payload).digest()],
        "payloads": [payload],
    }


def destroying(backup: Path) -> object:
    (file,) = (backup / "gate").glob("log-*")
    return json.loads(file.read_bytes())["destroying"]


async def test_a_destruction_in_the_middle_of_a_run_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, backup = tmp_path / "gate.db", tmp_path / "backup"
    await write_batches(log, (3000, 3000, 3000))
    store = await open_store(log)
    await store.take_lease()
    payload = (await store.fetch_rows(1, 2))[0].payload
    put, calls = "components.archive.backup.back_up._put_piece", 0
    from components.archive.backup import back_up as module

    original = module._put_piece

    def destroy_after_the_first(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        original(*arguments)  # type: ignore[arg-type]
        if calls == 1:
            store._transact(  # type: ignore[attr-defined]
                [
                    ("UPDATE record SET payload = NULL WHERE idx = 1", ()),
                    ("UPDATE segment SET keys = NULL", ()),
                ]
            )

    monkeypatch.setattr(put, destroy_after_the_first)
    await back_up(log, backup)
    assert payload is not None
    assert not holds(backup, payload)
    assert all(row.keys is None for row in saved_segments(backup))
    await store.close()
    await check(backup)


def what_sha256sum_finds(backup: Path) -> str:
    command = ["sha256sum", "--quiet", "-c", "SHA256SUMS"]
    return subprocess.run(command, cwd=backup, capture_output=True, text=True, check=False).stdout


def flip_one_bit(data: bytearray) -> bytes:
    data[len(data) // 2] ^= 1
    return bytes(data)


DAMAGES: dict[str, Callable[[bytearray], bytes | bytearray]] = {
    "a flipped bit": flip_one_bit,
    "cut short": lambda data: data[:-1],
    "empty": lambda _data: b"",
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("which", ["records/00000/00000001", "segments/00000000", "memos", "log", "key"])
async def test_damage_to_a_file_is_named(tmp_path: Path, which: str, how: str) -> None:
    backup = tmp_path / "backup"
    await write_batches(tmp_path / "gate.db", BATCHES)
    await back_up(tmp_path / "gate.db", backup)
    (file,) = (backup / "gate").glob(f"{which}-*")
    file.write_bytes(DAMAGES[how](bytearray(file.read_bytes())))
    assert file.name in what_sha256sum_finds(backup)
    if which == "key":
        with open_backup(backup) as folder, pytest.raises(CopyError, match=re.escape(str(file))):
            SavedLog.of(folder, "gate").verifier_key()
        return
    with pytest.raises(CopyError, match=re.escape(str(file))):
        await check(backup)
    with pytest.raises(CopyError, match=re.escape(str(file))):
        await restore(backup, tmp_path / "restored.db")


async def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    await write_batches(tmp_path / "gate.db", BATCHES)
    await back_up(tmp_path / "gate.db", backup)
    (file,) = (backup / "gate").glob("records/00000/00000001-*")
    file.unlink()
    with pytest.raises(CopyError, match="is missing from the backup"):
        await check(backup)
    sums = (backup / "SHA256SUMS").read_text().splitlines(keepends=True)
    (backup / "SHA256SUMS").write_text("".join(line for line in sums if "00000001-" not in line))
    with pytest.raises(CopyError, match="does not name every piece"):
        await check(backup)


async def test_a_rewritten_backup_does_not_give_the_signed_root(tmp_path: Path) -> None:
    """Somebody who makes the list of files fit still cannot sign."""
    backup = tmp_path / "backup"
    await write_batches(tmp_path / "gate.db", BATCHES)
    await back_up(tmp_path / "gate.db", backup)
    (file,) = (backup / "gate").glob("records/00000/00000001-*")
    piece = parse_piece(1, file.read_bytes())
    payload = b"forged"
    leaf = piece.records[3].leaf[:25] + len(payload).to_bytes(4, "big") + piece.records[3].leaf[29:45]
    forged = RecordRow(piece.records[3].index, leaf + hashlib.sha256(payload).digest(), payload)
    records = [*piece.records[:3], forged, *piece.records[4:]]
    old = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_bytes(encode_piece(Piece(1, records, piece.checkpoints)))
    sums = (backup / "SHA256SUMS").read_text()
    (backup / "SHA256SUMS").write_text(sums.replace(old, hashlib.sha256(file.read_bytes()).hexdigest()))
    with pytest.raises(CopyError, match=r"do not give the root|payload of record"):
        await check(backup)
    with pytest.raises(CopyError, match=r"do not give the root|payload of record"):
        await restore(backup, tmp_path / "restored.db")


async def test_a_log_that_was_set_back_or_is_another_spoils_no_backup(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    await write_batches(tmp_path / "gate.db", (5000,))
    await back_up(tmp_path / "gate.db", backup)
    await write_batches(tmp_path / "short.db", (10,))
    await write_batches(tmp_path / "other.db", (9000,))
    before = files(backup)
    with pytest.raises(CopyError, match="the log was set back"):
        await back_up(tmp_path / "short.db", backup)
    with pytest.raises(CopyError, match=r"not those that were backed up|do not give the root"):
        await back_up(tmp_path / "other.db", backup)
    assert before.items() <= files(backup).items()
    await check(backup)
    await back_up(tmp_path / "gate.db", backup)
    assert files(backup).keys() == before.keys()


async def test_a_folder_that_is_no_backup_is_left_alone(tmp_path: Path) -> None:
    await write_batches(tmp_path / "gate.db", (1,))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter-0123456789abcdef.txt").write_text("dear")
    with pytest.raises(CopyError, match="is not a backup; name an empty folder"):
        await back_up(tmp_path / "gate.db", mine)
    with pytest.raises(CopyError, match="is not a backup"), open_backup(mine):
        pass
    assert [file.name for file in mine.iterdir()] == ["letter-0123456789abcdef.txt"]


async def test_one_run_at_a_time(tmp_path: Path) -> None:
    with (
        open_backup(tmp_path / "backup", make=True),
        pytest.raises(CopyError, match="in use by another"),
        open_backup(tmp_path / "backup"),
    ):
        pass


async def test_files_are_their_owners_only(tmp_path: Path) -> None:
    await write_batches(tmp_path / "gate.db", (1,))
    await back_up(tmp_path / "gate.db", tmp_path / "backup")
    for file in (tmp_path / "backup").rglob("*"):
        assert file.stat().st_mode & 0o077 == 0


async def test_two_logs_in_one_backup(tmp_path: Path) -> None:
    await write_batches(tmp_path / "gate.db", (10,))
    source = await open_source(tmp_path / "gate.db")
    for _ in range(2):
        with open_backup(tmp_path / "backup", make=True) as folder:
            for name in ("gate", "audit"):
                await back_up_log(source, folder, name, VERIFIER_KEY, no_progress)
            folder.complete()
            assert sorted(saved_names(folder)) == ["audit", "gate"]
    await source.close()


def test_a_piece_is_encoded_and_read_again() -> None:
    records = [RecordRow(5, b"leaf", b"payload"), RecordRow(6, b"", None), RecordRow(7, b"x" * 77, b"")]
    piece = Piece(2, records, [CheckpointRow(9, 7, "note\n— é\n")])
    assert parse_piece(2, encode_piece(piece)) == piece
    data = encode_piece(piece)
    for end in range(len(data)):
        with pytest.raises(CopyError, match="not a file of records"):
            parse_piece(2, data[:end])
    with pytest.raises(CopyError, match="something follows"):
        parse_piece(2, data + b"\0")


def test_what_the_outline_says_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs/backup.md").read_text()
    for name in ("steelyard-backup/1", "steelyard-records/1", "SHA256SUMS", "whole_pieces", "frontier"):
        assert name in text
