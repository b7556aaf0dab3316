"""A copy of the queue: also while a gate has it open, and of nothing that the copied log does not know."""

import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.gate.review.snapshot import copy_queue
from components.gate.review.store import ReviewStore
from policy.review import Item
from tests.unit.gate.test_review_store import ITEM

ITEMS = [replace(ITEM, token=f"h{record}", record=record) for record in range(20)]


def has_left(folder: Path) -> bool:
    return any(folder.glob(".queue*"))


async def items_of(content: bytes, folder: Path) -> list[Item]:
    path = folder / "copy.db"
    path.write_bytes(content)
    store = await ReviewStore.open(path)
    try:
        return await store.load()
    finally:
        await store.close()


async def test_it_is_copied_while_a_gate_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    store = await ReviewStore.open(path)
    store.save(ITEMS, [])
    content = copy_queue(path, 1000)
    store.save([], [ITEMS[0].token])  # and goes on with it
    await store.close()
    assert sorted(each.record for each in await items_of(content, tmp_path)) == list(range(20))
    assert not has_left(tmp_path)


async def test_what_was_held_after_the_copied_log_ends_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    store = await ReviewStore.open(path)
    store.save([replace(each, stanza=b"said at %d" % each.record) for each in ITEMS], [])
    await store.close()
    content = copy_queue(path, 7)
    assert sorted(each.record for each in await items_of(content, tmp_path)) == list(range(7))
    assert b"said at 6" in content
    assert b"said at 7" not in content


async def test_what_a_killed_gate_left_is_taken_back_in_the_copy_only(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    store = await ReviewStore.open(path)
    store.save(ITEMS, [])
    await store.close()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = TRUNCATE")
    writer.execute("PRAGMA cache_spill = ON")
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE item SET stanza = zeroblob(60000)")
    journal = path.with_name("review.db-journal")
    assert journal.stat().st_size
    before = (path.read_bytes(), journal.read_bytes())
    content = copy_queue(path, 1000)
    assert (path.read_bytes(), journal.read_bytes()) == before
    writer.execute("ROLLBACK")
    writer.close()
    assert [each.stanza for each in await items_of(content, tmp_path)] == [ITEM.stanza] * 20


def test_an_empty_file_is_one(tmp_path: Path) -> None:
    """As a gate leaves it that was killed while it made it."""
    (tmp_path / "review.db").touch()
    assert copy_queue(tmp_path / "review.db", 3) == b""


def test_one_that_never_holds_still_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "review.db"
    numbers = iter(range(1000))
    path.write_bytes(b"")

    def write_more(_seconds: float) -> None:
        path.write_bytes(b"%d" % next(numbers))

    monkeypatch.setattr(time, "sleep", write_more)
    with pytest.raises(LogUnavailable, match="is written to all the time"):
        copy_queue(path, 3)
