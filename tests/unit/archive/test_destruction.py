"""What was destroyed is in no file of the store: neither payload nor keys, nor a part of them."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from components.archive.errors import LogFenced, LogUnavailable
from components.archive.record import RecordKind
from components.archive.store import Change, Destruction, RecordRow
from components.archive.store.sqlite import SqliteStore
from components.archive.store.sqlite_source import SqliteSource
from components.archive.writer import Entry, LogWriter
from components.verifier.log import verify_log
from tests.support.archive import RECIPIENTS, SIGNER, VKEY, open_writer, ticking
from tests.support.rounds import chance
from tests.support.sealed_log import read_leaves, read_payloads, read_segments

TRACE_BYTES = 12
LENGTHS = (0, 1, 30, 300, 700, 2000, 5000, 9000)  # within a page, and over several


async def write(path: Path, records: int, draw: random.Random) -> None:
    """Write records of two classes and all lengths, some signed; the writer stops in order."""
    times = ticking(step_ns=1_000_000)
    writer = await LogWriter.open_on(await SqliteStore.open(path), SIGNER, RECIPIENTS, lambda: next(times))
    while writer.size < records:
        batch = [
            Entry(RecordKind.STANZA, draw.randbytes(draw.choice(LENGTHS)), draw.choice((1, 2)))
            for _ in range(draw.randrange(1, 30))
        ]
        await writer.append(batch, memo=b"memo", forget_memos_before=max(0, writer.size - 50))
        if draw.random() < 0.3:
            await writer.sign()
    await writer.close()


async def open_store(path: Path) -> SqliteStore:
    store = await SqliteStore.open(path)
    await store.take_lease()
    return store


async def fetch_sealed(store: SqliteStore, segment: int) -> list[RecordRow]:
    members = {leaf.index for leaf in read_leaves(store._path) if leaf.segment == segment}
    return [row for row in await store.fetch_rows(0, 10**6) if row.index in members]


def traces(path: Path, values: Iterable[bytes | None]) -> list[int]:
    """Number the values of which any piece of 12 bytes is in a file of the store."""
    found = []
    files = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    windows = {files[place : place + TRACE_BYTES] for place in range(len(files) - TRACE_BYTES + 1)}
    for number, value in enumerate(values):
        pieces = range(0, len(value or b"") - TRACE_BYTES + 1, TRACE_BYTES)
        if any((value or b"")[place : place + TRACE_BYTES] in windows for place in pieces):
            found.append(number)
    return found


def pieces_of_keys(keys: Sequence[bytes | None]) -> list[bytes]:
    """Give the envelopes' ciphertexts: names and key ids are the same in all of them."""
    return [part for value in keys for part in (value or b"").split(b'"') if len(part) > 100]


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(2))
async def test_nothing_of_it_is_left(seed: int, tmp_path: Path) -> None:
    """In several rounds: what is left of a page is moved about when the rest of it goes."""
    draw = chance(seed)
    log = tmp_path / "gate.db"
    await write(log, 400, draw)
    store = await open_store(log)
    rows = await fetch_sealed(store, 1)
    everything = [row.payload for row in rows]
    assert len(traces(log, everything)) > 100
    draw.shuffle(rows)
    gone: list[RecordRow] = []
    while rows:
        count = draw.randrange(1, 120)
        now, rows = rows[:count], rows[count:]
        envelopes = b'[{"name":"auditor","sealed":"%s"}]' % draw.randbytes(60).hex().encode()
        old_keys = [segment.keys for segment in await store.fetch_segments(1, 2)]
        destruction = Destruction(1, [row.index for row in now], envelopes if rows else None)
        await store.commit(Change(destroyed=[destruction]))
        await store.purge()
        gone += now
        assert traces(log, [row.payload for row in gone]) == []
        assert traces(log, pieces_of_keys(old_keys)) == []
        long = [row.payload for row in rows if len(row.payload or b"") > TRACE_BYTES * 2]
        assert len(traces(log, long)) == len(long)  # the search finds what is there
    assert (await store.fetch_segments(1, 2))[0].keys is None
    await store.close()
    kept = {leaf.index for leaf in read_leaves(log) if leaf.segment != 1}
    there = {index for index, payload in enumerate(read_payloads(log)) if payload is not None}
    assert there == kept


async def test_the_write_ahead_log_is_emptied(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    await write(log, 60, chance(1))
    store = await open_store(log)
    rows = await fetch_sealed(store, 1)
    await store.commit(Change(destroyed=[Destruction(1, [row.index for row in rows], None)]))
    assert log.with_name("gate.db-wal").stat().st_size > 0
    await store.purge()
    assert log.with_name("gate.db-wal").stat().st_size == 0
    await store.close()


async def test_destroyed_while_the_writer_goes_on(tmp_path: Path) -> None:
    """In the log that is open, of records that were written a moment ago and lie in the write-ahead log only."""
    log = tmp_path / "gate.db"
    writer = await open_writer(log)
    draw = chance(1)
    await writer.append([Entry(RecordKind.STANZA, draw.randbytes(500), 1) for _ in range(50)])
    await writer.append([Entry(RecordKind.STANZA, draw.randbytes(500), 2) for _ in range(50)])
    store = writer._store
    assert isinstance(store, SqliteStore)
    rows = await fetch_sealed(store, 1)
    keys = pieces_of_keys([read_segments(log)[0].keys])
    assert len(keys) == 2
    assert len(traces(log, [row.payload for row in rows])) == 50
    await store.commit(Change(destroyed=[Destruction(1, [row.index for row in rows], None)]))
    await store.purge()
    assert traces(log, [*keys, *[row.payload for row in rows]]) == []
    await writer.append([Entry(RecordKind.STANZA, b"after it", 2)])
    await writer.close()
    kinds = {problem.kind for problem in verify_log(log, VKEY).problems}
    assert kinds <= {"payload-missing", "keys-missing"}  # there is no tombstone here, which retention adds


async def test_a_reader_in_the_middle_of_the_log_keeps_it_from_being_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.archive.store.sqlite_connection.LOCK_TIMEOUT_S", 0.01)
    log = tmp_path / "gate.db"
    await write(log, 60, chance(1))
    store, reader = await open_store(log), await SqliteSource.open(log)
    rows = await fetch_sealed(store, 1)
    await reader._fetch("BEGIN")
    await reader.fetch_bounds()
    await store.commit(Change(destroyed=[Destruction(1, [row.index for row in rows], None)]))
    with pytest.raises(LogUnavailable, match="a reader keeps the write-ahead log"):
        await store.purge()
    await reader._fetch("COMMIT")
    await store.purge()
    assert traces(log, [row.payload for row in rows]) == []
    await reader.close()
    await store.close()


async def test_whoever_has_lost_the_lease_destroys_nothing(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    await write(log, 60, chance(1))
    first = await open_store(log)
    rows = await fetch_sealed(first, 1)
    log.with_name("gate.db.lock").unlink()
    second = await open_store(log)
    with pytest.raises(LogFenced):
        await first.commit(Change(destroyed=[Destruction(1, [row.index for row in rows], None)]))
    assert await fetch_sealed(second, 1) == rows
    assert (await second.fetch_segments(1, 2))[0].keys is not None
    await first.close()
    await second.close()
    assert verify_log(log, VKEY).ok
