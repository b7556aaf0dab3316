"""Two writers at once: the lock keeps the second out, and where somebody deleted it, the lease stops the first."""

import subprocess
import sys
from pathlib import Path

import pytest

from components.archive.errors import LogBusy, LogFenced, LogUnavailable
from components.archive.writer import LogWriter
from tests.support.archive import RECIPIENTS, SIGNER, entries, open_writer, ticking
from tests.support.faulty_store import FaultyStore, always
from tests.support.sealed_log import assert_whole, read_leaves

ROOT = Path(__file__).parents[3]


def payloads(first: int, count: int) -> list[bytes]:
    return [entry.payload for entry in entries(first, count)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "gate.db"


def unlock(log: Path) -> None:
    """As somebody who thinks the file is left over."""
    log.with_name("gate.db.lock").unlink()


async def test_without_the_lock_file_the_first_writer_is_fenced_off(log: Path) -> None:
    first = await open_writer(log)
    await first.append(entries(0, 3))
    with pytest.raises(LogBusy):
        await open_writer(log)
    unlock(log)
    second = await open_writer(log)
    size = len(read_leaves(log))
    for _ in range(2):
        with pytest.raises(LogFenced, match="another writer has taken over"):
            await first.append(entries(3, 1))
    with pytest.raises(LogFenced):
        await first.sign()
    assert len(read_leaves(log)) == size
    await second.append(entries(3, 2))
    await second.close()
    await first.close()
    await assert_whole(log, payloads(0, 5))


async def test_it_is_still_fenced_off_when_the_second_has_gone_on(log: Path) -> None:
    first = await open_writer(log)
    await first.append(entries(0, 3))
    unlock(log)
    second = await open_writer(log)
    await second.append(entries(3, 2))
    await second.sign()
    for attempt in (
        first.append(entries(5, 1)),
        first.append(entries(5, 1)),
        first.maintain(),
        first.recover(),
    ):
        with pytest.raises(LogFenced):
            await attempt
    await second.append(entries(5, 2))
    await first.close()
    await second.close()
    await assert_whole(log, payloads(0, 7))


async def test_a_checkpoint_or_the_end_of_a_segment_is_fenced_off_too(log: Path) -> None:
    first = await open_writer(log)
    await first.append(entries(0, 3))
    unlock(log)
    second = await open_writer(log)
    await second.sign()
    size = len(read_leaves(log))
    with pytest.raises(LogFenced):
        await first.close()
    assert len(read_leaves(log)) == size
    await second.close()
    await assert_whole(log, payloads(0, 3))


@pytest.mark.parametrize("kept", [False, True])
async def test_a_writer_in_doubt_that_was_replaced_meanwhile(kept: bool, log: Path) -> None:
    """Its own commit may be in the log, behind it those of the other: no damage, but none of its business."""
    store, times = await FaultyStore.open(log), ticking()
    first = await LogWriter.open_on(store, SIGNER, RECIPIENTS, lambda: next(times))
    await first.append(entries(0, 3))
    store.fail_before, store.fail_after = (None, always) if kept else (always, None)
    with pytest.raises(LogUnavailable):
        await first.append(entries(3, 4))
    store.heal()
    unlock(log)
    second = await open_writer(log)
    said = 7 if kept else 3
    await second.append(entries(said, 2))
    for _ in range(2):
        with pytest.raises(LogFenced):
            await first.append(entries(0, 1))
        with pytest.raises(LogFenced):
            await first.recover()
    await first.close()
    await second.close()
    await assert_whole(log, payloads(0, said + 2))


@pytest.mark.slow
async def test_a_second_process_fences_off_the_first(log: Path) -> None:
    first = await open_writer(log)
    await first.append(entries(0, 3))
    unlock(log)
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from tests.support.archive import entries, open_writer\n"
        "async def run():\n"
        "    writer = await open_writer(Path(sys.argv[1]))\n"
        "    await writer.append(entries(3, 2))\n"
        "    await writer.close()\n"
        "asyncio.run(run())"
    )
    subprocess.run([sys.executable, "-c", program, str(log)], cwd=ROOT, check=True, timeout=60)  # noqa: ASYNC221
    with pytest.raises(LogFenced):
        await first.append(entries(5, 1))
    await first.close()
    await assert_whole(log, payloads(0, 5))


async def test_the_first_writer_reopens_and_is_still_fenced_off(log: Path) -> None:
    first = await open_writer(log)
    unlock(log)
    second = await open_writer(log)
    await first._store.reopen()
    with pytest.raises(LogFenced):
        await first.append(entries(0, 1))
    await first.close()
    await second.append(entries(0, 1))
    await second.close()
    await assert_whole(log, payloads(0, 1))


async def test_each_writer_has_a_token_of_its_own(log: Path) -> None:
    tokens = []
    for _ in range(3):
        store = await FaultyStore.open(log)
        writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS)
        tokens.append(store._token)
        await writer.close()
    assert tokens == [1, 2, 3]
