"""A queue that is lost while messages are held in it is never taken for an empty one, wherever a gate dies."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.gate.review import mark
from components.gate.review.mark import HeldMark
from components.gate.review.snapshot import copy_queue
from components.gate.review.store import ReviewStore, check_queue
from policy.review import ItemKind
from tests.unit.gate.test_review_store import ITEM, SENT

OTHERS = [
    replace(SENT, token=f"n{number}", kind=kind)
    for number, kind in enumerate((ItemKind.NOTICE, ItemKind.JOIN, ItemKind.ERROR))
]


async def open_queue(path: Path) -> ReviewStore:
    store = await ReviewStore.open(path)
    try:
        await store.load()
    except BaseException:
        await store.close()
        raise
    return store


async def hold(path: Path, count: int = 2) -> None:
    store = await open_queue(path)
    store.save([replace(ITEM, token=f"h{number}") for number in range(count)], [])
    await store.close()


def is_marked(path: Path) -> bool:
    return HeldMark(path).path.exists()


async def test_the_mark_is_there_while_a_message_is_held(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    store = await open_queue(path)
    store.save(OTHERS, [])
    assert not is_marked(path)  # of a notice only its sender knows
    store.save([ITEM], [])
    assert is_marked(path)
    store.save([replace(ITEM, token="h8")], [ITEM.token])
    store.save([replace(ITEM, token="h8", attempts=1)], [])
    assert is_marked(path)
    store.save([], ["h8"])
    assert not is_marked(path)
    store.save([ITEM], [ITEM.token])  # decided before it was stored
    assert not is_marked(path)
    await store.close()
    assert is_marked(path) is False
    assert HeldMark(path).path.name == "review.db.held"


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def begin_anew(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TABLE item (token TEXT PRIMARY KEY, facts TEXT NOT NULL, stanza BLOB NOT NULL)"
        )


@pytest.mark.parametrize("lose", [remove, empty, begin_anew])
async def test_a_lost_queue_is_told_by_gate_and_check(tmp_path: Path, lose: Callable[[Path], None]) -> None:
    path = tmp_path / "review.db"
    await hold(path)
    lose(path)
    said = (
        rf"{path}: messages were held in it, and it is gone or empty; put it back, or remove {path}\.held: "
        r"the messages held in it are recorded, but will not be delivered \(docs/review\.md, 4\)$"
    )
    for use in (check_queue, open_queue):
        with pytest.raises(LogDamaged, match=said):
            await use(path)
    assert is_marked(path)
    HeldMark(path).path.unlink()
    store = await open_queue(path)
    assert await store.load() == []
    await store.close()


async def test_a_backup_keeps_what_it_has_of_a_queue_that_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    await hold(path)
    path.unlink()
    with pytest.raises(LogDamaged, match="messages were held in it"):
        copy_queue(path, 100)


async def test_killed_before_the_mark_is_put_the_next_start_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "review.db"
    store = await open_queue(path)
    with monkeypatch.context() as patched:
        patched.setattr(mark, "replace_durably", _fail)
        with pytest.raises(LogUnavailable, match=r"review\.db\.held: cannot be put or removed"):
            store.save([ITEM], [])
    await store.close()
    assert not is_marked(path)
    store = await open_queue(path)
    assert await store.load() == [ITEM]
    assert is_marked(path)
    await store.close()


async def test_killed_after_the_mark_is_removed_the_next_start_puts_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "review.db"
    await hold(path, 1)
    store = await open_queue(path)
    with monkeypatch.context() as patched:
        patched.setattr(store._connection, "transact", _refuse)
        with pytest.raises(LogUnavailable):
            store.save([], ["h0"])
    assert not is_marked(path)
    await store.close()
    store = await open_queue(path)
    assert [item.token for item in await store.load()] == ["h0"]
    assert is_marked(path)
    store.save([], ["h0"])
    assert not is_marked(path)
    await store.close()


async def test_a_mark_that_cannot_be_removed_stops_the_line_before_anything_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "review.db"
    await hold(path, 1)
    store = await open_queue(path)
    with monkeypatch.context() as patched:
        patched.setattr(mark, "sync_folder", _fail)
        with pytest.raises(LogUnavailable):
            store.save([], ["h0"])
    assert [item.token for item in await store.load()] == ["h0"]
    assert is_marked(path)
    await store.close()


def _fail(*_: object) -> None:
    raise OSError(5, "Input/output error")


def _refuse(*_: object) -> None:
    raise LogUnavailable("the disk is full")
