"""When checkpoints are signed, what they are of, and what becomes of records that a killed writer left without one."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.head import NS_PER_SECOND
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.reader import LogReader
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import SIGN_AFTER_S, LogWriter
from components.verifier.log import verify_log
from tests.support import rfc6962
from tests.support.archive import (
    RECIPIENTS,
    SIGNER,
    START_S,
    VERIFIER_KEY,
    VKEY,
    entries,
    open_writer,
    tamper,
    ticking,
)
from tests.support.faulty_store import FaultyStore, always
from tests.support.rounds import chance
from tests.support.sealed_log import assert_whole, read_checkpoint_sizes, read_leaves

SIGNED = 300


class Stopwatch:
    """Stands in for the module `time` in the writer; only a test moves it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    time_ns = staticmethod(time.time_ns)


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    stopwatch = Stopwatch()
    monkeypatch.setattr("components.archive.writer.time", stopwatch)
    return stopwatch


def read_raw_leaves(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT leaf FROM record ORDER BY idx")]


async def newest_checkpoint(path: Path) -> tuple[int, bytes]:
    reader = await LogReader.open(path)
    checkpoint = verify_checkpoint((await reader.checkpoint()).decode(), VERIFIER_KEY)
    await reader.close()
    return checkpoint.size, checkpoint.root


async def test_every_checkpoint_is_of_just_the_records_there_are(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    for count in (1, 5, 250, 300, 1):
        await writer.append(entries(writer.size, count))
        assert writer.signed_size < writer.size
        await writer.sign()
        assert writer.signed_size == writer.size
        leaves = read_raw_leaves(tmp_path / "gate.db")
        assert await newest_checkpoint(tmp_path / "gate.db") == (writer.size, rfc6962.mth(leaves))
    await writer.close()
    leaves = read_raw_leaves(tmp_path / "gate.db")
    assert await newest_checkpoint(tmp_path / "gate.db") == (len(leaves), rfc6962.mth(leaves))


@pytest.mark.parametrize("integrate", [False, True])
async def test_several_appends_under_one_checkpoint(integrate: bool, tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    for count in (1, 5, 250, 300, 1):
        await writer.append(entries(writer.size, count))
        if integrate:
            writer.integrate()
    assert await newest_checkpoint(tmp_path / "gate.db") == (0, rfc6962.mth([]))
    await writer.sign()
    leaves = read_raw_leaves(tmp_path / "gate.db")
    assert await newest_checkpoint(tmp_path / "gate.db") == (558, rfc6962.mth(leaves))
    await writer.close()
    assert verify_log(tmp_path / "gate.db", VKEY).ok


async def test_one_checkpoint_a_second_is_kept(tmp_path: Path) -> None:
    now_ns = START_S * NS_PER_SECOND
    times = [now_ns + quarter * NS_PER_SECOND // 4 for quarter in range(10) for _ in ("append", "sign")]
    writer = await open_writer(tmp_path / "gate.db", [*times, times[-1]])
    for index in range(10):
        await writer.append(entries(index, 1))
        await writer.sign()
    await writer.close()
    with closing(sqlite3.connect(tmp_path / "gate.db")) as database:
        rows = database.execute("SELECT second, size FROM checkpoint ORDER BY second").fetchall()
    # The first record is the segment's beginning, the last its manifest.
    assert rows == [(0, 0), (START_S, 5), (START_S + 1, 9), (START_S + 2, 12)]
    assert verify_log(tmp_path / "gate.db", VKEY).ok


async def test_nothing_new_is_not_signed_again(tmp_path: Path) -> None:
    store = await FaultyStore.open(tmp_path / "gate.db")
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS)
    await writer.sign()
    assert store.tried == []
    await writer.append(entries(0, 1))
    await writer.sign()
    tried = len(store.tried)
    await writer.sign()
    await writer.maintain()
    assert len(store.tried) == tried == 2
    await writer.close()


async def test_the_oldest_record_without_a_checkpoint_waits_so_long_and_no_longer(
    stopwatch: Stopwatch, tmp_path: Path
) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    for _ in range(3):
        signed = writer.size
        await writer.append(entries(0, 1))
        for _ in range(3):
            stopwatch.now_s += SIGN_AFTER_S * 0.3
            await writer.append(entries(0, 1))  # which does not put it off
            await writer.maintain()
            assert writer.signed_size == signed
        stopwatch.now_s += SIGN_AFTER_S * 0.1 + 0.001
        await writer.maintain()
        assert writer.signed_size == writer.size
        stopwatch.now_s += 100
        await writer.maintain()
    await writer.close()


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(5))
async def test_whenever_it_is_maintained_nothing_older_is_unsigned(
    seed: int, stopwatch: Stopwatch, tmp_path: Path
) -> None:
    """Also where commits fail, before or after they did what they should."""
    draw = chance(seed)
    store = await FaultyStore.open(tmp_path / "gate.db")
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS)
    stored_at: list[float] = []  # by index, as far as the test knows: when it was seen first
    for _ in range(300):
        stopwatch.now_s += draw.choice((0, 0.01, 0.1, 0.3))
        faults = draw.choice(((None, None), (None, None), (always, None), (None, always)))
        store.fail_before, store.fail_after = faults
        try:
            if draw.random() < 0.6:
                await writer.append(entries(0, draw.randrange(1, 4)))
            else:
                await writer.maintain()
                unsigned = stored_at[writer.signed_size :]
                assert all(stopwatch.now_s - since < SIGN_AFTER_S for since in unsigned)
        except LogUnavailable:
            store.heal()
            await writer.recover()
        stored_at += [stopwatch.now_s] * (writer.size - len(stored_at))
        assert len(stored_at) == writer.size
    store.heal()
    await writer.close()
    assert verify_log(tmp_path / "gate.db", VKEY).ok


async def leave_unsigned(path: Path, *counts: int, signed: int = SIGNED) -> list[bytes]:
    """Write a log whose writer was killed before it signed the last batches; gives what was said."""
    writer = await open_writer(path)
    said = entries(0, signed)
    await writer.append(said)
    await writer.sign()
    for count in counts:
        batch = entries(len(said), count)
        await writer.append(batch)
        said += batch
    assert isinstance(writer._store, SqliteStore)
    await writer._store.close()
    return [entry.payload for entry in said]


@pytest.mark.slow
@pytest.mark.parametrize(
    "counts", [[1], [3, 4, 5], [211], [212], [213], [255, 1], [1000], [3795], [3796], [5000, 5000], [10_000]]
)
async def test_the_next_writer_takes_up_what_is_unsigned(
    counts: list[int], stopwatch: Stopwatch, tmp_path: Path
) -> None:
    log = tmp_path / "gate.db"
    said = await leave_unsigned(log, *counts)
    stored = len(read_leaves(log))
    assert read_checkpoint_sizes(log)[-1] == SIGNED + 1

    writer = await open_writer(log)
    assert writer.size == stored + 1  # its manifest
    assert writer.signed_size == stored
    await writer.append(entries(len(said), 2))
    await writer.maintain()
    assert writer.signed_size == stored
    stopwatch.now_s += SIGN_AFTER_S
    await writer.maintain()
    assert writer.signed_size == writer.size
    await writer.close()
    await assert_whole(log, [*said, *[entry.payload for entry in entries(len(said), 2)]])


async def test_a_writer_that_closes_at_once_signs_it(tmp_path: Path) -> None:
    said = await leave_unsigned(tmp_path / "gate.db", 7)
    writer = await open_writer(tmp_path / "gate.db")
    await writer.close()
    await assert_whole(tmp_path / "gate.db", said)


async def test_a_log_of_which_nothing_was_ever_signed(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, 600))
    assert isinstance(writer._store, SqliteStore)
    await writer._store.close()
    writer = await open_writer(tmp_path / "gate.db")
    await writer.close()
    await assert_whole(tmp_path / "gate.db", [entry.payload for entry in entries(0, 600)])


