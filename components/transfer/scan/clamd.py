"""A small client of clamd: a new connection for each question (clamd(8), COMMANDS).

Over a Unix socket it hands clamd the open file (FILDES); over TCP it sends the content (INSTREAM).
"""

import asyncio
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from components.transfer.scan.reply import PONG, REPLY_MAX_BYTES, GarbledReply, Reply, parse_reply

_LENGTH_BYTES = 4


class ClamdDown(Exception):  # noqa: N818 - the condition is the name
    """clamd cannot be reached, broke off, or says what no clamd says."""


class FileUnreadable(Exception):  # noqa: N818 - the condition is the name
    """The file that is to be scanned cannot be read."""


@dataclass(frozen=True, slots=True)
class Clamd:
    """Where clamd listens: a Unix socket at `path`, or a `host` and `port`.

    `chunk_bytes` is how much INSTREAM sends at once. Nothing here ends by itself: the caller limits the time.
    """

    path: Path | None = None
    host: str = ""
    port: int = 0
    chunk_bytes: int = 1 << 16

    @property
    def is_remote(self) -> bool:
        """Whether files have to be sent to it."""
        return self.path is None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.path is None else str(self.path)

    async def ping(self) -> None:
        """Ask whether it is there; raises ClamdDown."""
        if (answer := await self._ask(b"zPING\0")) != PONG:
            raise ClamdDown(f"{self} answers {len(answer)} bytes that are not clamd's")

    async def scan(self, fd: int) -> Reply:
        """Ask about the content of an open file, from its first byte on; raises ClamdDown, FileUnreadable.

        clamd moves the offset of the file that it is handed.
        """
        if self.is_remote:
            answer = await self._ask(b"zINSTREAM\0", content=fd)
        else:
            answer = await self._ask(b"zFILDES\0", handed=fd)
        try:
            return parse_reply(answer)
        except GarbledReply as garbled:
            raise ClamdDown(f"{self} gave {garbled}") from None

    async def _ask(self, command: bytes, *, handed: int | None = None, content: int | None = None) -> bytes:
        """Return what it answers, up to the end of the connection."""
        try:
            connection = await self._connect()
        except OSError as error:
            raise ClamdDown(f"{self}: {error.strerror or error}") from error
        with connection:
            try:
                return await _talk(connection, command, handed, content, self.chunk_bytes)
            except OSError as error:
                raise ClamdDown(f"{self} broke off: {error.strerror or error}") from error

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        if self.path is not None:
            return await _connect(socket.AF_UNIX, str(self.path))
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        problem: OSError = OSError("no address")
        for family, _, _, _, address in found:
            try:
                return await _connect(family, address)
            except OSError as error:
                problem = error
        raise problem


async def _connect(family: int, address: str | tuple[object, ...]) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


async def _talk(
    connection: socket.socket, command: bytes, handed: int | None, content: int | None, chunk_bytes: int
) -> bytes:
    """Ask one question over a connection, and return the answer; raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(connection, command)
        if handed is not None:
            # The few bytes before it leave room for this one.
            socket.send_fds(connection, [b"\0"], [handed])
        if content is not None:
            await _send_content(connection, content, chunk_bytes)
    except (BrokenPipeError, ConnectionResetError):
        # It ends the connection when it has seen enough, and may have said why.
        if answer := await _receive(connection):
            return answer
        raise
    return await _receive(connection)


async def _send_content(connection: socket.socket, fd: int, chunk_bytes: int) -> None:
    """Send the whole content in chunks, each with its length before it, and an empty one at the end."""
    loop = asyncio.get_running_loop()
    offset = 0
    while chunk := await asyncio.to_thread(_read, fd, chunk_bytes, offset):
        await loop.sock_sendall(connection, len(chunk).to_bytes(_LENGTH_BYTES, "big") + chunk)
        offset += len(chunk)
    await loop.sock_sendall(connection, bytes(_LENGTH_BYTES))


def _read(fd: int, size_bytes: int, offset: int) -> bytes:
    try:
        # Not `read`: somebody else may be at another place of the same file.
        return os.pread(fd, size_bytes, offset)
    except OSError as error:
        raise FileUnreadable(error.strerror) from error


async def _receive(connection: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    answer = b""
    while len(answer) <= REPLY_MAX_BYTES and (part := await loop.sock_recv(connection, REPLY_MAX_BYTES)):
        answer += part
    return answer
