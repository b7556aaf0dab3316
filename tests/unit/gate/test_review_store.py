"""The queue's file: what it keeps, what leaves no trace in it, and that it belongs to one gate."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.gate.review.store import ReviewStore
from policy.facts import Way
from policy.review import Item, ItemKind, Place, Stage

ITEM = Item(
    "h7", ItemKind.MESSAGE, Stage.WAITING, 7, Way.C2S, "alice@metals.example/desk", "bob@metals.example",
    b"<message><body>an insider tip \xc3\xa9</body></message>", ("tips",), Place("e1", 5), 10, 20, "evidence",
)  # fmt: skip
SENT = replace(
    ITEM, token="n7", kind=ItemKind.NOTICE, stage=Stage.SENT, held=None, sent=Place("e2", 6), attempts=2
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


async def test_a_second_gate_does_not_get_it(tmp_path: Path) -> None:
    store = await ReviewStore.open(tmp_path / "review.db")
    store.save([ITEM], [])
    with pytest.raises(LogUnavailable):
        await ReviewStore.open(tmp_path / "review.db")
    await store.close()


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "review.db").write_bytes(b"not a database, " * 100)
    with pytest.raises(LogDamaged, match="not a database"):
        await ReviewStore.open(tmp_path / "review.db")


def holds(folder: Path, words: bytes) -> bool:
    return any(words in file.read_bytes() for file in folder.iterdir())
