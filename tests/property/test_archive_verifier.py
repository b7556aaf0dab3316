"""Whatever bit of a log is changed, the verifier says so."""

import asyncio
import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.verifier.log import verify_log
from components.verifier.tiles import verify_tiles
from tests.support.archive import BATCHES, ORIGIN, SIGNER, SIZES, VKEY, copy_log, open_writer, write_log
from tests.support.archive_orders import APPROVERS, write_ordered_log
from tests.support.rounds import examples
from tests.support.tile_folder import write_tiles

# Every value of a log that is proved, as a table and a column. Records of the log's own (segments, manifests, orders,
# tombstones) are among the payloads, envelopes among the segments' keys.
VALUES = (
    ("record", "leaf"),
    ("record", "payload"),
    ("tile", "hashes"),
    ("checkpoint", "note"),
    ("checkpoint", "size"),
    ("checkpoint", "second"),
    ("segment", "number"),
    ("segment", "class"),
    ("segment", "first"),
    ("segment", "opened_at_ns"),
    ("segment", "manifest"),
    ("segment", "keys"),
    ("meta", "value"),
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(write_log(tmp_path_factory.mktemp("log") / "gate.db", BATCHES))


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(write_ordered_log(tmp_path_factory.mktemp("ordered") / "gate.db"))


@pytest.fixture(scope="module")
def tiles(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiles(original, tmp_path_factory.mktemp("tiles"))


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
    """Everything that a verifier sees of the tables; None if they cannot be read.

    The MACs of records are for the writer, and say nothing of those that are under a checkpoint.
    """
    try:
        with closing(sqlite3.connect(path)) as database:
            database.text_factory = bytes
            return [
                database.execute(f"SELECT {columns} ORDER BY 1, 2").fetchall()
                for columns in (
                    "idx, leaf, payload FROM record",
                    *(f"* FROM {table}" for table in ("tile", "checkpoint", "segment", "meta")),
                )
            ]
    except sqlite3.Error:
        return None


@pytest.mark.slow
@examples(300)
@given(st.booleans(), st.sampled_from(VALUES), st.integers(0, 10**6), st.integers(0, 10**6))
def test_any_bit_of_any_value(
    original: Path,
    ordered: Path,
    scratch: Path,
    has_orders: bool,
    column: tuple[str, str],
    row: int,
    bit: int,
) -> None:
    table, name = column
    copy_log(ordered if has_orders else original, scratch)
    with closing(sqlite3.connect(scratch)) as database, database:
        keys = [name for _, name, *_, key in database.execute(f"PRAGMA table_info({table})") if key]
        sql = f"SELECT {', '.join(keys)}, {name} FROM {table} WHERE {name} IS NOT NULL"
        rows = database.execute(sql).fetchall()
        *key, value = rows[row % len(rows)]
        where = " AND ".join(f"{part} = ?" for part in keys)
        with contextlib.suppress(sqlite3.IntegrityError):  # another row has that key already
            database.execute(f"UPDATE {table} SET {name} = ? WHERE {where}", (flip_bit(value, bit), *key))
        assume(database.total_changes)
    assert not verify_log(scratch, VKEY, approver_vkeys=APPROVERS).ok


@examples(100)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_any_bit_of_any_tile_that_is_served(tiles: Path, file: int, bit: int) -> None:
    files = sorted(path for path in tiles.rglob("*") if path.is_file())
    path = files[file % len(files)]
    data = path.read_bytes()
    path.write_bytes(bytes(flip_bit(data, bit)))  # type: ignore[call-overload]
    try:
        assert not verify_tiles(tiles, VKEY).ok
    finally:
        path.write_bytes(data)


@examples(40)
@given(st.sampled_from(SIZES), st.binary(min_size=32, max_size=32))
def test_any_other_root_of_any_size(original: Path, size: int, root: bytes) -> None:
    """Two roots for a size, both signed, are found whichever of them was kept elsewhere."""
    note = sign_checkpoint(Checkpoint(ORIGIN, size, root), SIGNER)
    (problem,) = verify_log(original, VKEY, known_checkpoints=[note]).problems
    assert problem.kind == "checkpoint-forked"


@pytest.mark.slow
@examples(150)
@example(0.724609375, 0)  # the end of the page that a MAC goes on to
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_any_bit_of_the_file(original: Path, scratch: Path, place: float, bit: int) -> None:
    """Either it is found, or it is a bit that holds nothing: free space, or what SQLite does not read."""
    data = bytearray(original.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    scratch.write_bytes(data)
    report = verify_log(scratch, VKEY)
    assert not report.ok or contents(scratch) == contents(original)


@pytest.mark.slow
@examples(40)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=5), st.data())
def test_any_records_gone(scratch: Path, batches: list[int], data: st.DataObject) -> None:
    for leftover in scratch.parent.iterdir():
        leftover.unlink()
    asyncio.run(write_log(scratch, batches))
    size = verify_log(scratch, VKEY).size
    assert size == sum(batches) + 2
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    with closing(sqlite3.connect(scratch)) as database, database:
        database.execute("DELETE FROM record WHERE idx BETWEEN ? AND ?", (first, last))
    report = verify_log(scratch, VKEY)
    (problem,) = report.problems
    kind = "log-truncated" if last == size - 1 else "record-missing"
    assert (problem.kind, problem.index) == (kind, first)
    assert problem.detail.startswith(f"records {first} to {last} are missing")
    (gone,) = report.ranges
    assert (gone.state, gone.first, gone.last, gone.count) == ("MISSING", first, last, last - first + 1)


@examples(60)
@given(st.sets(st.integers(0, 599), min_size=1, max_size=40))
def test_any_payloads_gone(original: Path, scratch: Path, gone: set[int]) -> None:
    """Counts and ranges say which, however they lie; every problem is within a range."""
    copy_log(original, scratch)
    with closing(sqlite3.connect(scratch)) as database, database:
        places = [(index,) for index in gone]
        database.executemany("UPDATE record SET payload = NULL WHERE idx = ?", places)
    report = verify_log(scratch, VKEY)
    assert report.states["MISSING"] == len(gone) == sum(each.count for each in report.ranges)
    assert report.states["VALID"] == 600 - len(gone)
    members = {0: {0, 599}, 1: set(range(1, 599))}
    named = [
        members[each.retention_class or 0] & set(range(each.first, each.last + 1)) for each in report.ranges
    ]
    assert set().union(*named) == gone
    assert {problem.kind for problem in report.problems} == {"payload-missing"}


async def test_the_fixture_is_the_log_it_should_be(original: Path) -> None:
    writer = await open_writer(original)
    assert writer.size == sum(BATCHES) + 2
    await writer.close()
