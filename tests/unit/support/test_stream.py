"""The client of the tests keeps account of all that it was sent."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.stream import StreamEndedError, XmppStream

HEADER = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
SUCCESS = b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
STOPPED = b"<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
FEATURES = HEADER + b"<stream:features/>"


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[tuple[XmppStream, socket.socket]]:
    """A stream that has its features, and the server's end of the connection."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        stream = XmppStream(listener.getsockname(), "metals.example")
        opening = asyncio.create_task(stream.open())
        server, _ = await loop.sock_accept(listener)
        await loop.sock_recv(server, 4096)
        await loop.sock_sendall(server, FEATURES)
        await opening
    with server:
        yield stream, server


async def test_what_a_killed_server_had_sent_was_received(opened: tuple[XmppStream, socket.socket]) -> None:
    stream, server = opened
    stream.send("<presence/>")
    # As the kernel does for a process that is killed: what it has not read makes it end by a reset.
    server.send(b"<message id='1'/><message id='2'/>")
    server.close()
    # Before the loop reads what came, a write fails, after which asyncio reads nothing more.
    stream.send("<presence/>")
    stream.send("<presence/>")
    await stream.wait_for_end()
    assert [each.get("id") for each in stream.received] == ["1", "2"]


async def test_a_server_that_stops_in_the_middle_of_a_login_ends_it(
    opened: tuple[XmppStream, socket.socket],
) -> None:
    stream, server = opened
    login = asyncio.create_task(stream.authenticate("alice"))
    loop = asyncio.get_running_loop()
    await loop.sock_recv(server, 4096)
    # The next stream's header is the server's own: the client has not begun that stream.
    await loop.sock_sendall(server, SUCCESS + HEADER + STOPPED)
    with pytest.raises(StreamEndedError, match="system-shutdown"):
        await login
    await stream.wait_for_end()


async def test_who_comes_online_says_so_until_it_is_recorded(
    opened: tuple[XmppStream, socket.socket],
) -> None:
    stream, server = opened
    stream.jid = "alice@metals.example/desk"
    coming = asyncio.create_task(stream.come_online("<presence id='p'/>"))
    loop = asyncio.get_running_loop()
    # That it was given back, in the words of either server; what others answer is neither here nor there.
    for by in ("", " from='alice@metals.example'"):
        assert await loop.sock_recv(server, 4096) == b"<presence id='p'/>"
        theirs = (
            b"<presence from='zoe@zurich.example' type='error'/><presence from='bob@metals.example/desk'/>"
        )
        await loop.sock_sendall(server, theirs + f"<presence type='error'{by}/>".encode())
    assert await loop.sock_recv(server, 4096) == b"<presence id='p'/>"
    assert not coming.done()
    await loop.sock_sendall(server, b"<presence from='alice@metals.example/desk'/>")
    await coming
    assert [each.get("from") for each in stream.unread] == [
        "zoe@zurich.example",
        "bob@metals.example/desk",
    ] * 2


async def test_what_is_no_xml_ends_the_stream(opened: tuple[XmppStream, socket.socket]) -> None:
    stream, server = opened
    loop = asyncio.get_running_loop()
    failures: list[object] = []
    loop.set_exception_handler(lambda _loop, context: failures.append(context.get("exception")))
    server.send(b"<message></presence>")
    await stream.wait_for_end()
    assert stream.ended
    assert failures
