"""The gate's link: whom it tells of what, and what becomes of words for a connection that is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from components.link.codec import CanaryBack, Held, Status
from components.link.component import GateLink
from components.link.stream import ComponentLogin
from tests.support.rounds import mostly_slow

HEADER = (
    b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='s1'>"
)
STATUS = (
    b"<message from='metals.example'><status xmlns='urn:steelyard:gate:0' epoch='e' n='1' first='1' next='1' "
    b"done='0' turned-away='0'/></message>"
)
CANARY = b"<message from='gate.metals.example'><canary xmlns='urn:steelyard:gate:0' id='c1'/></message>"


class Connection(asyncio.Transport):
    """A connection that keeps what is written."""

    def __init__(self, link: GateLink) -> None:
        super().__init__()
        self.written = b""
        link.connection_made(self)

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written += data


class Heard:
    """Keeps what the link tells, in order."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.write: list[Callable[[bytes], bool]] = []

    def connected(self, write: Callable[[bytes], bool]) -> None:
        self.told.append("connected")
        self.write.append(write)

    def disconnected(self) -> None:
        self.told.append("disconnected")

    def broken(self) -> None:
        self.told.append("broken")

    def take(self, submissions: Sequence[Held | Status]) -> None:
        self.told += [type(each) for each in submissions]

    def take_canary(self, canary: CanaryBack) -> None:
        self.told.append(canary)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def link(heard: Heard) -> AsyncIterator[GateLink]:
    login = ComponentLogin("gate.metals.example", "s3cret", "127.0.0.1", 1, 3600.0)
    link = GateLink(login, heard)
    yield link
    link.connection_lost(None)
    await link.close()


@pytest.mark.parametrize("cut", mostly_slow(sorted(range(1, 30), key=lambda cut: cut % 7 != 5), 4))
async def test_the_first_words_may_come_with_the_handshake(link: GateLink, heard: Heard, cut: int) -> None:
    Connection(link)
    data = HEADER + b"<handshake/>" + STATUS + CANARY
    place = len(HEADER) + cut
    link.data_received(data[:place])
    link.data_received(data[place:])
    assert heard.told[0] == "connected" and len(heard.told) == 3
    assert set(heard.told[1:]) == {Status, CanaryBack("gate.metals.example", "c1", "")}


@pytest.mark.parametrize(
    ("condition", "is_over_words"),
    [("not-well-formed", True), ("policy-violation", True), ("system-shutdown", False), ("conflict", False)],
)
async def test_the_end_of_a_stream_is_told_apart_by_its_reason(
    link: GateLink, heard: Heard, condition: str, is_over_words: bool
) -> None:
    Connection(link)
    link.data_received(HEADER + b"<handshake/>")
    namespace = "urn:ietf:params:xml:ns:xmpp-streams"
    error = (
        f"<stream:error><{condition} xmlns='{namespace}'/><text xmlns='{namespace}'>No</text></stream:error>"
    )
    for place in range(len(error)):
        link.data_received(error[place : place + 1])
    link.data_received("</stream:stream>")
    assert heard.told == ["connected", *(["broken"] if is_over_words else [])]


async def test_words_for_a_connection_that_is_gone_are_dropped(link: GateLink, heard: Heard) -> None:
    first = Connection(link)
    link.data_received(HEADER + b"<handshake/>")
    heard.write[0](b"<one/>")
    link.connection_lost(None)
    heard.write[0](b"<two/>")
    second = Connection(link)
    heard.write[0](b"<three/>")
    link.data_received(HEADER + b"<handshake/>")
    heard.write[0](b"<four/>")
    heard.write[1](b"<five/>")
    assert heard.told == ["connected", "disconnected", "connected"]
    assert first.written.endswith(b"<one/>")
    assert second.written.endswith(b"<five/>") and b"<four/>" not in second.written + first.written
