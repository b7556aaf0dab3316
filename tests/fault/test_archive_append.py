"""Appends, signatures and ends of segments that fail, before they did anything or after all: the log goes on whole."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogFenced, LogUnavailable
from components.archive.head import NS_PER_SECOND
from components.archive.segment import MAX_AGE_S
from components.archive.store import Change
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import LogWriter
from components.verifier.log import verify_log
from tests.support.archive import RECIPIENTS, SIGNER, VKEY, open_writer, tamper, write_log
from tests.support.failing_log import BEFORE, FAILED, Clock, batch, count_said, payloads
from tests.support.faulty_store import FaultyStore, always, appends, ends_segments, signs
from tests.support.sealed_log import assert_whole, read_leaves, read_segments

ORDERS = ("before anything", "after all")


def fail(store: FaultyStore, order: str, chosen: Callable[[Change], bool] = always) -> None:
    if order == "after all":
        store.fail_after = chosen
    else:
        store.fail_before = chosen


Act = Callable[[LogWriter], Awaitable[object]]
ACTS: dict[str, tuple[Callable[[Change], bool], Act]] = {
    "append": (appends, lambda writer: writer.append(batch(BEFORE + 9, FAILED))),
    "sign": (signs, LogWriter.sign),
    "end segments": (ends_segments, LogWriter.maintain),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("act", ACTS)
async def test_it_failed_and_is_there_or_not(
    act: str, order: str, store: FaultyStore, writer: LogWriter, clock: Clock, log: Path
) -> None:
    """Nothing is claimed that is not known; then the store says it, once and for all."""
    await writer.append(batch(BEFORE, 9))
    clock.now_ns += MAX_AGE_S * NS_PER_SECOND if act == "end segments" else 0
    size, signed_size = writer.size, writer.signed_size
    chosen, do = ACTS[act]
    fail(store, order, chosen)
    with pytest.raises(LogUnavailable):
        await do(writer)
    assert (writer.size, writer.signed_size) == (size, signed_size)
    stored = len(read_leaves(log))
    assert (stored > size) is (order == "after all" and act != "sign")
    store.heal()
    open_segments = sum(segment.manifest is None for segment in read_segments(log))
    for _ in range(2):
        assert await writer.recover() == stored + open_segments
    assert writer.signed_size == (size if (act, order) == ("sign", "after all") else signed_size)
    said = count_said(log)
    assert said == BEFORE + 9 + (FAILED if (act, order) == ("append", "after all") else 0)
    await writer.append(batch(said, 2))
    await writer.close()
    await assert_whole(log, payloads(said + 2))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("act", ACTS)
async def test_going_on_without_recovering_first_cannot_fork(
    act: str, order: str, store: FaultyStore, writer: LogWriter, clock: Clock, log: Path
) -> None:
    await writer.append(batch(BEFORE, 9))
    clock.now_ns += MAX_AGE_S * NS_PER_SECOND if act == "end segments" else 0
    chosen, do = ACTS[act]
    fail(store, order, chosen)
    with pytest.raises(LogUnavailable):
        await do(writer)
    store.heal()
    said = count_said(log)
    await writer.append(batch(said, 5))
    assert count_said(log) == said + 5
    await writer.close()
    await assert_whole(log, payloads(said + 5))


@pytest.mark.parametrize("order", ORDERS)
async def test_ending_what_was_abandoned_fails_too(
    order: str, store: FaultyStore, writer: LogWriter, log: Path
) -> None:
    """The append failed, and so do, again and again, the commits that would end its segments."""
    await writer.append(batch(BEFORE, 9))
    fail(store, order)
    attempts = [batch(1000 * number, FAILED) for number in range(1, 5)]
    for attempt in attempts:
        with pytest.raises(LogUnavailable):
            await writer.append(attempt)
    store.heal()
    await writer.append(batch(9000, 2))
    await writer.close()
    # Where all is kept, every second one came no further than to end what the one before had opened.
    kept = [*attempts[0], *attempts[2]] if order == "after all" else []
    said = [entry.payload for entry in (*kept, *batch(9000, 2))]
    await assert_whole(log, payloads(BEFORE + 9) + said)


@pytest.mark.parametrize("order", ORDERS)
async def test_ending_what_was_abandoned_fails_when_it_starts(
    order: str, writer: LogWriter, log: Path
) -> None:
    await writer.append(batch(BEFORE, 9))
    await writer._store.close()  # as if it were killed
    for _ in range(2):
        store = await FaultyStore.open(log)
        fail(store, order)
        if order == "after all" and None not in [segment.manifest for segment in read_segments(log)]:
            break
        with pytest.raises(LogUnavailable):
            await LogWriter.open_on(store, SIGNER, RECIPIENTS)
    await store.close()
    writer = await open_writer(log)
    await writer.append(batch(BEFORE + 9, 2))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + 11))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("chosen", [ends_segments, signs], ids=["its segments' end", "its signature"])
async def test_closing_fails(
    chosen: Callable[[Change], bool], order: str, store: FaultyStore, writer: LogWriter, log: Path
) -> None:
    """The lock goes all the same, and the next writer does what this one could not."""
    await writer.append(batch(BEFORE, 9))
    fail(store, order, chosen)
    with pytest.raises(LogUnavailable):
        await writer.close()
    writer = await open_writer(log)
    assert None not in [segment.manifest for segment in read_segments(log)]
    await writer.append(batch(BEFORE + 9, 2))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + 11))


@pytest.mark.parametrize("order", ORDERS)
async def test_closing_in_doubt(order: str, store: FaultyStore, writer: LogWriter, log: Path) -> None:
    await writer.append(batch(BEFORE, 9))
    fail(store, order)
    with pytest.raises(LogUnavailable):
        await writer.append(batch(BEFORE + 9, FAILED))
    await writer.close()  # and writes nothing, not knowing behind what
    said = count_said(log)
    assert said == BEFORE + 9 + (FAILED if order == "after all" else 0)
    writer = await open_writer(log)
    await writer.append(batch(said, 2))
    await writer.close()
    await assert_whole(log, payloads(said + 2))


async def test_the_disk_stays_away(store: FaultyStore, writer: LogWriter, log: Path) -> None:
    store.fail_after, store.fail_reopen = always, True
    for _ in range(2):
        with pytest.raises(LogUnavailable):
            await writer.append(batch(BEFORE, FAILED))
        with pytest.raises(LogUnavailable):
            await writer.maintain()
        with pytest.raises(LogUnavailable):
            await writer.recover()
    store.heal()
    await writer.recover()
    assert count_said(log) == BEFORE + FAILED  # the first; the second was never tried
    await writer.close()
    await assert_whole(log, payloads(BEFORE + FAILED))


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
async def test_an_append_that_is_cancelled(
    turns: int, store: FaultyStore, writer: LogWriter, log: Path
) -> None:
    store.turns_around_commit = 5
    appending = asyncio.create_task(writer.append(batch(BEFORE, FAILED)))
    for _ in range(turns):
        await asyncio.sleep(0)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    await writer.recover()
    said = count_said(log)
    assert said == (BEFORE + FAILED if turns > store.turns_around_commit else BEFORE)
    await writer.append(batch(said, 4))
    await writer.close()
    await assert_whole(log, payloads(said + 4))


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
async def test_a_signature_that_is_cancelled(
    turns: int, store: FaultyStore, writer: LogWriter, log: Path
) -> None:
    await writer.append(batch(BEFORE, FAILED))
    store.turns_around_commit = 5
    signing = asyncio.create_task(writer.sign())
    for _ in range(turns):
        await asyncio.sleep(0)
    signing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await signing
    await writer.append(batch(BEFORE + FAILED, 4))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + FAILED + 4))


@pytest.mark.parametrize(
    ("lease", "error", "reason"),
    [("same", LogDamaged, "another log"), ("other", LogFenced, "another writer has taken over")],
)
async def test_a_log_that_was_exchanged_is_not_continued(
    lease: str, error: type[Exception], reason: str, store: FaultyStore, writer: LogWriter, tmp_path: Path
) -> None:
    other = await write_log(tmp_path / "other.db", (BEFORE,))  # as long, with other keys
    tamper(other, f"UPDATE lease SET token = {store._token + (lease == 'other')}")
    before = read_leaves(other)
    store.fail_before, store.exchanged_for = always, other
    with pytest.raises(LogUnavailable):
        await writer.append(batch(BEFORE, FAILED))
    store.heal()
    for attempt in (writer.recover(), writer.append(batch(BEFORE, 1)), writer.sign()):
        with pytest.raises(error, match=reason):
            await attempt
    assert read_leaves(tmp_path / "gate.db") == before


async def test_making_a_log_fails_and_is_repeated(tmp_path: Path) -> None:
    class Unmade(SqliteStore):
        async def create(self, meta: object, checkpoint: object) -> None:
            raise LogUnavailable("no")

    with pytest.raises(LogUnavailable):
        await LogWriter.open_on(await Unmade.open(tmp_path / "gate.db"), SIGNER, RECIPIENTS)
    writer = await open_writer(tmp_path / "gate.db")
    assert writer.size == 0
    await writer.close()
    assert verify_log(tmp_path / "gate.db", VKEY).ok


async def test_taking_the_lease_fails_and_is_repeated(tmp_path: Path) -> None:
    class Unleased(SqliteStore):
        async def take_lease(self) -> None:
            raise LogUnavailable("no")

    with pytest.raises(LogUnavailable):
        await LogWriter.open_on(await Unleased.open(tmp_path / "gate.db"), SIGNER, RECIPIENTS)
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(batch(0, 3))
    await writer.close()
    await assert_whole(tmp_path / "gate.db", payloads(3))
