"""The client of the tests keeps account of all that it was sent."""

import asyncio
import socket

from tests.support.stream import XmppStream

HEADER = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
FEATURES = HEADER + b"<stream:features/>"


async def test_what_a_killed_server_had_sent_was_received() -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        stream = XmppStream(listener.getsockname(), "metals.example")
        opening = asyncio.create_task(stream.open())
        server, _ = await loop.sock_accept(listener)
        await loop.sock_recv(server, 4096)
        await loop.sock_sendall(server, FEATURES)
        await opening
    stream.send("<presence/>")
    # As the kernel does for a process that is killed: what it has not read makes it end by a reset.
    server.send(b"<message id='1'/><message id='2'/>")
    server.close()
    # Before the loop reads what came, a write fails, after which asyncio reads nothing more.
    stream.send("<presence/>")
    stream.send("<presence/>")
    await stream.wait_for_end()
    assert [each.get("id") for each in stream.received] == ["1", "2"]
