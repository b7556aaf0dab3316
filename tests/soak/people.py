"""Clients that stay on the line whatever breaks, and keep account of what they said and received."""

import asyncio
import contextlib
import itertools
import math
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lxml import etree

from tests.soak.history import STATUS, Heard, Said, Session
from tests.soak.plan import ROOM, Trader
from tests.soak.watched_stream import REQUEST, WatchedStream
from tests.support.process import wait_until
from tests.support.prosody import PASSWORD
from tests.support.stream import Element, StreamEndedError

_CLIENT = "{jabber:client}"
_RECEIPT, _DELAY = "{urn:xmpp:sid:0}stanza-id", "{urn:xmpp:delay}delay"
_ID = re.compile(rb"<message[^>]* id=[\"']([^\"']+)")
_JOIN = (
    f"<presence to='{ROOM}/%s'>"
    "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>"
)
_RETRY_S = 0.05


@dataclass(slots=True)
class Journal:
    """What all clients of a run saw, as it comes."""

    began_s: float = field(default_factory=time.monotonic)
    said: list[Said] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)

    def now_s(self) -> float:
        """Return the time since the run began."""
        return time.monotonic() - self.began_s


class Person:
    """One trader at one client, which comes back whenever its connection is gone."""

    def __init__(
        self,
        trader: Trader,
        address: tuple[str, int],
        journal: Journal,
        *,
        password: str = PASSWORD,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name, self.jid = trader.name, trader.jid
        self.counts, self.in_room = trader.counts, trader.in_room
        self.sessions: list[Session] = []
        self._is_online = False
        self._is_wanted = asyncio.Event()
        self._is_wanted.set()
        self._is_stalled = False
        self._address, self._password, self._tls = address, password, tls
        self._journal = journal
        self._stream: WatchedStream | None = None
        self._numbers, self._statuses, self._places = itertools.count(), itertools.count(), itertools.count()
        # What to say again in the next session.
        self._waiting: list[bytes] = []
        # Since when nothing arrives, because we cut or stalled the connection.
        self._gap_at_s = math.inf

    @property
    def is_there(self) -> bool:
        """Whether they have a session whose connection is whole, as far as their client knows."""
        return self._is_online and not self._stream_now().is_cut()

    async def stay(self) -> None:
        """Be on the line until cancelled."""
        while True:
            await self._is_wanted.wait()
            # It is refused, or breaks again: there is another time.
            with contextlib.suppress(OSError, AssertionError, TimeoutError):
                await self._come()
                self._is_online = True
                await self._stream_now().until_cut()
            self._is_online = False
            await asyncio.sleep(_RETRY_S)

    def speak(self, to: str, count: int, *, asks: bool) -> None:
        """Say so many more messages, or to nobody: show a new status."""
        if to:
            self.say(to, count, asks=asks)
        else:
            self.show_status()

    def say(self, to: str, count: int, *, asks: bool) -> None:
        """Say so many more messages, if there is a session."""
        for _ in range(count if self._may_speak() else 0):
            number = next(self._numbers)
            id_ = f"{self.name}-{number}"
            self._note_said(id_, number, to, again=False)
            self._stream_now().send(_message(id_, to))
        if asks and self.counts and self._may_speak():
            self._stream_now().send(REQUEST)

    def show_status(self) -> None:
        """Show a new status to those who may see it."""
        if self._may_speak():
            self._stream_now().send(self._presence())

    def cut(self) -> None:
        """Break the connection."""
        self._gap_at_s = min(self._gap_at_s, self._journal.now_s())
        if self._stream and not self._stream.is_cut():
            self._stream.abort()

    def stall(self) -> None:
        """Let nothing arrive any more."""
        if self._may_speak():
            self._is_stalled = True
            self._gap_at_s = min(self._gap_at_s, self._journal.now_s())
            self._stream_now().stall()

    def go_on(self) -> None:
        """Let arrive what has waited; a connection that is gone meanwhile stays so."""
        if self._is_stalled and self._stream:
            self._is_stalled = False
            self._stream.go_on()
            if not self._stream.is_cut():
                self._close_gap()

    async def log_out(self) -> None:
        """End the session in order, and stay away."""
        self._is_wanted.clear()
        if self._may_speak():
            stream = self._stream_now()
            with contextlib.suppress(AssertionError, TimeoutError):
                await stream.close()
            # What is left is not said again: its client has taken leave of it.
            stream.forget_unacknowledged()
            stream.give_up()

    def log_in(self) -> None:
        """Come back."""
        self._is_wanted.set()

    def close_books(self) -> None:
        """Close the books at the end of the run: what is cut off then was so to the end."""
        self._close_gap()

    async def answered(self) -> None:
        """Wait for the answer to a request: all that the server had for this client has come, and it had all of it."""
        while True:
            await self._wait_until_there()
            with contextlib.suppress(StreamEndedError):
                if self.counts:
                    self._stream_now().send(REQUEST)
                await self._stream_now().ping()
                return

    async def _wait_until_there(self) -> None:
        assert await wait_until(lambda: self.is_there), f"{self.name} does not come back"

    def hear(self, element: Element) -> None:
        """Take note of a message or a presence that came."""
        is_error, is_message = element.get("type") == "error", element.tag == f"{_CLIENT}message"
        id_ = element.get("id", "") if is_message else element.findtext(f"{_CLIENT}status") or ""
        if not is_message and (is_error or not id_.startswith(STATUS)):
            return  # a room may say why somebody left
        if not id_:
            return  # a room's subject
        receipts = tuple(
            f"{by}/{each.get('id')}"
            for each in element.findall(_RECEIPT)
            if (by := each.get("by", "")).startswith("gate.")
        )
        self._journal.heard.append(
            Heard(
                *(id_, self.jid, self.sessions[-1].label, next(self._places), self._journal.now_s()),
                *(element.get("from", ""), element.get("to", ""), element.findtext(f"{_CLIENT}body") or ""),
                *(receipts, is_error, element.find(_DELAY) is not None),
            )
        )

    def note_acknowledged(self, stanzas: list[bytes]) -> None:
        """Take note of what the server says it has handled."""
        self._journal.acknowledged.update(match[1].decode() for each in stanzas if (match := _ID.match(each)))

    def note_said_again(self, stanzas: list[bytes]) -> None:
        """Take note of what is said again."""
        for each in stanzas:
            element = etree.fromstring(each)
            id_ = element.get("id", "")
            self._note_said(id_, int(id_.partition("-")[2]), element.get("to", ""), again=True)

    def _note_said(self, id_: str, number: int, to: str, *, again: bool) -> None:
        label = self.sessions[-1].label
        self._journal.said.append(
            Said(id_, number, f"{self.jid}/desk", to, label, self._journal.now_s(), again)
        )

    def _stream_now(self) -> WatchedStream:
        assert self._stream
        return self._stream

    def _may_speak(self) -> bool:
        return self.is_there and not self._is_stalled

    async def _come(self) -> None:
        """Resume the session, or begin another one and say again what nobody has acknowledged."""
        old = self._stream
        if old and old.may_be_resumed:
            self._is_stalled = False
            if await old.try_to_resume():
                self._close_gap()
                return
            self._waiting += old.unacknowledged_messages()
            old.give_up()
        await self._begin()

    async def _begin(self) -> None:
        stream = WatchedStream(self._address, self.jid.partition("@")[2], tls=self._tls)
        stream.owner = self
        await stream.open()
        await stream.authenticate(self.name, self._password)
        self._end_session()
        label = f"{self.name}#{len(self.sessions)}"
        self.sessions.append(Session(label, self.jid, self.counts, self._journal.now_s(), math.inf))
        self._stream = stream
        await stream.bind("desk")
        if self.counts:
            await stream.enable_resumption()
        self.note_said_again(self._waiting)
        stream.send(b"".join(self._waiting) + REQUEST * self.counts)
        self._waiting = []
        await self._enter(stream, self._presence, f"{self.jid}/desk")
        if self.in_room:
            await self._enter(stream, lambda: _JOIN % self.name, f"{ROOM}/{self.name}")

    async def _enter(self, stream: WatchedStream, make: Callable[[], str], where: str) -> None:
        """Be present somewhere; again, where the line cannot record it yet."""
        while True:
            stream.send(make())
            answer = await stream.expect(lambda each: _is_presence(each, where))
            if answer.get("type") != "error":
                return
            await asyncio.sleep(_RETRY_S)

    def _presence(self) -> str:
        return f"<presence><status>{STATUS}{self.name}-{next(self._statuses)}</status></presence>"

    def _close_gap(self) -> None:
        self._end_gap(self._journal.now_s())

    def _end_gap(self, at_s: float) -> None:
        if self._gap_at_s < math.inf:
            session = self.sessions[-1]
            self.sessions[-1] = replace(session, gaps=(*session.gaps, (self._gap_at_s, at_s)))
            self._gap_at_s = math.inf

    def _end_session(self) -> None:
        self._is_stalled = False
        if self.sessions:
            at_s = self._journal.now_s()
            self._end_gap(at_s)
            self.sessions[-1] = replace(self.sessions[-1], ended_at_s=at_s)


def _is_presence(element: Element, where: str) -> bool:
    return element.tag == f"{_CLIENT}presence" and (
        element.get("from") == where or element.get("type") == "error"
    )


def _message(id_: str, to: str) -> str:
    kind = "groupchat" if to == ROOM else "chat"
    return f"<message to='{to}' type='{kind}' id='{id_}'><body>Offer {id_}</body></message>"
