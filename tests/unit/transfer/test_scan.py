"""Files are scanned by a real clamd; whatever is not scanned is marked so, and never called clean."""

import asyncio
import io
import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from components.settings.clamd import ClamdTable
from components.transfer.scan.scanned import Scanned, Unscanned
from components.transfer.scan.scanner import Scanner
from policy.files.facts import FileMark
from tests.support.clamd import EICAR, SIGNATURE, ClamdServer, FakeClamd
from tests.support.process import wait_until

pytestmark = pytest.mark.programs

MIB = 1 << 20
INFECTED = Scanned(FileMark.MALWARE, SIGNATURE)


def not_scanned(why: Unscanned) -> Scanned:
    return Scanned(FileMark.UNSCANNED, why=why)


class Files:
    """Open files, closed at the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def keep(self, content: bytes, size_bytes: int = 0) -> tuple[int, int]:
        """Return the descriptor and the size of a file that has no name, as long as at least `size_bytes`."""
        fd, name = tempfile.mkstemp()
        self._stack.callback(os.close, fd)
        Path(name).unlink()
        os.write(fd, content)
        if size_bytes:
            os.truncate(fd, size_bytes)
        return fd, os.fstat(fd).st_size


@pytest.fixture
def files() -> Iterator[Files]:
    with ExitStack() as stack:
        yield Files(stack)


@pytest.fixture
async def clamd(tmp_path: Path) -> AsyncIterator[ClamdServer]:
    async with ClamdServer(
        tmp_path,
        "AlertExceedsMax yes\nMaxFileSize 2M\nMaxScanSize 4M\nStreamMaxLength 3M\nAlertEncrypted yes",
    ) as server:
        yield server


class Told:
    """What a scanner says of clamd: `down` or `up`."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.reasons: list[str] = []

    def scanner(self, **settings: Any) -> Scanner:
        def note_down(reason: str) -> None:
            self.states.append("down")
            self.reasons.append(reason)

        return Scanner(ClamdTable.model_validate(settings), note_down, lambda: self.states.append("up"))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(params=["handed over", "sent"])
def scanner(clamd: ClamdServer, told: Told, request: pytest.FixtureRequest) -> Scanner:
    """Scan over the Unix socket, and over TCP."""
    if request.param == "sent":
        return told.scanner(host="127.0.0.1", port=clamd.port)
    return told.scanner(socket=str(clamd.socket))


