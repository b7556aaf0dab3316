"""The gate's external component connection (XEP-0114): slixmpp for the stream, our own parser for its content."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from components.link.codec import CanaryBack, Held, ProtocolError, Status, SubmissionParser
from components.link.encode import encode_unread
from components.link.stream import ComponentLogin, ComponentStream

_TCP_ESTABLISHED = 1

_HANDSHAKE_DONE = b"<handshake/>"

# Conditions of stream errors (RFC 6120, 4.9.3) that are about the connection, and not about its content.
_NOT_OVER_WORDS = frozenset(
    {
        "conflict", "connection-timeout", "host-gone", "host-unknown", "not-authorized", "remote-connection-failed",
        "reset", "resource-constraint", "see-other-host", "system-shutdown",
    }
)  # fmt: skip

log = logging.getLogger(__name__)


class LinkListener(Protocol):
    """Gets everything that comes over the link, in order; no method may take long."""

    def connected(self, write: Callable[[bytes], bool]) -> None:
        """Note that the server has accepted the component.

        `write` sends encoded elements on this connection, and returns whether the server may receive them. After the
        server has closed the connection, or the connection is lost, it receives nothing more.
        """

    def disconnected(self) -> None:
        """Note that this connection is lost."""

    def broken(self) -> None:
        """Note that the server ends this connection because of something that we sent on it."""

    def take(self, submissions: Sequence[Held | Status]) -> None:
        """Take the elements that one read from the socket completed."""

    def take_canary(self, canary: CanaryBack) -> None:
        """Take a canary that was carried out."""


def is_open_at_peer(transport: asyncio.BaseTransport) -> bool:
    """Return whether the other side may still read; False once its end of the connection is known to be closed.

    The kernel knows this before we have processed the last read (tcp(7), TCP_INFO). If it does not say, return True.
    """
    connection = transport.get_extra_info("socket")
    if connection is None or not hasattr(socket, "TCP_INFO"):
        return True
    try:
        state: int = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return True
    return state == _TCP_ESTABLISHED


class GateLink(ComponentStream):
    """One XEP-0114 connection that is kept up and reports to `listener`.

    slixmpp's stanza objects cost several times as much as the parser below them. So after the handshake the bytes no
    longer pass through slixmpp.
    """

    def __init__(self, login: ComponentLogin, listener: LinkListener) -> None:
        super().__init__(login, on_state=self._change, log=log)
        self._listener = listener
        self._opening = b""
        self._parser: SubmissionParser | None = None
        # It could not read on: what comes until the connection is gone is not looked at.
        self._given_up = False

    def open(self) -> None:
        """Start connecting, and return at once; the listener gets the result."""
        self.connect()

    async def close(self) -> None:
        """Close the stream, and do not connect again."""
        await self.stay_away()

    @property
    def is_accepted(self) -> bool:
        """Whether the server has accepted the component on the present connection."""
        return self._parser is not None

    def forget_connection(self) -> None:
        """Drop what the lost connection had begun to send."""
        self._opening = b""
        self._parser = None
        self._given_up = False

    def data_received(self, data: bytes | str) -> None:
        """Take the next bytes from the socket: for slixmpp until the handshake is accepted, then for our parser."""
        raw = data.encode() if isinstance(data, str) else data
        if self._given_up:
            return
        if self._parser is None:
            raw = self._opening + raw
            end = raw.find(_HANDSHAKE_DONE)
            if end < 0:
                # A tag that the end of the segment cuts waits for its rest.
                complete = raw.rfind(b">") + 1
                self._opening = raw[complete:]
                super().data_received(raw[:complete])
                return
            self._opening = b""
            # The adapter sends at once: its first elements may be in the same segment as the handshake.
            end += len(_HANDSHAKE_DONE)
            super().data_received(raw[:end])
            raw = raw[end:]
            self._parser = SubmissionParser()
            self.accepted()
        try:
            submissions = self._parser.feed(raw)
        except ProtocolError as err:
            log.error("link closed: %s (submission %d)", err, err.unread)
            self._give_up(err.unread)
            return
        for name in self._parser.take_stray():
            log.warning("not of the gate protocol, ignored: %s", name)
        for canary in self._parser.take_canaries():
            self._listener.take_canary(canary)
        if submissions:
            self._listener.take(submissions)
        self._tell_of_error(self._parser)

    def _change(self, is_connected: bool) -> None:
        if is_connected:
            self._listener.connected(partial(self._write, self._parser))
        else:
            self._listener.disconnected()

    def _give_up(self, unread: int) -> None:
        """Close a connection on which nothing more can be read, and say at which submission that is (section 5.10)."""
        self._given_up = True
        if self.transport is None:
            return
        if unread:
            self.transport.write(encode_unread(self.boundjid.full, unread))
        # Unlike `abort`, this sends first what was written.
        self.transport.close()

    def _tell_of_error(self, parser: SubmissionParser) -> None:
        condition, parser.stream_error = parser.stream_error, ""
        if condition:
            log.error("the server closed the stream: %s", condition)
        if condition and condition not in _NOT_OVER_WORDS:
            self._listener.broken()

    def _write(self, connection: SubmissionParser | None, data: bytes) -> bool:
        """Write on the connection that this parser reads; return whether the server may receive it."""
        if connection is not self._parser or self.transport is None:
            return False
        # Checked before writing: a server that closes the connection later may have read this.
        is_open = is_open_at_peer(self.transport)
        self.transport.write(data)
        return is_open
