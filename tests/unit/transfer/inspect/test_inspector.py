"""Whatever a file does to the process that reads it, it gets an answer, and so does the next file."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest

from components.settings.transfer import InspectTable
from components.transfer.inspect import inspector as inspectors
from components.transfer.inspect.assemble import open_inspector
from components.transfer.inspect.inspector import NOT_SEEN, Inspector
from components.transfer.inspect.limits import InspectLimits
from policy.files.facts import ContentFacts
from tests.support.file_corpus import all_samples
from tests.support.hostile_worker import PLAIN
from tests.support.process import PATIENCE_S

pytestmark = pytest.mark.programs

PATIENT = InspectLimits(time_s=PATIENCE_S)
"""For looks that should succeed, however busy the machine is."""


@contextlib.contextmanager
def file_of(content: bytes) -> Iterator[int]:
    """Yield the descriptor of a file that is nowhere on a disk."""
    fd = os.memfd_create("sent")
    try:
        os.write(fd, content)
        yield fd
    finally:
        os.close(fd)


async def look(inspector: Inspector, content: bytes, name: str = "a.txt") -> object:
    with file_of(content) as fd:
        return await inspector.look(fd, name, "")


@pytest.fixture
async def real() -> AsyncIterator[Inspector]:
    inspector = Inspector(PATIENT, within_s=2 * PATIENCE_S)
    yield inspector
    await inspector.close()


@pytest.fixture
async def hostile(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Inspector]:
    """An inspector whose worker obeys the files."""
    monkeypatch.setattr(inspectors, "_WORKER", "tests.support.hostile_worker")
    inspector = Inspector(PATIENT, at_once=4, within_s=2 * PATIENCE_S)
    yield inspector
    await inspector.close()


def worker_pids() -> set[int]:
    found = set()
    for each in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if any("_worker" in part or ".worker" in part for part in each.cmdline()):
                found.add(each.pid)
    return found


async def test_what_a_worker_finds_is_what_a_look_finds(real: Inspector) -> None:
    for name in ("b.7z", "gps.jpg", "huge.png", "js.pdf", "macro.doc", "zeros.zip", "empty.txt"):
        sample = next(each for each in all_samples() if each.name == name)
        with file_of(sample.content) as fd:
            os.lseek(fd, 3, os.SEEK_SET)
            facts = await real.look(fd, sample.name, sample.claimed_type)
            assert os.lseek(fd, 0, os.SEEK_CUR) == min(3, len(sample.content) + 3)
        assert (set(facts.marks), facts.found_type) == (set(sample.marks), sample.found_type), name
        assert (facts.width, facts.height) == sample.size


@pytest.mark.parametrize("deed", [b"crash", b"eat", b"fork", b"lie"], ids=bytes.decode)
async def test_a_file_that_breaks_its_reader(hostile: Inspector, deed: bytes) -> None:
    if deed == b"fork" and os.geteuid() == 0:
        deed = b"crash"  # the system lets root fork, whatever the limit
    assert await look(hostile, deed) == NOT_SEEN
    # The worker itself is the same one: only what it forked has ended.
    before = worker_pids()
    assert await look(hostile, b"good") == PLAIN
    assert len(before) == 1
    assert worker_pids() == before


@pytest.mark.parametrize("deed", [b"hang", b"spin"], ids=bytes.decode)
async def test_a_file_that_takes_too_long(hostile: Inspector, deed: bytes) -> None:
    hostile._limits = InspectLimits(time_s=0.2)
    held = asyncio.create_task(look(hostile, deed))
    await asyncio.sleep(0)
    hostile._limits = PATIENT
    # It keeps its own place meanwhile, and nobody else's.
    assert await look(hostile, b"good") == PLAIN
    assert await held == NOT_SEEN
    assert await look(hostile, b"good") == PLAIN


async def test_a_file_that_calls_somebody(hostile: Inspector) -> None:
    """Where the system lets a process leave the network, there is none for the one that reads."""
    code = "import sys; from components.transfer.inspect.confine import leave_network; sys.exit(not leave_network())"
    tried = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    leaves = await tried.wait() == 0
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await look(hostile, b"connect", str(port)) == ContentFacts("none" if leaves else "network")


async def test_a_file_that_kills_the_worker(hostile: Inspector) -> None:
    assert await look(hostile, b"good") == PLAIN
    before = worker_pids()
    assert await look(hostile, b"kill the worker") == NOT_SEEN
    # What had looked at the file ended with it, so the next file has another one.
    assert await look(hostile, b"good") == PLAIN
    assert len(before) == len(worker_pids()) == 1
    assert before != worker_pids()


async def test_many_at_once_wait_for_their_turn(hostile: Inspector) -> None:
    assert await asyncio.gather(*(look(hostile, b"good") for _ in range(40))) == [PLAIN] * 40


async def test_a_file_whose_turn_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspectors, "_WORKER", "tests.support.hostile_worker")
    inspector = Inspector(PATIENT, at_once=1, within_s=3.05)
    held = asyncio.create_task(look(inspector, b"hang"))
    await asyncio.sleep(0)
    assert await look(inspector, b"good") == NOT_SEEN
    await inspector.close()
    assert await held == NOT_SEEN


async def test_a_worker_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspectors, "_WORKER", "no.such.module")
    inspector = Inspector(InspectLimits())
    assert await look(inspector, b"good") == NOT_SEEN
    await inspector.close()


async def test_what_is_no_file(real: Inspector) -> None:
    read, write = os.pipe()
    assert await real.look(read, "a.txt", "") == NOT_SEEN
    os.close(read)
    os.close(write)
    assert await real.look(read, "a.txt", "") == NOT_SEEN


async def test_after_the_end_nothing_is_looked_into(real: Inspector) -> None:
    assert await look(real, b"some text\n") == PLAIN
    await real.close()
    assert worker_pids() == set()
    assert await look(real, b"some text\n") == NOT_SEEN


def test_the_settings_are_the_limits_by_default() -> None:
    assert open_inspector(InspectTable())._limits == InspectLimits()
