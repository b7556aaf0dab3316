"""Whatever bit of a log is changed, the verifier says so."""

import asyncio
import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from components.audit.verify import verify_log
from tests.support.archive import BATCHES, VKEY, copy_log, open_writer, write_log

# Every value of the log, as a table, a column, and how to choose among the rows.
VALUES = (
    ("record", "leaf"),
    ("record", "payload"),
    ("tile", "hashes"),
    ("checkpoint", "note"),
    ("checkpoint", "size"),
    ("checkpoint", "second"),
    ("meta", "value"),
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(write_log(tmp_path_factory.mktemp("log") / "gate.db", BATCHES))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "gate.db"


def flip_bit(value: object, bit: int) -> object:
    if isinstance(value, int):
        return value ^ 1 << bit % 40
    data = bytearray(value.encode() if isinstance(value, str) else bytes(value))  # type: ignore[call-overload]
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(data)


def contents(path: Path) -> list[list[object]] | None:
    """Everything that a reader of the tables sees; None if they cannot be read."""
    try:
        with closing(sqlite3.connect(path)) as database:
            database.text_factory = bytes
            return [
                database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
                for table in ("record", "tile", "checkpoint", "meta")
            ]
    except sqlite3.Error:
        return None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(VALUES), st.integers(0, 10**6), st.integers(0, 10**6))
def test_any_bit_of_any_value(
    original: Path, scratch: Path, column: tuple[str, str], row: int, bit: int
) -> None:
    table, name = column
    copy_log(original, scratch)
    with closing(sqlite3.connect(scratch)) as database, database:
        keys = [name for _, name, *_, key in database.execute(f"PRAGMA table_info({table})") if key]
        rows = database.execute(f"SELECT {', '.join(keys)}, {name} FROM {table}").fetchall()
        *key, value = rows[row % len(rows)]
        where = " AND ".join(f"{part} = ?" for part in keys)
        with contextlib.suppress(sqlite3.IntegrityError):  # another row has that key already
            database.execute(f"UPDATE {table} SET {name} = ? WHERE {where}", (flip_bit(value, bit), *key))
        assume(database.total_changes)
    assert not verify_log(scratch, VKEY).ok


@settings(max_examples=150, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_any_bit_of_the_file(original: Path, scratch: Path, place: float, bit: int) -> None:
    """Either it is found, or it is a bit that holds nothing: free space, or what SQLite does not read."""
    data = bytearray(original.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    scratch.write_bytes(data)
    report = verify_log(scratch, VKEY)
    assert not report.ok or contents(scratch) == contents(original)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=5), st.data())
def test_any_records_gone(scratch: Path, batches: list[int], data: st.DataObject) -> None:
    for leftover in scratch.parent.iterdir():
        leftover.unlink()
    asyncio.run(write_log(scratch, batches))
    size = sum(batches)
    assert verify_log(scratch, VKEY).ok
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    with closing(sqlite3.connect(scratch)) as database, database:
        database.execute("DELETE FROM record WHERE idx BETWEEN ? AND ?", (first, last))
    (problem,) = verify_log(scratch, VKEY).problems
    kind = "log-truncated" if last == size - 1 else "record-missing"
    assert (problem.kind, problem.index) == (kind, first)
    assert problem.detail.startswith(f"records {first} to {last} are missing")


async def test_the_fixture_is_the_log_it_should_be(original: Path) -> None:
    writer = await open_writer(original)
    assert writer.size == sum(BATCHES)
    await writer.close()