def zipped(*members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(members):
            archive.writestr(str(number), member)
    return file.getvalue()


async def test_it_tells_malware_from_clean_files(scanner: Scanner, files: Files, told: Told) -> None:
    with capture_logs() as lines:
        for content, found in (
            (EICAR, INFECTED),
            (zipped(b"a", zipped(EICAR)), INFECTED),
            (b"Copper, 25 t", Scanned()),
            (b"", Scanned()),
            (bytes(range(256)) * 4096, Scanned()),
        ):
            assert await scanner.scan(*files.keep(content)) == found
    assert [line["signature"] for line in lines] == [SIGNATURE] * 2
    assert told.states == ["up"] * 5


async def test_what_is_beyond_clamds_limits_is_no_virus(scanner: Scanner, files: Files, told: Told) -> None:
    nested = EICAR
    for _ in range(30):
        nested = zipped(nested)
    many = zipped(*(bytes([number]) * MIB for number in range(6)))
    for content in (nested, many, bytes(2 * MIB + 1)):
        assert await scanner.scan(*files.keep(content)) == not_scanned(Unscanned.LIMITS)
    assert set(told.states) == {"up"}


async def test_a_stream_that_clamd_does_not_take_to_its_end(
    clamd: ClamdServer, told: Told, files: Files
) -> None:
    # The settings say that it takes more than it does. Whether its reason is still read, or the connection is reset
    # before, is chance.
    scanner = told.scanner(host="127.0.0.1", port=clamd.port)
    scanned = await scanner.scan(*files.keep(bytes(8 * MIB)))
    assert scanned.mark is FileMark.UNSCANNED
    assert scanned.why in (Unscanned.LIMITS, Unscanned.DOWN)
    small = told.scanner(host="127.0.0.1", port=clamd.port, stream_max_mib=3)
    assert await small.scan(*files.keep(bytes(3 * MIB + 1))) == not_scanned(Unscanned.TOO_LARGE)


async def test_larger_files_are_not_asked_about(told: Told, tmp_path: Path, files: Files) -> None:
    scanner = told.scanner(socket=str(tmp_path / "nobody"), max_scan_mib=1)
    fd, size_bytes = files.keep(EICAR, MIB + 1)
    assert await scanner.scan(fd, size_bytes) == not_scanned(Unscanned.TOO_LARGE)
    assert told.states == []


async def test_the_place_in_the_file_stays(scanner: Scanner, files: Files) -> None:
    fd, size_bytes = files.keep(EICAR)
    os.lseek(fd, 7, os.SEEK_SET)
    assert await scanner.scan(fd, size_bytes) == INFECTED
    assert os.lseek(fd, 0, os.SEEK_CUR) == 7


async def test_a_file_in_memory(scanner: Scanner) -> None:
    fd = os.memfd_create("upload")
    os.write(fd, EICAR)
    assert await scanner.scan(fd, len(EICAR)) == INFECTED
    os.close(fd)


async def test_many_files_wait_for_a_place(scanner: Scanner, files: Files) -> None:
    wanted = [(files.keep(EICAR), INFECTED), (files.keep(b"Copper"), Scanned())] * 25
    found = await asyncio.gather(*(scanner.scan(*file) for file, _ in wanted))
    assert found == [expected for _, expected in wanted]


async def test_a_pipe_is_no_file(told: Told, clamd: ClamdServer) -> None:
    read_end, write_end = os.pipe()
    scanner = told.scanner(socket=str(clamd.socket))
    assert await scanner.scan(read_end, 1) == not_scanned(Unscanned.ERROR)
    os.close(read_end)
    assert await scanner.scan(read_end, 1) == not_scanned(Unscanned.ERROR)
    os.close(write_end)
    assert "down" not in told.states


async def test_a_killed_clamd_lets_nothing_pass_as_clean(
    clamd: ClamdServer, told: Told, files: Files
) -> None:
    scanner = told.scanner(socket=str(clamd.socket))
    file = files.keep(b"Copper")
    clamd.sigstop()
    asked = asyncio.create_task(scanner.scan(*file))
    # clamd has the question, and is killed before it can answer.
    await asyncio.sleep(0.1)
    assert not asked.done()
    await clamd.kill9()
    assert await asked == not_scanned(Unscanned.DOWN)
    assert told.states == ["down"]
    assert await scanner.scan(*file) == not_scanned(Unscanned.DOWN)
    await clamd.start()
    assert await scanner.scan(*file) == Scanned()
    assert told.states[-1] == "up"


async def test_a_hung_clamd_is_down(clamd: ClamdServer, told: Told, files: Files) -> None:
    scanner = told.scanner(socket=str(clamd.socket), timeout_s=0.2)
    clamd.sigstop()
    assert await scanner.scan(*files.keep(EICAR)) == not_scanned(Unscanned.DOWN)
    assert told.reasons == [f"{clamd.socket} gives no answer"]
    clamd.sigcont()
    patient = told.scanner(socket=str(clamd.socket))
    assert await patient.scan(*files.keep(EICAR)) == INFECTED


async def test_a_file_that_takes_long_is_no_alarm(told: Told, tmp_path: Path, files: Files) -> None:
    async with FakeClamd(tmp_path / "s", None) as clamd:
        clamd.answers_pings = True
        scanner = told.scanner(socket=str(tmp_path / "s"), timeout_s=0.1)
        assert await scanner.scan(*files.keep(EICAR)) == not_scanned(Unscanned.SLOW)
        assert clamd.asked == [b"zFILDES\0", b"zPING\0"]
    assert told.states == ["up"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"OK\0",
        b"fd[9]: OK",
        b"fd[9]: OK\0fd[9]: OK\0",
        b"PONG\0",
        b"\xff" * 100_000,
        b"fd[9]: A\nB FOUND\0",
    ],
)
async def test_garbage_makes_no_file_clean(told: Told, tmp_path: Path, files: Files, answer: bytes) -> None:
    async with FakeClamd(tmp_path / "s", answer):
        scanner = told.scanner(socket=str(tmp_path / "s"))
        assert await scanner.scan(*files.keep(b"Copper")) == not_scanned(Unscanned.DOWN)
    assert told.states == ["down"]


async def test_no_more_are_asked_at_once_than_the_settings_say(
    told: Told, tmp_path: Path, files: Files
) -> None:
    async with FakeClamd(tmp_path / "s", None) as clamd:
        scanner = told.scanner(socket=str(tmp_path / "s"), at_once=2)
        file = files.keep(b"Copper")
        asked = [asyncio.create_task(scanner.scan(*file)) for _ in range(6)]
        assert await wait_until(lambda: len(clamd.asked) == 2)
        await asyncio.sleep(0.05)
        assert len(clamd.asked) == 2
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    assert told.states == []


async def test_it_is_watched_without_any_file(
    told: Told, clamd: ClamdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.transfer.scan.scanner.PING_EVERY_S", 0.01)
    watch = asyncio.create_task(told.scanner(socket=str(clamd.socket)).watch())
    assert await wait_until(lambda: "up" in told.states)
    await clamd.kill9()
    assert await wait_until(lambda: told.states[-1] == "down")
    await clamd.start()
    assert await wait_until(lambda: told.states[-1] == "up")
    watch.cancel()
