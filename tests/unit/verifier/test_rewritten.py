"""What whoever holds a key, or all but the key, can write anew is found where anything contradicts it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from components.archive.head import NS_PER_SECOND
from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.archive.log.merkle import leaf_hash, root_hash
from components.archive.log.tile import EMPTY_TREE, grow
from components.archive.record import RecordKind
from components.archive.store import Change, CheckpointRow
from components.archive.store.sqlite import SqliteStore
from components.verifier.log import verify_log
from components.verifier.report import Range
from tests.support.archive import (
    ORIGIN,
    SIGNER,
    START_S,
    VKEY,
    entries,
    open_writer,
    tamper,
    write_log,
)
from tests.support.verified import found, kinds, states


async def test_records_rewritten_with_all_their_tiles_are_found(tmp_path: Path, log: Path) -> None:
    """Whoever holds no key can rewrite everything but the signatures."""
    forged = await write_log(tmp_path / "forged.db")
    with closing(sqlite3.connect(forged)) as database, database:
        database.execute("ATTACH ? AS original", (str(log),))
        database.execute("DELETE FROM checkpoint")
        database.execute("INSERT INTO checkpoint SELECT * FROM original.checkpoint")
    report = verify_log(forged, VKEY)
    assert found(report) == [["root-mismatch", 0]]
    assert "records 0 to 1" in report.problems[0].detail
    assert states(report) == {"FORGED": 600}
    assert report.ranges == (Range("FORGED", None, 0, 599, 600, None),)


def grown(path: Path) -> tuple[list[bytes], list[bytes]]:
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT leaf, payload FROM record ORDER BY idx").fetchall()
    return [row[0] for row in rows], [row[1] for row in rows]


async def rewrite(path: Path, leaves: list[bytes], payloads: list[bytes], sizes: Sequence[int] = ()) -> None:
    """Write a log anew as its own key could: every tile, and checkpoints of these sizes and of all."""
    tamper(path, "DELETE FROM record", "DELETE FROM tile", "DELETE FROM checkpoint WHERE size > 0")
    store = await SqliteStore.open(path)
    await store.take_lease()
    for size in (*sizes, len(leaves)):
        tree, tiles = grow(EMPTY_TREE, [leaf_hash(leaf) for leaf in leaves[:size]])
        note = sign_checkpoint(Checkpoint(ORIGIN, size, root_hash(tree.frontier)), SIGNER)
        second = int.from_bytes(leaves[size - 1][10:18], "big") // NS_PER_SECOND
        await store.commit(Change(tiles=tiles, checkpoint=CheckpointRow(second, size, note)))
    await store.commit(Change(0, leaves, payloads))
    await store.close()


async def test_records_rewritten_behind_a_checkpoint_are_told_from_those_before(log: Path) -> None:
    """From the first root that does not fit, nothing is vouched for; what came before is."""
    leaves, payloads = grown(log)
    with closing(sqlite3.connect(log)) as database:
        kept = database.execute("SELECT second, size, note FROM checkpoint").fetchall()
    payloads[270] = payloads[270][::-1]
    leaves[270] = leaves[270][:45] + sha256(payloads[270]).digest()
    await rewrite(log, leaves, payloads)
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("DELETE FROM checkpoint")
        database.executemany("INSERT INTO checkpoint VALUES (?, ?, ?)", kept)
    report = verify_log(log, VKEY)
    assert found(report) == [["root-mismatch", 256]]
    assert states(report) == {"VALID": 256, "FORGED": 344}
    assert report.ranges == (Range("FORGED", None, 256, 599, 344, None),)
    payloads[270] = payloads[270][::-1]
    leaves[270] = leaves[270][:45] + sha256(payloads[270]).digest()
    payloads[400] = payloads[400][::-1]
    leaves[400] = leaves[400][:45] + sha256(payloads[400]).digest()
    await rewrite(log, leaves, payloads)
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("DELETE FROM checkpoint")
        database.executemany("INSERT INTO checkpoint VALUES (?, ?, ?)", kept)
    report = verify_log(log, VKEY)  # a checkpoint within a tile
    assert found(report) == [["root-mismatch", 300]]
    assert states(report) == {"VALID": 300, "FORGED": 300}


def test_a_checkpoint_of_other_records_is_found(log: Path) -> None:
    """Two roots for one size, both signed: the log's own key was used to tell two stories."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 256, bytes(32)), SIGNER)
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("UPDATE checkpoint SET note = ? WHERE size = 256", (note,))
    report = verify_log(log, VKEY)
    assert found(report) == [["checkpoint-forked", None]]
    assert (states(report), report.checkpoints) == ({"VALID": 600}, 6)


async def test_a_log_set_back_as_a_whole_is_found_by_a_checkpoint_kept_elsewhere(tmp_path: Path) -> None:
    kept = [sign_checkpoint(Checkpoint(ORIGIN, 600, bytes(32)), SIGNER)]
    earlier = await write_log(tmp_path / "gate.db", (1, 2, 252, 44))
    assert verify_log(earlier, VKEY).ok
    assert found(verify_log(earlier, VKEY, known_checkpoints=kept)) == [["log-truncated", 301]]


