"""A log is copied into another store, in either direction, as a whole and with the same tree head."""

import dataclasses
import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.backup import PIECE_RECORDS, CopyError
from components.archive.backup.copy import copy_log
from components.archive.backup.stored_log import StoredLog
from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.head import load_head
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.store import Change, Destruction, LogStore, RecordRow, Rows
from components.archive.store.open import StoreName, open_source, open_store
from tests.support.postgres import PostgresServer
from tests.support.stores import (
    AUDITOR,
    ORIGIN,
    START_NS,
    VERIFIER_KEY,
    entries,
    open_log,
    ticking,
    write_batches,
)

BATCHES = (1, 2, 300, 4000, 700, 3600)


def no_progress(_done: int, _total: int) -> None: ...


async def everything(name: StoreName) -> list[object]:
    """All that a log holds, as one would compare it."""
    source = await open_source(name)
    rows: list[object] = [await source.fetch_meta(), await source.fetch_rows(0, 2**40)]
    rows += [await source.fetch_checkpoints_after(-1, 10**6), await source.fetch_segments()]
    rows += [await source.fetch_memos(10**6), (await load_head(source, VERIFIER_KEY)).tree]
    await source.close()
    return rows


async def move(source: StoreName, target: StoreName) -> None:
    store, other = await open_source(source), await open_store(target)
    try:
        await copy_log(await StoredLog.of(store), other, VERIFIER_KEY, no_progress)
    finally:
        await store.close()
        await other.close()


@pytest.fixture(params=["sqlite to postgres", "postgres to sqlite", "sqlite to sqlite"])
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: PostgresServer
) -> tuple[StoreName, StoreName]:
    """Two stores without a log."""
    kinds, number = request.param.split(" to "), itertools.count()
    names = [
        tmp_path / f"{next(number)}" / "gate.db"
        if kind == "sqlite"
        else f"{postgres_server.make_database()}#gate"
        for kind in kinds
    ]
    for name in names:
        if isinstance(name, Path):
            name.parent.mkdir()
    return names[0], names[1]


async def test_a_copy_is_the_log(pair: tuple[StoreName, StoreName]) -> None:
    source, target = pair
    await write_batches(source, BATCHES)
    await move(source, target)
    assert await everything(target) == await everything(source)

    writer = await open_log(target, ticking(START_NS * 2))
    size = writer.size
    index = await writer.append(entries(0, 3))
    await writer.close()
    reader = await LogReader.open(target)
    opener = RecordOpener(reader, ORIGIN, [AUDITOR])
    assert [record.payload for record in await opener.fetch(index, 3)] == [
        b"record 0",
        b"record 1",
        b"record 2",
    ]
    assert (await opener.fetch(1, 1))[0].payload == b"record 0"
    assert await reader.inclusion_proof(index, await reader.size())
    assert await reader.consistency_proof(size, await reader.size())
    await reader.close()


@pytest.mark.slow
async def test_an_empty_log_and_one_with_an_unsigned_tail(tmp_path: Path) -> None:
    for number, batches in enumerate([(), (10,), (PIECE_RECORDS,), (PIECE_RECORDS - 1, 300)]):
        source, target = tmp_path / f"{number}.db", tmp_path / f"copy-{number}.db"
        writer = await open_log(source)
        for place, count in enumerate(batches):
            await writer.append(entries(writer.size, count))
            if place == 0 and number != 1:
                await writer.sign()
        await writer._store.close()  # as if killed
        await move(source, target)
        assert await everything(target) == await everything(source)


async def test_what_was_destroyed_is_not_in_the_copy(pair: tuple[StoreName, StoreName]) -> None:
    source, target = pair
    await write_batches(source, BATCHES)
    await move(source, target)
    await destroy(source, 1, range(1, 3))
    await move(source, target)  # brings it up to date
    assert await everything(target) == await everything(source)
    rows = (await everything(target))[1]
    assert [row.payload for row in rows[1:3]] == [None, None]  # type: ignore[index]


async def destroy(name: StoreName, segment: int, indexes: range) -> None:
    store = await open_store(name)
    await store.take_lease()
    await store.commit(Change(destroyed=[Destruction(segment, list(indexes), None)]))
    await store.purge()
    await store.close()


async def test_a_copy_is_brought_up_to_date(pair: tuple[StoreName, StoreName]) -> None:
    source, target = pair
    for rounds in (3, 5, 4100):
        writer = await open_log(source, ticking(START_NS + rounds * 10**12))
        await writer.append(entries(writer.size, rounds), memo=b"%d" % rounds)
        await writer.close()
        await move(source, target)
        assert await everything(target) == await everything(source)


