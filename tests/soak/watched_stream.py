"""A client's stream that tells its owner all that it takes, and that may be stalled, cut and resumed."""

import re
from typing import Protocol

from tests.support.process import wait_until
from tests.support.stream import Element, XmppStream

_CLIENT, _SM = "{jabber:client}", "{urn:xmpp:sm:3}"
REQUEST = b"<r xmlns='urn:xmpp:sm:3'/>"
"""Asks how much the server has handled (XEP-0198)."""
_MESSAGE = re.compile(rb"<message[ >]")


class Owner(Protocol):
    """Who is told what a stream takes."""

    def hear(self, element: Element) -> None:
        """Take note of a message or a presence that came."""

    def note_acknowledged(self, stanzas: list[bytes]) -> None:
        """Take note of what the server says it has handled."""

    def note_said_again(self, stanzas: list[bytes]) -> None:
        """Take note of what is said again."""


class WatchedStream(XmppStream):
    """A client's stream, whose every stanza its owner is told."""

    owner: Owner

    def _take_in(self, element: Element) -> None:
        super()._take_in(element)
        if element.tag in (f"{_CLIENT}message", f"{_CLIENT}presence"):
            self.owner.hear(element)

    def _take_acknowledgement(self, element: Element) -> None:
        before = list(self._unacknowledged)
        super()._take_acknowledgement(element)
        self.owner.note_acknowledged(before[: len(before) - len(self._unacknowledged)])

    async def open(self) -> None:
        """Connect and open the stream; if nobody listens, it has ended as before."""
        try:
            await super().open()
        except OSError:
            self.ended = True
            self._disconnected.set()
            raise

    def stall(self) -> None:
        """Read nothing more."""
        self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if not self.ended:
            self._transport.resume_reading()

    def is_cut(self) -> bool:
        """Whether its connection is gone, or about to go."""
        return self.ended or self._transport.is_closing()

    async def until_cut(self) -> None:
        """Wait until its connection is gone."""
        while not await wait_until(self.is_cut):
            pass

    async def try_to_resume(self) -> bool:
        """Connect again and resume the session; if that is refused, take note of what was handled (XEP-0198, 5)."""
        full_jid = self.jid
        if not self.ended:
            self.abort()
        answer = await self._ask_to_resume()
        if answer.tag != f"{_SM}resumed":
            if answer.get("h"):
                self._take_acknowledgement(answer)
            return False
        self.jid = full_jid
        self._take_acknowledgement(answer)
        self._counts_sent = True
        self.owner.note_said_again(self.unacknowledged_messages())
        self._transport.write(b"".join(self._unacknowledged) + REQUEST)
        return True

    @property
    def may_be_resumed(self) -> bool:
        """Whether the server keeps this session, as far as the client knows."""
        return bool(self._resumption_id)

    def give_up(self) -> None:
        """Resume it no more."""
        self._resumption_id = ""
        if not self.is_cut():
            self.abort()

    def unacknowledged_messages(self) -> list[bytes]:
        """Return the messages that the server has not said it has handled."""
        return [each for each in self._unacknowledged if _MESSAGE.match(each)]
