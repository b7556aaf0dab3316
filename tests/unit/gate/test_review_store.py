"""The queue's file: what it keeps, what leaves no trace in it, and that it belongs to one gate."""

import sqlite3
import stat
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.gate.review.store import ReviewStore, check_queue
from policy.facts import Way
from policy.review import Item, ItemKind, Place, Stage

ITEM = Item(
    "h7", ItemKind.MESSAGE, Stage.WAITING, 7, Way.C2S, "alice@metals.example/desk", "bob@metals.example",
    b"<message><body>an insider tip \xc3\xa9</body></message>", ("tips",), Place("e1", 5), 10, 20, "evidence",
)  # fmt: skip
SENT = replace(
    ITEM,
    token="n7",
    kind=ItemKind.NOTICE,
    stage=Stage.SENT,
    held=None,
    sent=Place("e2", 6),
    attempts=2,
    epoch="e2",
)


async def test_items_are_there_again_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    store = await ReviewStore.open(path)
    assert await store.load() == []
    store.save([ITEM, SENT], [])
    store.save([replace(ITEM, held=None)], ["unknown"])
    await store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store = await ReviewStore.open(path)
    assert await store.load() == [replace(ITEM, held=None), SENT]
    await store.close()


async def test_nothing_of_what_was_decided_stays_in_a_file(tmp_path: Path) -> None:
    store = await ReviewStore.open(tmp_path / "review.db")
    items = [replace(ITEM, token=f"h{number}") for number in range(50)]
    store.save(items, [])
    assert holds(tmp_path, b"insider tip")
    store.save([], [item.token for item in items])
    assert not holds(tmp_path, b"insider tip")
    await store.close()


async def test_a_second_gate_does_not_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.archive.store.sqlite_connection.LOCK_TIMEOUT_S", 0.1)
    store = await ReviewStore.open(tmp_path / "review.db")
    store.save([ITEM], [])
    with pytest.raises(LogUnavailable):
        await ReviewStore.open(tmp_path / "review.db")
    await store.close()


async def keep_items(path: Path, count: int = 200) -> None:
    store = await ReviewStore.open(path)
    store.save([replace(ITEM, token=f"h{number:03}") for number in range(count)], [])
    await store.close()


async def open_and_load(path: Path) -> None:
    store = await ReviewStore.open(path)
    try:
        await store.load()
    finally:
        await store.close()


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _cut_at_page(content: bytes) -> bytes:
    return content[: len(content) // 8192 * 4096]


def _zeros(content: bytes) -> bytes:
    return bytes(len(content))


def _half_zeros(content: bytes) -> bytes:
    return _cut_at_page(content).ljust(len(content), b"\0")


def _garbage(content: bytes) -> bytes:
    return b"not a database, " * (len(content) // 16)


@pytest.mark.parametrize("spoil", [_cut, _cut_at_page, _zeros, _half_zeros, _garbage])
@pytest.mark.parametrize("use", [open_and_load, check_queue])
async def test_a_damaged_file_is_named_with_what_to_do(
    tmp_path: Path, spoil: Callable[[bytes], bytes], use: Callable[[Path], Awaitable[object]]
) -> None:
    path = tmp_path / "review.db"
    await keep_items(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(LogDamaged) as raised:
        await use(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert str(raised.value).count("move it away") == 1
    assert "insider" not in str(raised.value)


@pytest.mark.parametrize("use", [open_and_load, check_queue])
async def test_an_item_that_is_none_is_named(
    tmp_path: Path, use: Callable[[Path], Awaitable[object]]
) -> None:
    path = tmp_path / "review.db"
    await keep_items(path, 1)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE item SET facts = '{}'")
    database.close()
    with pytest.raises(LogDamaged, match="an item of the queue is malformed; move it away"):
        await use(path)


async def test_a_queue_is_checked_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    await keep_items(path)
    before = path.read_bytes()
    assert await check_queue(path) == 200
    assert path.read_bytes() == before
    assert {file.name for file in contents(tmp_path)} <= {"review.db", "review.db-journal", "review.db.held"}
    (tmp_path / "review.db-journal").write_bytes(b"a transaction that was not finished")
    assert await check_queue(path) is None
    (tmp_path / "review.db-journal").write_bytes(b"")
    path.write_bytes(b"")  # killed as it was made
    path.with_name("review.db.held").unlink()
    assert await check_queue(path) == 0


def contents(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def holds(folder: Path, words: bytes) -> bool:
    return any(words in file.read_bytes() for file in folder.iterdir())
