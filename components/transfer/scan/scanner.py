"""Has each file scanned within the limits of the settings, and tells when the scanner is down."""

import asyncio
import os
from collections.abc import Callable

import structlog

from components.settings.clamd import ClamdTable
from components.transfer.scan.clamd import Clamd, ClamdDown, FileUnreadable
from components.transfer.scan.reply import Found, Reply
from components.transfer.scan.scanned import NOTHING_FOUND, Scanned, Unscanned
from policy.files.facts import FileMark

PING_EVERY_S = 5.0
"""So often it is asked whether it is there, if no file asks."""
_PING_TIMEOUT_S = 2.0

log = structlog.get_logger("transfer")


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

    async def scan(self, fd: int, size_bytes: int) -> Scanned:
        """Return what a scan of an open file shows; raises nothing. The offset of `fd` stays where it is."""
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
            return NOTHING_FOUND
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
