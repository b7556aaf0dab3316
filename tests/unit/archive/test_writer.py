import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.errors import LogBusy, LogDamaged, LogUnavailable
from components.archive.head import NS_PER_SECOND
from components.archive.log.note import make_signer
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.seal import advance, open_segment_keys
from components.archive.segment import MAX_BATCH_RECORDS
from components.archive.store.sqlite import SqliteStore
from components.archive.store.sqlite_statements import MAX_ROWS_PER_STATEMENT
from components.archive.writer import Entry, LogWriter
from components.verifier.log import verify_log
from tests.support.archive import (
    AUDITOR,
    KEY,
    ORIGIN,
    RECIPIENTS,
    SIGNER,
    START_S,
    VKEY,
    entries,
    file_modes,
    open_writer,
)
from tests.support.sealed_log import (
    assert_segments_add_up,
    assert_whole,
    open_records,
    open_spoken,
    read_leaves,
    read_payloads,
    read_segments,
)


def payloads(*ranges: tuple[int, int]) -> list[bytes]:
    return [entry.payload for first, count in ranges for entry in entries(first, count)]


async def test_what_is_appended_is_there_in_order(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    writer = await open_writer(log)
    conversation = bytes(range(16))
    first = [
        Entry(RecordKind.STANZA, b"one", conversation=conversation),
        Entry(RecordKind.SESSION, b"", 2),
        Entry(RecordKind.DELIVERY, b"three", 2),
    ]
    assert (await writer.append(first), writer.size) == (2, 5)  # behind the beginnings of two segments
    assert (await writer.append([Entry(RecordKind.ACCESS, b"four")]), writer.size) == (5, 6)
    await writer.close()

    records = await open_records(log)
    assert [(record.index, record.leaf.kind, record.payload) for record in records[2:6]] == [
        (2, 1, b"one"),
        (3, 2, b""),
        (4, 3, b"three"),
        (5, 4, b"four"),
    ]
    assert [record.leaf.kind for record in records] == [64, 64, 1, 2, 3, 4, 65, 65]
    places = [(leaf.segment, leaf.retention_class, leaf.position) for leaf in read_leaves(log)[2:6]]
    assert places == [(1, 1, 0), (2, 2, 0), (2, 2, 1), (1, 1, 1)]
    assert [leaf.conversation for leaf in read_leaves(log)[2:6]] == [conversation, *[bytes(16)] * 3]
    for record in records:
        assert record.stored.is_intact()
        assert record.leaf.payload_sha256 == sha256(record.stored.payload or b"").digest()
        assert (record.leaf.version, record.leaf.index) == (2, record.index)
    await assert_whole(log, [b"one", b"", b"three", b"four"])


async def test_nothing_that_was_said_lies_in_the_clear(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append([Entry(RecordKind.STANZA, b"copper at 9410, " * 50)] * 20)
    await writer.sign()
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())  # noqa: ASYNC240
    assert b"auditor" in files  # the beginning of the segment can be read
    assert b"copper" not in files
    await writer.close()
    assert not any(b"copper" in (payload or b"") for payload in read_payloads(tmp_path / "gate.db"))


async def test_the_same_words_are_never_sealed_alike(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    for _ in range(3):
        await writer.append([Entry(RecordKind.STANZA, b"copper?")] * 10)
    await writer.close()
    sealed = [payload for payload in read_payloads(tmp_path / "gate.db") if len(payload or b"") == 23]
    assert len(set(sealed)) == 30


async def test_the_writer_cannot_read_what_it_wrote(tmp_path: Path) -> None:
    """Nothing that it keeps in memory opens any of its records: the chain it holds is behind all of them."""
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, 20))
    (segment,) = writer._state.segments.values()
    await writer.close()
    kept, seen = segment.chain, []
    (row,) = read_segments(tmp_path / "gate.db")  # which the auditor can open
    chain = open_segment_keys(row.keys or b"", ORIGIN, 1, [AUDITOR]).chain
    for _ in range(20):
        record_key, chain = advance(chain)
        seen.append(record_key)
    assert kept == chain
    ahead = {kept}
    for _ in range(5000):
        record_key, kept = advance(kept)
        ahead |= {record_key, kept}
    assert ahead.isdisjoint(seen)


