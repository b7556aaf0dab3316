"""The gate's external component connection (XEP-0114): slixmpp for the stream, our parser for what it carries."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from slixmpp.componentxmpp import ComponentXMPP

from components.link.codec import CanaryBack, Held, ProtocolError, Status, SubmissionParser

_HANDSHAKE_DONE = b"<handshake/>"
_RECONNECT_MIN_S = 0.1

log = logging.getLogger(__name__)


class GateLink(ComponentXMPP):
    """One XEP-0114 connection that is kept up: it reconnects by itself, with back-off, until closed.

    `on_submissions` gets what each read from the socket completed, in order; `on_state` gets True and False;
    `on_canary` gets each canary that came back.
    slixmpp's stanza objects cost several times what the parser below them does, so once the handshake is done the
    bytes no longer pass through slixmpp.
    """

    def __init__(
        self,
        jid: str,
        secret: str,
        host: str,
        port: int,
        *,
        on_submissions: Callable[[list[Held | Status]], None],
        on_state: Callable[[bool], None],
        reconnect_max_s: float,
        on_canary: Callable[[CanaryBack], None] = lambda _canary: None,
    ) -> None:
        super().__init__(jid, secret, host, port)  # type: ignore[no-untyped-call]
        self._on_submissions = on_submissions
        self._on_state = on_state
        self._on_canary = on_canary
        self._reconnect_max_s = reconnect_max_s
        self._reconnect_s = _RECONNECT_MIN_S
        self._opening = b""
        self._parser: SubmissionParser | None = None
        self._closing = False
        self._retry: asyncio.TimerHandle | None = None
        self.add_event_handler("connection_failed", self._failed)
        self.add_event_handler("disconnected", self._disconnected)
        self.add_event_handler("stream_error", self._stream_error)

    def open(self) -> None:
        """Start connecting; returns at once, `on_state` tells."""
        self.connect()

    async def close(self) -> None:
        """Close the stream and stay away."""
        self._closing = True
        if self._retry is not None:
            self._retry.cancel()
        self.cancel_connection_attempt()
        if self.transport is not None:
            await self.disconnect(wait=1.0)

    @property
    def is_up(self) -> bool:
        """Whether the server has accepted the component, so that what is written reaches the adapter."""
        return self._parser is not None and self.transport is not None

    def write(self, data: bytes) -> None:
        """Write encoded elements; what is written while the link is down is dropped (the adapter submits again)."""
        if self._parser is not None and self.transport is not None:
            self.transport.write(data)

    def data_received(self, data: bytes | str) -> None:
        """Take the next bytes from the socket: slixmpp's until the handshake is accepted, ours from then on."""
        raw = data.encode() if isinstance(data, str) else data
        if self._parser is None:
            raw = self._opening + raw
            end = raw.find(_HANDSHAKE_DONE)
            if end < 0:
                complete = raw.rfind(b">") + 1  # a tag cut by the segment's end waits for its rest
                self._opening = raw[complete:]
                super().data_received(raw[:complete])
                return
            self._opening = b""
            # The adapter speaks at once: its first words may be in the same segment as the handshake.
            end += len(_HANDSHAKE_DONE)
            super().data_received(raw[:end])
            raw = raw[end:]
            self._parser = SubmissionParser()
            self._reconnect_s = _RECONNECT_MIN_S
            self._on_state(True)
        try:
            submissions = self._parser.feed(raw)
        except ProtocolError as err:
            log.error("link closed: %s", err)
            self.abort()
            return
        for name in self._parser.take_stray():
            log.warning("not of the gate protocol, ignored: %s", name)
        for canary in self._parser.take_canaries():
            self._on_canary(canary)
        if submissions:
            self._on_submissions(submissions)

    def _failed(self, reason: Any) -> None:
        log.warning("cannot connect to the server: %s; next attempt in %.1f s", reason, self._reconnect_s)
        self.cancel_connection_attempt()
        self._connect_later()

    def _disconnected(self, reason: Any) -> None:
        self._opening = b""
        if self._parser is not None:
            self._parser = None
            self._on_state(False)
        if not self._closing:
            log.warning("disconnected: %s", reason or "connection lost")
            self._connect_later()

    def _stream_error(self, error: Any) -> None:
        # For instance `conflict`: a component of this name is connected already.
        log.error("the server closed the stream: %s %s", error["condition"], error["text"])

    def _connect_later(self) -> None:
        if self._closing or self._retry is not None:
            return
        self._retry = asyncio.get_running_loop().call_later(self._reconnect_s, self._connect_now)
        self._reconnect_s = min(self._reconnect_s * 2, self._reconnect_max_s)

    def _connect_now(self) -> None:
        self._retry = None
        self.connect()