def test_a_checkpoint_kept_elsewhere_that_contradicts_the_newest_is_a_fork(log: Path) -> None:
    kept = sign_checkpoint(Checkpoint(ORIGIN, 600, bytes(32)), SIGNER)
    assert found(verify_log(log, VKEY, known_checkpoints=[kept])) == [["checkpoint-forked", None]]


async def test_a_log_written_anew_is_found_by_a_checkpoint_kept_elsewhere(log: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(log)) as database:
        (kept,) = database.execute("SELECT note FROM checkpoint WHERE size = 300").fetchone()
    assert verify_log(log, VKEY, known_checkpoints=[kept, kept]).checkpoints == 9
    other = await write_log(tmp_path / "other.db")
    assert verify_log(other, VKEY).ok
    report = verify_log(other, VKEY, known_checkpoints=[kept])
    assert kinds(report) == ["checkpoint-forked"]
    assert kinds(verify_log(log, VKEY, known_checkpoints=["no note"])) == ["checkpoint-altered"]


CHANGED_LEAVES = [
    ("its time", 10, 8, START_S * NS_PER_SECOND - 1, [["time-backwards", 3]]),
    ("its index", 2, 8, 4, [["record-misplaced", 3]]),
    ("its version", 0, 1, 3, [["leaf-unknown", 3]]),
    ("its segment", 18, 4, 2, [["segment-altered", 3], ["segment-altered", 4]]),
    ("its segment, to none", 18, 4, 0, [["segment-altered", 3], ["segment-altered", 4]]),
    ("its class", 22, 1, 2, [["segment-altered", 3]]),
    ("its position", 23, 2, 7, [["segment-altered", 3]]),
    (
        "its kind, to one in the clear",
        1,
        1,
        66,
        [["order-invalid", 3], ["segment-altered", 3], ["segment-altered", 4]],
    ),
]


@pytest.mark.parametrize(
    ("start", "size", "value", "problems"),
    [case[1:] for case in CHANGED_LEAVES],
    ids=[case[0] for case in CHANGED_LEAVES],
)
async def test_what_the_log_itself_signed_wrongly_is_found(
    start: int, size: int, value: int, problems: list[list[object]], log: Path
) -> None:
    leaves, payloads = grown(log)
    leaves[3] = leaves[3][:start] + value.to_bytes(size) + leaves[3][start + size :]
    await rewrite(log, leaves, payloads)
    assert found(verify_log(log, VKEY)) == problems


OWN_RECORDS = [
    (599, b'{"segment":1,"retention_class":1,"count":597,"first":1,"last":598}', [["segment-altered", 599]]),
    (599, b'{"segment":1,"retention_class":1,"count":598,"first":2,"last":598}', [["segment-altered", 599]]),
    (599, b'{"segment":1,"retention_class":1,"count":598,"first":1,"last":597}', [["segment-altered", 599]]),
    (599, b'{"segment":1,"retention_class":2,"count":598,"first":1,"last":598}', [["segment-altered", 599]]),
    (
        599,
        b'{"segment":2,"retention_class":1,"count":598,"first":1,"last":598}',
        [["segment-altered", 599], ["segment-altered", None]],
    ),
    (
        599,
        b'{"segment":1, "retention_class":1,"count":598,"first":1,"last":598}',
        [["segment-altered", 599], ["segment-altered", None]],
    ),
    (0, b'{"segment":1,"retention_class":1,"keys_sha256":"","recipients":[]}', [["keys-altered", 0]]),
    (0, b'{"segment":2,"retention_class":1,"keys_sha256":"","recipients":[]}', [["segment-altered", 0]]),
    (0, b"[]", [["segment-altered", 0]]),
]


@pytest.mark.parametrize(("index", "payload", "problems"), OWN_RECORDS)
async def test_segments_that_the_log_itself_describes_wrongly_are_found(
    index: int, payload: bytes, problems: list[list[object]], log: Path
) -> None:
    leaves, payloads = grown(log)
    payloads[index] = payload
    size = len(payload).to_bytes(4)
    leaves[index] = leaves[index][:25] + size + leaves[index][29:45] + sha256(payload).digest()
    await rewrite(log, leaves, payloads)
    assert found(verify_log(log, VKEY)) == problems


async def test_a_segment_that_was_never_ended_is_found(tmp_path: Path) -> None:
    """Only the newest of its class may be open: here its manifest became something else."""
    log = await write_log(tmp_path / "gate.db", (5,))
    await write_more(log, 5)
    assert verify_log(log, VKEY).ok
    leaves, payloads = grown(log)
    assert leaves[6][1] == RecordKind.MANIFEST
    leaves[6] = leaves[6][:1] + bytes([90]) + leaves[6][2:]
    await rewrite(log, leaves, payloads)
    assert found(verify_log(log, VKEY)) == [["segment-altered", 7]]


async def write_more(log: Path, count: int) -> None:
    writer = await open_writer(log)
    await writer.append(entries(0, count))
    await writer.close()