@pytest.mark.parametrize(
    "count", [1, 2, 3, 255, 256, 257, MAX_ROWS_PER_STATEMENT, MAX_ROWS_PER_STATEMENT + 1, 2500]
)
async def test_batches_of_every_length(count: int, tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    assert await writer.append(entries(0, count)) == 1
    await writer.close()
    await assert_whole(tmp_path / "gate.db", payloads((0, count)))


@pytest.mark.parametrize("size_bytes", [0, 1, 15, 16, 17, 4096, 100_000, 3_000_000])
async def test_payloads_of_every_length(size_bytes: int, tmp_path: Path) -> None:
    payload = bytes(range(256)) * (size_bytes // 256) + bytes(size_bytes % 256)
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append([Entry(RecordKind.STANZA, payload)])
    await writer.close()
    assert read_leaves(tmp_path / "gate.db")[1].size_bytes == size_bytes + 16
    await assert_whole(tmp_path / "gate.db", [payload])


async def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    said = 0
    for total in (1, 255, 256, 257, 600, 601):
        writer = await open_writer(tmp_path / "gate.db")
        before = writer.size
        assert await writer.append(entries(said, total - said)) == before + 1
        assert writer.size == before + 1 + total - said
        said = total
        await writer.close()
    await assert_whole(tmp_path / "gate.db", payloads((0, 601)))


@pytest.mark.parametrize("count", [0, MAX_BATCH_RECORDS + 1])
async def test_too_few_or_too_many_entries_are_an_error_of_the_caller(count: int, tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    with pytest.raises(ValueError, match="needs 1 to 65,536 entries"):
        await writer.append(entries(0, 1) * count)
    assert await writer.append(entries(0, 1)) == 1
    await writer.close()
    await assert_whole(tmp_path / "gate.db", payloads((0, 1)))


async def test_a_log_that_nobody_could_open_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a recipient"):
        await LogWriter.open(tmp_path / "gate.db", SIGNER, [])
    writer = await open_writer(tmp_path / "gate.db")  # and the lock has gone
    await writer.close()


async def test_appends_at_once_take_turns(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    firsts = await asyncio.gather(*(writer.append(entries(0, count)) for count in (3, 1, 300, 2)))
    assert firsts == [1, 4, 5, 305]
    await writer.close()
    await assert_whole(tmp_path / "gate.db", payloads((0, 3), (0, 1), (0, 300), (0, 2)))


async def test_appends_signing_and_maintenance_at_once_take_turns(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    said = []
    for round_ in range(10):
        batches = [entries(100 * round_ + place, 1) for place in range(5)]
        said += [entry.payload for batch in batches for entry in batch]
        await asyncio.gather(
            *(writer.append(batch) for batch in batches[:2]),
            writer.sign(),
            *(writer.append(batch) for batch in batches[2:]),
            writer.maintain(),
            writer.recover(),
        )
    await writer.close()
    await assert_whole(tmp_path / "gate.db", said)


async def test_time_never_goes_back(tmp_path: Path) -> None:
    hour_ns = 3600 * NS_PER_SECOND
    start = START_S * NS_PER_SECOND
    writer = await open_writer(
        tmp_path / "gate.db", [start, start - hour_ns, start - 1, start + 5, start + 5]
    )
    for index in range(4):
        await writer.append(entries(index, 1))
    await writer.close()
    writer = await open_writer(tmp_path / "gate.db", [start - hour_ns] * 2)  # a restart forgets nothing
    await writer.append(entries(4, 1))
    await writer.close()

    leaves = read_leaves(tmp_path / "gate.db")
    assert [leaf.time_ns - start for leaf in leaves if leaf.segment] == [0, 0, 0, 5, 5]
    times = [leaf.time_ns for leaf in leaves]
    assert times == sorted(times)
    await assert_whole(tmp_path / "gate.db", payloads((0, 5)))


async def test_a_second_writer_is_refused_by_name_of_the_first(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    with pytest.raises(LogBusy, match=f"process {os.getpid()} is writing this log"):
        await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, 1))  # which does not mind
    await writer.close()
    writer = await open_writer(tmp_path / "gate.db")
    assert writer.size == 3
    await writer.close()


@pytest.mark.slow
async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from tests.support.archive import open_writer\n"
        "asyncio.run(open_writer(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "gate.db")]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, cwd=Path(__file__).parents[3], check=False
    )
    assert b"LogBusy" in done.stderr
    assert f"process {os.getpid()}".encode() in done.stderr
    await writer.close()


async def test_the_lock_goes_when_opening_fails(log: Path) -> None:
    with pytest.raises(LogDamaged, match=r"not 'steelyard\.example/audit'"):
        await LogWriter.open(log, make_signer("steelyard.example/audit", KEY), RECIPIENTS)
    writer = await open_writer(log)
    await writer.close()


async def test_a_log_goes_on_under_its_own_key_only(log: Path) -> None:
    other = make_signer(SIGNER.name, Ed25519PrivateKey.generate())
    with pytest.raises(LogDamaged, match="no known key signed"):
        await LogWriter.open(log, other, RECIPIENTS)
    assert verify_log(log, VKEY).ok


async def test_a_log_of_another_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        database.execute(
            "INSERT INTO meta VALUES ('format', 'steelyard-log/1'), ('origin', ?)", (SIGNER.name,)
        )
    with pytest.raises(LogDamaged, match=r"in format 'steelyard-log/1', not .* in 'steelyard-log/2'"):
        await open_writer(log)
    with closing(sqlite3.connect(log)) as database:
        assert database.execute("SELECT name FROM sqlite_schema").fetchall() == [("meta",)]


async def test_only_the_owner_may_read(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, 1))
    assert file_modes(tmp_path) == dict.fromkeys(
        ["gate.db", "gate.db-wal", "gate.db-shm", "gate.db.lock"], 0o600
    )
    await writer.close()


@pytest.mark.parametrize("place", ["none/gate.db", "file/gate.db", "directory"])
async def test_a_place_where_no_log_can_be(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    with pytest.raises(LogUnavailable, match="cannot be"):
        await LogWriter.open(tmp_path / place, SIGNER, RECIPIENTS)


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "gate.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(LogDamaged, match="not a database"):
        await LogWriter.open(tmp_path / "gate.db", SIGNER, RECIPIENTS)


async def test_it_waits_for_the_disk_at_each_commit(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    source = writer._store
    assert isinstance(source, SqliteStore)
    pragmas = (("journal_mode", "wal"), ("synchronous", 2), ("page_size", 4096), ("secure_delete", 1))
    for pragma, value in pragmas:
        assert (await source._fetch(f"PRAGMA {pragma}"))[0][0] == value
    await writer.close()


async def test_a_record_is_there_as_soon_as_append_returns(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, 3))
    reader = await LogReader.open(tmp_path / "gate.db")
    assert await reader.size() == 0  # no checkpoint covers them yet
    assert await open_spoken(tmp_path / "gate.db") == payloads((0, 3))
    await reader.close()
    assert_segments_add_up(tmp_path / "gate.db", ended=False)
    await writer.close()


async def test_no_message_gets_into_a_log_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append([Entry(RecordKind.STANZA, b"hush, this is secret")], memo=b"hush")
    await writer.close()
    assert "hush" not in caplog.text
