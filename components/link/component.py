"""The gate's external component connection (XEP-0114): slixmpp for the stream, our parser for what it carries."""

import logging
from collections.abc import Callable

from components.link.codec import CanaryBack, Held, ProtocolError, Status, SubmissionParser
from components.link.stream import ComponentLogin, ComponentStream

_HANDSHAKE_DONE = b"<handshake/>"

log = logging.getLogger(__name__)


class GateLink(ComponentStream):
    """One XEP-0114 connection that is kept up.

    `on_submissions` gets what each read from the socket completed, in order; `on_state` gets True and False;
    `on_canary` gets each canary that came back.
    slixmpp's stanza objects cost several times what the parser below them does, so once the handshake is done the
    bytes no longer pass through slixmpp.
    """

    def __init__(
        self,
        login: ComponentLogin,
        *,
        on_submissions: Callable[[list[Held | Status]], None],
        on_state: Callable[[bool], None],
        on_canary: Callable[[CanaryBack], None] = lambda _canary: None,
    ) -> None:
        super().__init__(login, on_state=on_state, log=log)
        self._on_submissions = on_submissions
        self._on_canary = on_canary
        self._opening = b""
        self._parser: SubmissionParser | None = None

    def open(self) -> None:
        """Start connecting; returns at once, `on_state` tells."""
        self.connect()

    async def close(self) -> None:
        """Close the stream and stay away."""
        await self.stay_away()

    @property
    def is_accepted(self) -> bool:
        """Whether the server has accepted the component, on the connection that there is."""
        return self._parser is not None

    def forget_connection(self) -> None:
        """Give up what the lost connection had begun to say."""
        self._opening = b""
        self._parser = None

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
            self.accepted()
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
