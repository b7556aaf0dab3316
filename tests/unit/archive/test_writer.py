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

from components.archive.errors import LogBusy, LogDamaged, LogUnavailable
from components.archive.head import NS_PER_SECOND
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.store.sqlite import MAX_ROWS_PER_STATEMENT
from components.archive.writer import LogWriter
from components.audit.verify import verify_log
from tests.support import rfc6962
from tests.support.archive import (
    KEY,
    ORIGIN,
    START_S,
    VERIFIER_KEY,
    VKEY,
    entries,
    file_modes,
    open_writer,
    ticking,
)


async def test_what_is_appended_is_there_in_order(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    first = [(RecordKind.STANZA, b"one"), (RecordKind.SESSION, b""), (RecordKind.DELIVERY, b"three")]
    assert (await writer.append(first), writer.size) == (0, 3)
    assert (await writer.append([(RecordKind.ACCESS, b"four")]), writer.size) == (3, 4)
    await writer.close()

    reader = await LogReader.open(tmp_path / "gate.db")
    records = await reader.fetch(0, 10)
    assert [(record.index, record.leaf.kind, record.payload) for record in records] == [
        (0, 1, b"one"),
        (1, 2, b""),
        (2, 3, b"three"),
        (3, 4, b"four"),
    ]
    for record in records:
        assert record.is_intact()
        assert record.leaf.payload_sha256 == sha256(record.payload).digest()
        assert (record.leaf.version, record.leaf.index) == (1, record.index)
    await reader.close()


async def test_every_checkpoint_is_of_just_the_records_there_are(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    reader = await LogReader.open(tmp_path / "gate.db")
    for count in (1, 5, 250, 300, 1):
        await writer.append(entries(writer.size, count))
        checkpoint = verify_checkpoint((await reader.checkpoint()).decode(), VERIFIER_KEY)
        with closing(sqlite3.connect(tmp_path / "gate.db")) as database:
            leaves = [row[0] for row in database.execute("SELECT leaf FROM record ORDER BY idx")]
        assert (checkpoint.size, checkpoint.root) == (writer.size, rfc6962.mth(leaves))
    await reader.close()
    await writer.close()


@pytest.mark.parametrize(
    "count", [1, 2, 3, 255, 256, 257, MAX_ROWS_PER_STATEMENT, MAX_ROWS_PER_STATEMENT + 1, 2500]
)
async def test_batches_of_every_length(count: int, tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, count))
    await writer.close()
    assert verify_log(tmp_path / "gate.db", VKEY).ok
    reader = await LogReader.open(tmp_path / "gate.db")
    assert [record.payload for record in await reader.fetch(0, count + 1)] == [
        payload for _, payload in entries(0, count)
    ]
    await reader.close()


async def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for total in (1, 255, 256, 257, 600, 601):
        writer = await open_writer(tmp_path / "gate.db")
        assert await writer.append(entries(writer.size, total - writer.size)) + 1 <= total == writer.size
        await writer.close()
    assert verify_log(tmp_path / "gate.db", VKEY).ok


async def test_an_append_of_nothing_is_an_error_of_the_caller(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    with pytest.raises(ValueError, match="needs an entry"):
        await writer.append([])
    assert await writer.append(entries(0, 1)) == 0
    await writer.close()


async def test_appends_at_once_take_turns(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    firsts = await asyncio.gather(*(writer.append(entries(0, count)) for count in (3, 1, 300, 2)))
    assert firsts == [0, 3, 4, 304]
    await writer.close()
    assert verify_log(tmp_path / "gate.db", VKEY).ok


async def test_time_never_goes_back(tmp_path: Path) -> None:
    hour_ns = 3600 * NS_PER_SECOND
    start = START_S * NS_PER_SECOND
    writer = await open_writer(tmp_path / "gate.db", [start, start - hour_ns, start - 1, start + 5])
    for index in range(4):
        await writer.append(entries(index, 1))
    await writer.close()
    writer = await open_writer(tmp_path / "gate.db", [start - hour_ns])  # a restart forgets nothing
    await writer.append(entries(4, 1))
    await writer.close()

    reader = await LogReader.open(tmp_path / "gate.db")
    times = [record.leaf.time_ns - start for record in await reader.fetch(0, 5)]
    assert times == [0, 0, 0, 5, 5]
    assert await reader.size() == 5
    await reader.close()
    assert verify_log(tmp_path / "gate.db", VKEY).ok


async def test_one_checkpoint_a_second_is_kept(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db", ticking(step_ns=NS_PER_SECOND // 4))
    for index in range(10):
        await writer.append(entries(index, 1))
    await writer.close()
    with closing(sqlite3.connect(tmp_path / "gate.db")) as database:
        rows = database.execute("SELECT second, size FROM checkpoint ORDER BY second").fetchall()
    assert rows == [(0, 0), (START_S, 4), (START_S + 1, 8), (START_S + 2, 10)]


async def test_a_second_writer_is_refused_by_name_of_the_first(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    with pytest.raises(LogBusy, match=f"process {os.getpid()} is writing this log"):
        await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, 1))  # which does not mind
    await writer.close()
    writer = await open_writer(tmp_path / "gate.db")
    assert writer.size == 1
    await writer.close()


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
    with pytest.raises(LogDamaged):
        await LogWriter.open(log, "steelyard.example/audit", KEY)
    writer = await open_writer(log)
    await writer.close()


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
        await LogWriter.open(tmp_path / place, ORIGIN, KEY)


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "gate.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(LogDamaged, match="not a database"):
        await LogWriter.open(tmp_path / "gate.db", ORIGIN, KEY)


async def test_it_waits_for_the_disk_at_each_commit(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    source = writer._store
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("page_size", 4096)):
        assert (await source._fetch(f"PRAGMA {pragma}"))[0][0] == value  # type: ignore[attr-defined]
    await writer.close()


async def test_no_message_gets_into_a_log_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append([(RecordKind.STANZA, b"hush, this is secret")])
    await writer.close()
    assert "hush" not in caplog.text
