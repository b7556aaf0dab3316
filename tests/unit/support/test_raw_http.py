"""A connection has ended however the server ended it."""

import asyncio
import socket
import struct

import pytest

from tests.support.process import wait_until
from tests.support.raw_http import Connection


@pytest.mark.parametrize("is_reset", [False, True])
async def test_it_has_ended_in_order_or_by_a_reset(is_reset: bool) -> None:
    goes_on = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await goes_on.wait()
        if is_reset:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort() if is_reset else writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        connection = Connection(*await asyncio.open_connection(*server.sockets[0].getsockname()))
        assert not connection.ended
        goes_on.set()
        assert await wait_until(lambda: connection.ended)
        assert (connection.reader.exception() is not None) is is_reset
        assert await connection.rest() == b""
