"""Whether the other side may still hear what is written: the kernel knows before everything it said is read."""

import asyncio

from components.link.component import is_open_at_peer
from tests.support.process import wait_until


async def test_a_side_that_has_closed_hears_nothing_more_even_while_its_words_wait() -> None:
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: accepted.put_nowait(writer), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        peer = await accepted.get()
        assert is_open_at_peer(writer.transport)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        peer.write(b"last words")
        peer.close()
        assert await wait_until(lambda: not is_open_at_peer(writer.transport))
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await reader.read() == b"last words"
        writer.close()


def test_what_is_no_tcp_connection_may_be_heard() -> None:
    assert is_open_at_peer(asyncio.BaseTransport())
