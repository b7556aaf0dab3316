"""A load generator's client: it logs in properly, and afterwards sends and counts bytes, parsing nothing.

A client that parses what it receives would itself be the limit: this one takes a thirtieth of a core at the rates
that a server reaches on another.
"""

import asyncio
import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.errors import BenchError

RESOURCE = "desk"
LOGIN_TIMEOUT_S = 20.0
TEXT = b"copper 3 months at 9,123.50 / 9,124.25, 25 lots, good until noon"

_MESSAGE_END = b"</message>"
_BODY = b"<body>"
_STAMP_DIGITS, _SEQUENCE_DIGITS = 20, 10


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load: where its clients connect, their password, and the processes of the set-up by name."""

    address: tuple[str, int]
    domain: str
    password: str
    processes: Mapping[str, int]


def user_name(number: int) -> str:
    """Name the account with this number."""
    return f"u{number}"


def full_jid(number: int, domain: str) -> str:
    """Give the full JID of the session of the account with this number."""
    return f"{user_name(number)}@{domain}/{RESOURCE}"


async def log_in(target: Target, number: int) -> asyncio.Transport:
    """Connect, authenticate by SASL PLAIN and bind (RFC 6120, 4, 6 and 7); raises BenchError.

    The caller sets the protocol that gets what arrives from then on.
    """
    try:
        async with asyncio.timeout(LOGIN_TIMEOUT_S):
            reader = asyncio.StreamReader()
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: asyncio.StreamReaderProtocol(reader), *target.address
            )
            credentials = base64.b64encode(f"\0{user_name(number)}\0{target.password}".encode()).decode()
            header = (
                f"<stream:stream xmlns='jabber:client' to='{target.domain}' version='1.0' "
                "xmlns:stream='http://etherx.jabber.org/streams'>"
            )
            authentication = (
                f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{credentials}</auth>"
            )
            binding = (
                "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                f"<resource>{RESOURCE}</resource></bind></iq>"
            )
            for text, answer in (
                (header, b"</stream:features>"),
                (authentication, b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
                (header, b"</stream:features>"),
                (binding, b"</iq>"),
            ):
                transport.write(text.encode())
                await reader.readuntil(answer)
    except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
        raise BenchError(f"{user_name(number)} cannot log in: {type(error).__name__} {error}") from None
    return transport


async def log_in_pairs(
    target: Target, pairs: int, receiving: Target | None = None
) -> list[tuple[asyncio.Transport, asyncio.Transport]]:
    """Log in two sessions per pair: the one that sends, and the one that receives, which may be elsewhere."""
    places = (target, receiving or target)
    sessions = [await log_in(places[number % 2], number) for number in range(2 * pairs)]
    os.sync()  # what starting and logging in wrote shall not be flushed by the first commits that are measured
    return list(zip(sessions[::2], sessions[1::2], strict=True))


class MessageCounter:
    """Counts the messages that end in the chunks of a stream."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def count(self, data: bytes) -> int:
        """Count the messages that this chunk completes."""
        data = self._rest + data
        self._rest = b"" if data.endswith(_MESSAGE_END) else data[1 - len(_MESSAGE_END) :]
        return data.count(_MESSAGE_END)


class StampReader:
    """Reads time stamp and sequence number from the bodies of the messages that end in the chunks of a stream."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def read(self, data: bytes) -> list[tuple[int, int]]:
        """Give stamp and number of each message that this chunk completes; ValueError for other messages."""
        *messages, self._rest = (self._rest + data).split(_MESSAGE_END)
        return [read_stamp(message) for message in messages]


def read_stamp(message: bytes) -> tuple[int, int]:
    """Read time stamp and sequence number from a message; raises ValueError if it has none."""
    begin = message.index(_BODY) + len(_BODY)
    middle = begin + _STAMP_DIGITS
    return int(message[begin:middle]), int(message[middle + 1 : middle + 1 + _SEQUENCE_DIGITS])


class MessageMaker:
    """Makes the stamped messages to one recipient."""

    __slots__ = ("_template",)

    def __init__(self, to: str) -> None:
        head = f"<message to='{to}' type='chat' id='m".encode()
        stamp = b"%%0%dd %%0%dd " % (_STAMP_DIGITS, _SEQUENCE_DIGITS)
        self._template = head + b"%d'>" + _BODY + stamp + TEXT + b"</body>" + _MESSAGE_END

    def make(self, stamp_ns: int, number: int) -> bytes:
        """Make message `number`, stamped with a time."""
        return self._template % (number, stamp_ns, number)


class ErrorCounter(asyncio.Protocol):
    """What a sending session receives: nothing but its own messages that came back as errors."""

    def __init__(self) -> None:
        self.errors = 0
        self._counter = MessageCounter()

    def data_received(self, data: bytes) -> None:
        """Count them (asyncio calls this)."""
        self.errors += self._counter.count(data)
