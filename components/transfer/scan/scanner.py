"""Has each file scanned within the limits of the settings, and tells when the scanner is down."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from components.settings.clamd import ClamdTable
from components.transfer.scan.clamd import Clamd, ClamdDown, FileUnreadable
from components.transfer.scan.reply import Found, Reply
from policy.files.facts import FileMark

PING_EVERY_S = 5.0
"""So often it is asked whether it is there, if no file asks."""
_PING_TIMEOUT_S = 2.0

log = structlog.get_logger("transfer")


class Unscanned(StrEnum):
    """Why a file was not scanned."""

    TOO_LARGE = "too-large"
    """It is larger than `max_scan_mib`, or than what a remote clamd takes."""
    LIMITS = "limits"
    """clamd found that it, or what it unpacks to, is beyond its own limits."""
    ENCRYPTED = "encrypted"
    """clamd could not open it."""
    ERROR = "error"
    """clamd, or the file itself, could not be read."""
    SLOW = "slow"
    """clamd is there, and did not get to an end in time."""
    DOWN = "down"
    """clamd does not answer."""


class ScannerDown(Exception):  # noqa: N818 - the condition is the name
    """A file cannot be scanned now, and the settings let none pass meanwhile."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of a scan: a mark, unless the file is clean; of malware the `signature` that knows it."""

    mark: FileMark | None = None
    signature: str = ""
    why: Unscanned | None = None


_BY_REPLY = {
    Found.LIMITS: Unscanned.LIMITS,
    Found.ENCRYPTED: Unscanned.ENCRYPTED,
    Found.ERROR: Unscanned.ERROR,
}


class Scanner:
    """Asks clamd about files, a few at a time.

    `on_down` is told why when it stops answering, `on_up` is called when it answers; each may come again and again.
    """

    def __init__(self, table: ClamdTable, on_down: Callable[[str], None], on_up: Callable[[], None]) -> None:
        self._clamd = open_clamd(table)
        self._table = table
        self._places = asyncio.Semaphore(table.at_once)
        self._on_down, self._on_up = on_down, on_up

    async def scan(self, fd: int, size_bytes: int) -> FileMark | None:
        """Return MALWARE, UNSCANNED, or None for a clean file; raises ScannerDown if `when_down` is `refuse`.

        `fd` is an open descriptor of the file. Its offset stays where it is.
        """
        scanned = await self.examine(fd, size_bytes)
        if scanned.why is Unscanned.DOWN and self._table.when_down == "refuse":
            raise ScannerDown("the virus scanner does not answer")
        return scanned.mark

    async def examine(self, fd: int, size_bytes: int) -> Scanned:
        """Return all that the scan showed, whatever the settings make of it; raises nothing."""
        if size_bytes > self._table.max_bytes:
            return self._note_unscanned(Unscanned.TOO_LARGE, f"{size_bytes} bytes")
        try:
            # Its own place in the file: clamd moves the offset of what it is handed.
            own = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            return self._note_unscanned(Unscanned.ERROR, str(error.strerror))
        try:
            return await self._ask(own)
        finally:
            os.close(own)

    async def watch(self) -> None:
        """Ask again and again whether it is there, until cancelled."""
        while True:
            await self._ping()
            await asyncio.sleep(PING_EVERY_S)

    async def _ask(self, fd: int) -> Scanned:
        try:
            async with asyncio.timeout(self._table.timeout_s), self._places:
                reply = await self._clamd.scan(fd)
        except ClamdDown as down:
            self._on_down(str(down))
            return self._note_unscanned(Unscanned.DOWN, str(down))
        except FileUnreadable as error:
            return self._note_unscanned(Unscanned.ERROR, str(error))
        except TimeoutError:
            # One file may take long; that says nothing of the others.
            why = Unscanned.SLOW if await self._ping() else Unscanned.DOWN
            return self._note_unscanned(why, f"no answer in {self._table.timeout_s:g} s")
        self._on_up()
        return self._judge(reply)

    async def _ping(self) -> bool:
        """Return whether it is there, and tell those who want to know."""
        try:
            async with asyncio.timeout(_PING_TIMEOUT_S):
                await self._clamd.ping()
        except ClamdDown as down:
            self._on_down(str(down))
        except TimeoutError:
            self._on_down(f"{self._clamd} gives no answer")
        else:
            self._on_up()
            return True
        return False

    def _judge(self, reply: Reply) -> Scanned:
        if reply.found is Found.CLEAN:
            return Scanned()
        if reply.found is Found.MALWARE:
            log.warning("malware in a file", signature=reply.text)
            return Scanned(FileMark.MALWARE, reply.text)
        return self._note_unscanned(_BY_REPLY[reply.found], reply.text)

    def _note_unscanned(self, why: Unscanned, reason: str) -> Scanned:
        log.warning("a file was not scanned", why=why.value, reason=reason)
        return Scanned(FileMark.UNSCANNED, why=why)


def open_clamd(table: ClamdTable) -> Clamd:
    """Return the client of a site's clamd."""
    return Clamd(table.socket, table.host, table.port or 0, table.chunk_kib << 10)
