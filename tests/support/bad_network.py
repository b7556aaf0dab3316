"""A network that fails: a TCP relay on loopback that delays, refuses, stalls or cuts what goes through it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self


class BadNetwork:
    """Relays connections to a port on loopback, as long as it is up.

    `stalls_after` so many bytes towards the server nothing goes on, in either direction. What comes waits for
    `delay_s()` seconds, in either direction, and what comes after it waits for it.
    """

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self.is_up = True
        self.stalls_after: int | None = None
        self.delay_s: Callable[[], float] = float
        self._to_port = to_port
        self._relayed = 0
        self._moves = asyncio.Event()
        self._moves.set()
        self._stalled = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    @property
    def relayed(self) -> int:
        """How many bytes have come for the server since `stall` was called last."""
        return self._relayed

    def cut(self) -> None:
        """End all connections at once, with what was under way."""
        for writer in self._writers:
            writer.transport.abort()

    def stall(self, after_bytes: int) -> None:
        """Let so many more bytes reach the server, and then nothing."""
        self._relayed, self.stalls_after = 0, after_bytes
        self._stalled.clear()

    def go_on(self) -> None:
        """Relay again, also what has waited."""
        self.stalls_after = None
        self._moves.set()

    async def wait_for_stall(self) -> None:
        """Wait until so much has come that nothing goes on."""
        await self._stalled.wait()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.is_up:
                to = await asyncio.open_connection("127.0.0.1", self._to_port)
                self._writers.add(to[1])
                await asyncio.gather(self._pass_on(reader, to[1], counts=True), self._pass_on(to[0], writer))
                self._writers.discard(to[1])
        except ConnectionRefusedError:
            pass  # nobody is there: so it is for who connects
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(16_384):
                self._relayed += len(data) if counts else 0
                if self.stalls_after is not None and self._relayed > self.stalls_after:
                    self._moves.clear()
                    self._stalled.set()
                await self._moves.wait()
                if delay_s := self.delay_s():
                    await asyncio.sleep(delay_s)
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
