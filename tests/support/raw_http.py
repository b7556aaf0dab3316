"""HTTP as bytes over a connection of one's own, for what no well-behaved client sends."""

import asyncio
from contextlib import suppress

from tests.support.file_server import FilesUnderTest
from tests.support.process import PATIENCE_S


class Connection:
    """One TCP connection to the server under test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, files: FilesUnderTest) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", files.port))

    @property
    def ended(self) -> bool:
        """Whether the server has ended it and all was read: in order, or by a reset, as it does with bytes unread."""
        return self.reader.at_eof() or self.reader.exception() is not None

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def rest(self) -> bytes:
        """Return all that comes until the server closes."""
        received = b""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while data := await self.reader.read(65_536):
                    received += data
        self.writer.close()
        return received


def path_of(url: str) -> str:
    return url.partition("//")[2].partition("/")[1] + url.partition("//")[2].partition("/")[2]


def head(method: str, path: str, *lines: str, version: str = "1.1") -> bytes:
    fixed = [f"{method} {path} HTTP/{version}", "Host: files.metals.example", "Connection: close"]
    return "\r\n".join((*fixed, *lines, "", "")).encode("utf-8", "surrogateescape")


async def ask(files: FilesUnderTest, data: bytes) -> tuple[int, bytes]:
    """Send a request, and return the status and all that was answered."""
    connection = await Connection.open(files)
    await connection.send(data)
    answer = await connection.rest()
    return (int(answer[9:12]) if answer.startswith(b"HTTP/") else 0), answer
