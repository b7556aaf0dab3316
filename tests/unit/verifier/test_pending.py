"""Records that no checkpoint covers yet follow the newest one, or are named."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.head import NS_PER_SECOND
from components.verifier.log import verify_log
from tests.support.archive import (
    START_S,
    VKEY,
    entries,
    open_writer,
    tamper,
)
from tests.support.verified import found


async def test_it_reads_one_snapshot_while_the_writer_goes_on(tmp_path: Path) -> None:
    """What a writer has not signed yet follows the checkpoint, and is no problem."""
    writer = await open_writer(tmp_path / "gate.db")
    reports = []
    for count in (300, 1, 500, 2):
        await writer.append(entries(writer.size, count))
        reports.append(verify_log(tmp_path / "gate.db", VKEY))
        await writer.sign()
        reports.append(verify_log(tmp_path / "gate.db", VKEY))
    await writer.close()
    assert [report.problems for report in reports] == [()] * 8
    assert [report.size for report in reports] == [0, 301, 301, 302, 302, 802, 802, 804]
    assert [report.pending for report in reports] == [301, 0, 1, 0, 500, 0, 2, 0]


ZERO_TIME = "UPDATE record SET leaf = CAST(substr(leaf, 1, 10) || zeroblob(8) || substr(leaf, 19) AS BLOB)"
UNSIGNED = [
    ("a bit of a payload", "UPDATE record SET payload = flip(payload, 0) WHERE idx = 302", 302),
    ("a payload gone", "UPDATE record SET payload = NULL WHERE idx = 303", 303),
    ("a bit of a leaf's version", "UPDATE record SET leaf = flip(leaf, 0) WHERE idx = 304", 304),
    ("a bit of a leaf's index", "UPDATE record SET leaf = flip(leaf, 9) WHERE idx = 304", 304),
    ("an earlier time", f"{ZERO_TIME} WHERE idx = 305", 305),
    ("a record gone", "DELETE FROM record WHERE idx = 301", 301),
    ("a record gone between", "DELETE FROM record WHERE idx = 304", 304),
]


@pytest.mark.parametrize(
    ("statement", "index"), [case[1:] for case in UNSIGNED], ids=[case[0] for case in UNSIGNED]
)
async def test_records_behind_the_checkpoint_that_do_not_follow(
    statement: str, index: int, tmp_path: Path
) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, 300))
    await writer.sign()
    await writer.append(entries(300, 10))
    killed = copy_log_of_killed(tmp_path / "gate.db", tmp_path / "killed.db")
    await writer.close()
    tamper(killed, statement)
    report = verify_log(killed, VKEY)
    assert found(report) == [["record-unsigned", index]]
    assert (report.size, report.pending) == (301, index - 301)


def copy_log_of_killed(source: Path, target: Path) -> Path:
    """Copy a log as a writer that is killed now would leave it."""
    with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(target)) as copy:
        database.backup(copy)
    return target


async def test_records_that_nobody_signed_for_long_are_found(tmp_path: Path) -> None:
    """A writer signs within a second; so many records without a checkpoint were never a writer's."""
    writer = await open_writer(
        tmp_path / "gate.db",
        iter([START_S * NS_PER_SECOND, (START_S + 599) * NS_PER_SECOND, (START_S + 601) * NS_PER_SECOND] * 9),
    )
    await writer.append(entries(0, 1))
    await writer.append(entries(1, 1))
    ten_minutes = copy_log_of_killed(tmp_path / "gate.db", tmp_path / "ten.db")
    await writer.append(entries(2, 1))
    more = copy_log_of_killed(tmp_path / "gate.db", tmp_path / "more.db")
    await writer.close()
    assert verify_log(ten_minutes, VKEY).ok
    assert found(verify_log(more, VKEY)) == [["record-unsigned", 0]]
