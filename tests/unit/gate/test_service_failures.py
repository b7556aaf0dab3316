"""The gate's service when recording fails or the connection breaks: still one record and one answer for each."""

import asyncio

import pytest

from components.archive.errors import LogDamaged
from tests.unit.gate.fakes import MALLORY, Bench, held, status, submissions

# When recording fails -------------------------------------------------------------------------------------------------


async def test_nobody_is_answered_while_nothing_can_be_recorded(connected: Bench) -> None:
    connected.log.fates.extend(["failed"] * 10_000)
    connected.take(held(1), status(2, 1, 2, 0, bounced=(7,)))
    await connected.settle()
    assert not connected.gate.commits
    assert connected.gate.counters.failed_commits > 3
    assert connected.answers.verdicts() == []
    assert connected.answers.noted() == [1]
    connected.log.fates.clear()
    await connected.settle()
    assert connected.gate.commits
    assert connected.log.seqs() == [1]
    assert connected.answers.answered() == {1: (1, "release")}
    assert connected.answers.noted() == [1, 2]


async def test_a_commit_that_failed_and_is_there_all_the_same_is_not_repeated(connected: Bench) -> None:
    connected.log.fates.append("kept but failed")
    connected.take(held(1), held(2, to=MALLORY))
    await connected.settle()
    assert connected.log.seqs() == [1, 2]
    assert connected.answers.answered() == {1: (1, "release"), 2: (2, "refuse")}


@pytest.mark.parametrize("attempts", [1, 3])
async def test_it_is_not_repeated_either_when_that_is_found_out_late(connected: Bench, attempts: int) -> None:
    connected.log.fates.append("kept but failed")
    connected.log.recoveries.extend([False] * attempts)
    connected.take(held(1), held(2))
    await connected.settle()
    assert connected.log.seqs() == [1, 2]
    assert connected.answers.answered() == {1: (1, "release"), 2: (2, "release")}


async def test_a_damaged_log_ends_the_gate(connected: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def append(_entries: object, **_kept: object) -> int:
        raise LogDamaged("the store holds another log")

    monkeypatch.setattr(connected.log, "append", append)
    connected.take(held(1))
    await connected.settle()
    assert isinstance(connected.task.exception(), LogDamaged)
    assert connected.answers.verdicts() == []


# When the connection breaks -------------------------------------------------------------------------------------------


async def test_what_was_recorded_and_comes_again_is_answered_from_the_log(connected: Bench) -> None:
    connected.take(held(1), held(2, to=MALLORY), held(3))
    await connected.settle()
    connected.reconnect(status(2, 2, 5), held(2, to=MALLORY), held(3), held(4))
    await connected.settle()
    assert connected.log.seqs() == [1, 2, 3, 4]
    assert connected.answers.verdicts() == [(1, 3, 1), (2, 4, 2)]
    assert connected.answers.answered()[2] == (2, "refuse")
    assert connected.gate.counters.repeated == 2


async def test_it_is_answered_as_it_was_decided_then(connected: Bench) -> None:
    connected.take(held(1, to=MALLORY))
    await connected.settle()
    connected.reconnect(status(2, 1, 2), held(1))  # the directory has changed: today it would pass
    await connected.settle()
    assert connected.answers.answered() == {1: (1, "refuse")}
    assert connected.log.seqs() == [1]


async def test_more_than_a_batch_comes_again(connected: Bench) -> None:
    connected.take(*submissions(range(1, 31)))
    await connected.settle()
    connected.reconnect(status(2, 4, 36), *submissions(range(4, 36)))
    await connected.settle()
    assert connected.log.seqs() == list(range(1, 36))
    assert set(connected.answers.answered()) == set(range(1, 36))


async def test_what_waits_when_the_connection_breaks_is_dropped(connected: Bench) -> None:
    connected.log.gate_opens.clear()
    connected.take(held(1))
    await connected.log.appending.wait()
    connected.take(*submissions(range(2, 30)))
    connected.reconnect(status(2, 1, 30), *submissions(range(1, 30)))
    connected.log.gate_opens.set()
    await connected.settle()
    assert connected.log.seqs() == list(range(1, 30))
    assert set(connected.answers.answered()) == set(range(1, 30))


async def test_what_was_recorded_for_a_connection_that_is_gone_is_not_answered_on_the_next(
    connected: Bench,
) -> None:
    """Its `noted` could be for a status of another epoch, and would take what was bounced from the adapter's memory."""
    connected.log.gate_opens.clear()
    connected.take(held(1), status(7, 2, 2, 1))
    await connected.log.appending.wait()
    connected.gate.disconnected()
    connected.log.gate_opens.set()
    await connected.settle()
    assert connected.log.seqs() == [1]
    assert connected.answers.verdicts() == []
    assert connected.answers.noted() == [1]
    connected.reconnect(status(8, 1, 2), held(1))
    await connected.settle()
    assert connected.answers.verdicts() == [(1, 1, 1)]
    assert connected.answers.noted() == [1, 8]


async def test_the_connection_breaks_while_the_log_is_read_for_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = asyncio.Event(), asyncio.Event()
    fetch = bench.log.fetch_memos

    async def slow_fetch(limit: int, before: int) -> object:
        reading.set()
        await go_on.wait()
        return await fetch(limit, before)

    bench.take(status(1, 1, 3), held(1), held(2))
    await bench.settle()
    monkeypatch.setattr(bench.log, "fetch_memos", slow_fetch)
    bench.reconnect(status(2, 2, 4), held(2), held(3))
    await reading.wait()
    bench.reconnect(status(3, 2, 4), held(2), held(3))
    go_on.set()
    await bench.settle()
    bench.reconnect(status(4, 2, 5), held(2), held(3), held(4))
    await bench.settle()
    assert bench.log.seqs() == [1, 2, 3, 4]


@pytest.mark.parametrize("fate", ["failed", "kept but failed"])
@pytest.mark.parametrize("first", ["status", "submission"])
async def test_the_connection_breaks_while_a_commit_fails(connected: Bench, fate: str, first: str) -> None:
    connected.log.gate_opens.clear()
    connected.log.fates.append(fate)
    connected.take(*([status(2, 1, 3)] if first == "status" else []), held(1), held(2))
    await connected.log.appending.wait()
    connected.reconnect(status(3, 1, 4), held(1), held(2), held(3))
    connected.log.gate_opens.set()
    await connected.settle()
    assert connected.log.seqs() == [1, 2, 3]
    assert set(connected.answers.answered()) == {1, 2, 3}


async def test_a_status_that_waits_for_the_disk_when_the_connection_breaks_hides_nothing(
    bench: Bench,
) -> None:
    """Its window is that of a moment ago: what was recorded since must be looked up by the new status."""
    bench.log.fates.append("failed")
    bench.take(status(1, 1, 1, 0, bounced=(9,)), held(1))
    await bench.log.appending.wait()
    bench.reconnect(status(2, 1, 3), held(1), held(2))
    await bench.settle()
    bench.reconnect(status(3, 1, 4), held(1), held(2), held(3))
    await bench.settle()
    assert bench.log.seqs() == [1, 2, 3]


async def test_a_new_epoch_starts_anew(connected: Bench) -> None:
    connected.take(held(1), held(2))
    await connected.settle()
    other = "0123456789abcdef"
    connected.reconnect(status(1, 1, 3, epoch=other), held(1, epoch=other), held(2, epoch=other))
    await connected.settle()
    assert connected.log.seqs() == [1, 2]
    assert connected.log.seqs(other) == [1, 2]
    indexes = [first for _, _, first in connected.answers.verdicts()]
    assert len(set(indexes)) == len(indexes)