class DyingStore:
    """A store that fails at its n-th call of `load`, before or after it was kept."""

    def __init__(self, store: LogStore, fail_at: int, *, kept: bool) -> None:
        self._store, self._left, self._kept = store, fail_at, kept

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def load(self, rows: Rows) -> None:
        self._left -= 1
        if self._left or self._kept:
            await self._store.load(rows)
        if not self._left:
            raise LogUnavailable("pulled the plug")


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
async def test_an_interrupted_copy_is_no_log_and_is_gone_on_with(tmp_path: Path, kept: bool) -> None:
    source, target = tmp_path / "gate.db", tmp_path / "copy.db"
    await write_batches(source, BATCHES)
    failures = 0
    for fail_at in range(1, 9):
        if await dies(source, target, fail_at, kept=kept):
            failures += 1
            finished = fail_at == 6 and kept  # the last thing to be written
            if not finished:
                with pytest.raises(LogDamaged, match="unfinished copy"):
                    await open_log(target)
    assert failures == 6
    assert await everything(target) == await everything(source)


async def dies(source: StoreName, target: StoreName, fail_at: int, *, kept: bool) -> bool:
    store, other = await open_source(source), await open_store(target)
    try:
        dying = DyingStore(other, fail_at, kept=kept)
        await copy_log(await StoredLog.of(store), dying, VERIFIER_KEY, no_progress)  # type: ignore[arg-type]
    except LogUnavailable as error:
        return "plug" in str(error)
    finally:
        await store.close()
        await other.close()
    return False


async def test_a_target_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    source, other, longer = tmp_path / "gate.db", tmp_path / "other.db", tmp_path / "longer.db"
    await write_batches(source, (10,))
    await write_batches(other, (5,))  # other keys: other records
    await write_batches(longer, (10, 10))
    before = await everything(other), await everything(longer)
    mtime_ns = other.stat().st_mtime_ns
    with pytest.raises(CopyError, match="the target holds another record"):
        await move(source, other)
    with pytest.raises(CopyError, match="is it the other way round"):
        await move(source, longer)
    assert (await everything(other), await everything(longer)) == before
    assert other.stat().st_mtime_ns == mtime_ns


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        (
            "UPDATE record SET payload = CAST('x' || payload AS BLOB) WHERE idx = 5",
            "payload of record 5 is not",
        ),
        ("UPDATE record SET leaf = zeroblob(77) WHERE idx = 7", "record 7: not a leaf"),
        ("DELETE FROM record WHERE idx = 300", "record 300 is missing"),
        ("DELETE FROM record WHERE idx > 300", "holds 301 records, and no checkpoint of them"),
        (
            "UPDATE record SET leaf = (SELECT leaf FROM record WHERE idx = 8) WHERE idx = 9",
            "record 9 is missing",
        ),
        ("UPDATE checkpoint SET size = size - 1 WHERE size > 3", "the checkpoint of|records do not give"),
        (
            "UPDATE checkpoint SET note = replace(note, 'steelyard', 'steelyerd')",
            "records do not give|checkpoint of",
        ),
        ("UPDATE meta SET value = 'steelyard-log/1' WHERE key = 'format'", "cannot be copied"),
    ],
)
async def test_a_damaged_log_is_not_copied(tmp_path: Path, sql: str, problem: str) -> None:
    source, target = tmp_path / "gate.db", tmp_path / "copy.db"
    await write_batches(source, (1, 2, 300, 100))
    with closing(sqlite3.connect(source)) as database, database:
        database.execute(sql)
    with pytest.raises(CopyError, match=problem):
        await move(source, target)


async def test_a_copy_that_is_not_what_was_read_is_found(tmp_path: Path) -> None:
    class Forgetful(DyingStore):
        async def load(self, rows: Rows) -> None:
            records = [RecordRow(row.index, row.leaf, row.payload and b"other") for row in rows.records]
            await self._store.load(dataclasses.replace(rows, records=records))

    source, target = tmp_path / "gate.db", tmp_path / "copy.db"
    await write_batches(source, (10,))
    store, other = await open_source(source), await open_store(target)
    with pytest.raises(CopyError, match="payload of record 0 is not"):
        await copy_log(await StoredLog.of(store), Forgetful(other, 0, kept=True), VERIFIER_KEY, no_progress)  # type: ignore[arg-type]
    await store.close()
    await other.close()
    with pytest.raises(LogDamaged, match="unfinished copy"):
        await open_log(target)