async def test_killed_again_and_again_without_a_word_signed(tmp_path: Path) -> None:
    said = await leave_unsigned(tmp_path / "gate.db", 7)
    for _ in range(5):
        writer = await open_writer(tmp_path / "gate.db", ticking(START_S + 60))
        batch = entries(len(said), 100)
        await writer.append(batch)
        said += [entry.payload for entry in batch]
        assert isinstance(writer._store, SqliteStore)
        await writer._store.close()
    writer = await open_writer(tmp_path / "gate.db", ticking(START_S + 300))
    await writer.close()
    await assert_whole(tmp_path / "gate.db", said)


# The unsigned tail is records 301 to 310: leaf fields by their places in docs/archive-format.md, section 3.
ALTERED = [
    ("a leaf of another index", ["leaf = flip(leaf, 9)"], "record 305 does not follow"),
    ("a leaf of an earlier time", ["leaf = flip(leaf, 12)"], "record 305 does not follow"),
    ("no leaf", ["leaf = x''"], "record 305: not a leaf"),
    ("a leaf of another version", ["leaf = flip(leaf, 0)"], "record 305: not a leaf"),
    ("a leaf with another hash", ["leaf = flip(leaf, -1)"], "payload of record 305 is not the one"),
    ("a leaf with another size", ["leaf = flip(leaf, 28)"], "payload of record 305 is not the one"),
    ("an altered payload", ["payload = flip(payload, 0)"], "payload of record 305 is not the one"),
    ("a payload cut short", ["payload = substr(payload, 2)"], "payload of record 305 is not the one"),
    ("no payload, but a text", ["payload = 'text'"], "payload of record 305 is not the one"),
]


@pytest.mark.parametrize(("name", "changes", "reason"), ALTERED)
async def test_an_altered_tail_is_refused(
    name: str, changes: Sequence[str], reason: str, tmp_path: Path
) -> None:
    log = tmp_path / "gate.db"
    await leave_unsigned(log, 4, 6)
    tamper(log, *(f"UPDATE record SET {change} WHERE idx = 305" for change in changes))
    await assert_refused(log, reason)


@pytest.mark.parametrize(
    ("name", "statements", "reason"),
    [
        ("a record gone", ["DELETE FROM record WHERE idx = 305"], "record 305 does not follow"),
        ("the first one gone", ["DELETE FROM record WHERE idx = 301"], "record 301 does not follow"),
        (
            "a wide gap",
            ["UPDATE record SET idx = idx + 10000 WHERE idx >= 305"],
            "record 305 is missing, and there are some behind it",
        ),
        (
            "a wide gap right behind the checkpoint",
            ["UPDATE record SET idx = idx + 10000 WHERE idx >= 301"],
            "record 301 is missing, and there are some behind it",
        ),
        (
            "two exchanged",
            [
                "UPDATE record SET idx = -1 WHERE idx = 305",
                "UPDATE record SET idx = 305 WHERE idx = 306",
                "UPDATE record SET idx = 306 WHERE idx = -1",
            ],
            "record 305 does not follow",
        ),
        (
            "one twice",
            ["INSERT INTO record SELECT 311, leaf, payload, mac FROM record WHERE idx = 310"],
            "record 311 does not follow",
        ),
        (
            "one before the first",
            ["INSERT INTO record SELECT -1, leaf, payload, mac FROM record WHERE idx = 310"],
            "holds records -1 to 310",
        ),
    ],
)
async def test_a_tail_with_other_records_is_refused(
    name: str, statements: list[str], reason: str, tmp_path: Path
) -> None:
    log = tmp_path / "gate.db"
    await leave_unsigned(log, 4, 6)
    tamper(log, *statements)
    await assert_refused(log, reason)


async def assert_refused(log: Path, reason: str) -> None:
    """Refused with its reason each time, and nothing is written to it."""
    before = read_raw_leaves(log)
    for _ in range(2):
        with pytest.raises(LogDamaged, match=reason):
            await open_writer(log)
    assert read_raw_leaves(log) == before
    assert read_checkpoint_sizes(log)[-1] == SIGNED + 1


async def test_a_tail_altered_while_it_is_in_doubt_is_refused(tmp_path: Path) -> None:
    store = await FaultyStore.open(tmp_path / "gate.db")
    times = ticking()
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS, lambda: next(times))
    await writer.append(entries(0, 5))
    store.fail_after = always
    with pytest.raises(LogUnavailable):
        await writer.append(entries(5, 5))
    store.heal()
    tamper(tmp_path / "gate.db", "UPDATE record SET payload = flip(payload, 3) WHERE idx = 8")
    for _ in range(2):
        with pytest.raises(LogDamaged, match="payload of record 8"):
            await writer.append(entries(10, 1))
    await writer.close()
    assert len(read_leaves(tmp_path / "gate.db")) == 11
