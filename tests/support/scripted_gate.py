"""A gate that a test plays: it sees what the adapter submits, and says what the test wants, when it wants."""

import asyncio
import hashlib
import re
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from components.link.codec import XMLNS, XMLNS_FORWARD, Held, Status, SubmissionParser
from components.link.encode import encode_noted
from components.site.prosody import ProsodyPlan
from policy.address import bare
from policy.facts import Way
from tests.support.ejabberd import EjabberdServer
from tests.support.gate_process import GATE, gated_plan
from tests.support.process import PATIENCE_S
from tests.support.server import private_server
from tests.support.stream import XmppStream

_COMPONENT = "jabber:component:accept"
_STREAM = "http://etherx.jabber.org/streams"
_HEADER = re.compile(rb"<stream:stream [^>]*\bid='([^']+)'[^>]*>")
_HANDSHAKE_DONE = b"<handshake/>"


class Component(asyncio.Protocol):
    """A XEP-0114 component, byte for byte; `said` is all that the server said after the handshake."""

    def __init__(self, jid: str, secret: str) -> None:
        self.jid = jid
        self.said = b""
        self.ended = False
        self._secret = secret
        self._addressed = ""
        self._opening = b""
        self._greeted = self._accepted = False
        self._news = asyncio.Event()
        self._transport: asyncio.Transport

    @classmethod
    async def connect(cls, plan: ProsodyPlan, jid: str, secret: str, *, shakes_with: str = "") -> Self:
        """Connect and authenticate; what the server says to that may be an error (`said`).

        `shakes_with` is the address of the handshake, which has none by the specification.
        """
        component = cls(jid, secret)
        component._addressed = f" to='{shakes_with}'" if shakes_with else ""
        await asyncio.get_running_loop().create_connection(
            lambda: component, plan.component_address, plan.component_port
        )
        await component.wait_until(lambda: component._accepted or component.ended)
        return component

    def send(self, xml: str | bytes) -> None:
        """Send this as it is."""
        self._transport.write(xml.encode() if isinstance(xml, str) else xml)

    async def close(self) -> None:
        """Break the connection, and wait until it is gone."""
        self._transport.abort()
        await self.wait_until(lambda: self.ended)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until what the server says makes the condition true."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.jid} waited {PATIENCE_S} s; the end of what it heard:\n{self.tail()}"
            ) from None

    def tail(self) -> str:
        """Return the end of what the server said."""
        return self.said[-2000:].decode(errors="replace")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the stream (asyncio calls this)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.send(f"<stream:stream xmlns='{_COMPONENT}' xmlns:stream='{_STREAM}' to='{self.jid}'>")

    def data_received(self, data: bytes) -> None:
        """Take what the server said (asyncio calls this)."""
        if not self._accepted:
            data = self._shake_hands(data)
        self.said += data
        self._take_in(data)
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone (asyncio calls this)."""
        self.ended = True
        if not self._accepted:
            self.said += self._opening
        self._news.set()

    def _shake_hands(self, data: bytes) -> bytes:
        self._opening += data
        if not self._greeted and (header := _HEADER.search(self._opening)):
            self._greeted = True
            digest = hashlib.sha1(header[1] + self._secret.encode()).hexdigest()
            self.send(f"<handshake{self._addressed}>{digest}</handshake>")
        _, done, rest = self._opening.partition(_HANDSHAKE_DONE)
        self._accepted = bool(done)
        return rest

    def _take_in(self, data: bytes) -> None:
        pass


class ScriptedGate(Component):
    """The gate's side of the link. It releases everything at once until it is told to `hold_back`.

    While it `opens`, it draws no borders: everybody whom it has heard of may reach everybody.

    `submissions` and `statuses` are all that ever came. Submission `s` counts as record `1000 + s` of the log `gate`.
    """

    def __init__(self, jid: str, secret: str) -> None:
        super().__init__(jid, secret)
        self.submissions: list[Held] = []
        self.statuses: list[Status] = []
        self.answers = True
        self.notes = True
        self._unread: deque[Held] = deque()
        self._unread_statuses: deque[Status] = deque()
        self._answered = 0
        self._parser = SubmissionParser()
        self.opens = True
        self._in_reach: set[str] = set()

    def hold_back(self) -> None:
        """Give no more verdicts by itself, and forget what was submitted so far."""
        self.answers = False
        self._unread.clear()

    def go_on(self) -> None:
        """Release whatever has no verdict yet, and all that comes."""
        self.answers = True
        if self.submissions:
            self.release(self.submissions[-1].seq)

    async def expect(self, matches: Callable[[Held], bool]) -> Held:
        """Take the first submission that matches and was not taken yet, now or when it comes."""
        await self.wait_until(lambda: any(map(matches, self._unread)))
        held = next(filter(matches, self._unread))
        self._unread.remove(held)
        return held

    async def expect_all(self, ids: list[str]) -> list[Held]:
        """Take the submissions of the stanzas with these ids."""
        return [await self.expect(stanza(id_)) for id_ in ids]

    async def expect_status(self, matches: Callable[[Status], bool] = lambda _: True) -> Status:
        """Take the first status that matches, and forget those before it."""
        await self.wait_until(lambda: any(map(matches, self._unread_statuses)))
        while not matches(status := self._unread_statuses.popleft()):
            pass
        return status

    def release(self, through: int, *exceptions: str) -> None:
        """Give the verdict on all that has none yet, up to a submission; `exceptions` are its children."""
        self.say_verdict(self._answered + 1, through, *exceptions)

    def say_verdict(self, seq: int, through: int, *exceptions: str, epoch: str = "") -> None:
        """Say `<verdict/>`, right or wrong."""
        epoch = epoch or self.epoch
        self.send(
            f"<message from='{self.jid}' to='metals.example'><verdict xmlns='{XMLNS}' epoch='{epoch}' seq='{seq}' "
            f"through='{through}' log='gate' first='{1000 + seq}'>{''.join(exceptions)}</verdict></message>"
        )
        if epoch == self.epoch:
            self._answered = max(self._answered, through)

    def note(self, status: Status) -> None:
        """Say that a status is recorded."""
        self.send(encode_noted(self.jid, status.host, status.number))

    def say_borders(self, content: str, part: int = 1, of: int = 1) -> None:
        """Say `<borders/>`, and from then on none by itself."""
        self.opens = False
        self._say_borders(content, part, of)

    def _say_borders(self, content: str, part: int = 1, of: int = 1) -> None:
        self.send(
            f"<message from='{self.jid}' to='metals.example'><borders xmlns='{XMLNS}' part='{part}' of='{of}'>{content}"
            "</borders></message>"
        )

    @property
    def bounced(self) -> set[int]:
        """The numbers that any status ever named as bounced: those that are noted are not named again."""
        return {seq for status in self.statuses for seq in status.bounced}

    @property
    def epoch(self) -> str:
        """The epoch of the newest submission, or of the status that came first."""
        return (self.submissions or self.statuses)[-1].epoch

    def _take_in(self, data: bytes) -> None:
        items = self._parser.feed(data)
        self._open_borders(items)
        for item in items:
            if isinstance(item, Status):
                if not self.statuses:
                    self._answered = item.first_seq - 1
                self.statuses.append(item)
                self._unread_statuses.append(item)
                if self.notes:
                    self.note(item)
            else:
                self.submissions.append(item)
                self._unread.append(item)
        if self.answers and self.submissions and self.submissions[-1].seq > self._answered:
            self.release(self.submissions[-1].seq)

    def _open_borders(self, items: list[Held | Status]) -> None:
        """Let everybody reach everybody who was ever spoken of, before the server has anything to tell of them."""
        named = {
            bare(jid)
            for item in items
            if isinstance(item, Held)
            for jid in (item.facts.sender, item.facts.to)
        }
        if self.opens and (named - self._in_reach or not self._in_reach):
            self._in_reach |= {
                "alice@metals.example",
                "bob@metals.example",
                "carol@metals.example",
                *named,
            } - {""}
            self._say_borders(f"<class id='1' reaches='1'>{' '.join(sorted(self._in_reach))}</class>")


class SilentGate(ScriptedGate):
    """One that gives no verdict until it is told to `go_on`, not even on what comes with its first words."""

    def __init__(self, jid: str, secret: str) -> None:
        super().__init__(jid, secret)
        self.answers = False


class ScriptedLine:
    """A real server with the adapter, and a gate that the test plays; the accounts are alice, bob and carol.

    The server is Prosody, or what STEELYARD_SERVER says.
    `options` are those of `ProsodyServer`, `changes` fields of `ProsodyPlan`.
    """

    def __init__(
        self,
        root: Path,
        *,
        options: dict[str, str] | None = None,
        peers: dict[str, tuple[str, int]] | None = None,
        **changes: Any,
    ) -> None:
        self.plan = gated_plan(root / "prosody", **changes)
        self.prosody = private_server(self.plan, options=options, peers=peers)
        self.prosody.register(*(f"{name}@metals.example" for name in ("alice", "bob", "carol")))
        self.gate: ScriptedGate
        self._gates: list[ScriptedGate] = []

    async def __aenter__(self) -> Self:
        await self.prosody.start()
        try:
            await self.connect_gate()
        except BaseException:
            await self.prosody.kill9()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.prosody.kill9()
        for gate in self._gates:
            await gate.wait_until(lambda: gate.ended)  # noqa: B023 - awaited within the turn

    async def connect_gate(self, gate: type[ScriptedGate] = ScriptedGate) -> ScriptedGate:
        """Connect another gate, in the place of the one before."""
        if isinstance(self.prosody, EjabberdServer) and self._gates and self._gates[-1].ended:
            await self.prosody.wait_for_no_gate()
        self.gate = await gate.connect(self.plan, GATE, self.plan.gate_secret)
        self._gates.append(self.gate)
        return self.gate

    async def login(self, name: str, *, online: bool = True, **options: Any) -> XmppStream:
        """Log in `alice` or `alice/desk`, become available, and forget what came meanwhile."""
        user, _, resource = name.partition("/")
        jid = f"{user}@metals.example/{resource or 'desk'}"
        stream = await XmppStream.login(self.prosody.address, jid, **options)
        if online:
            await stream.come_online()
        return stream

    async def turn(self) -> None:
        """Wait until the server has done, and sent, all that it had to at the time of the call."""
        if isinstance(self.prosody, EjabberdServer):
            self.prosody.settle()
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*self.prosody.address)
            writer.write(self._greeting())
            await reader.readuntil(b"</stream:features>")
            writer.close()
            await writer.wait_closed()

    async def turn_refused(self) -> None:
        """Wait until the server takes no connections of clients any more: it stops."""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(OSError):
                while True:
                    _, writer = await asyncio.open_connection(*self.prosody.address)
                    writer.close()
                    await asyncio.sleep(0.01)

    @staticmethod
    async def wait_for_next_second() -> None:
        """Wait until the clock shows the second after the next one: rooms count by the second."""
        await asyncio.sleep(2 - time.time() % 1)

    @staticmethod
    def _greeting() -> bytes:
        namespaces = f"xmlns='jabber:client' xmlns:stream='{_STREAM}'"
        return f"<stream:stream {namespaces} version='1.0' to='metals.example'>".encode()


def stanza(id_: str) -> Callable[[Held], bool]:
    """Match the submission of a stanza by its id."""
    return lambda held: f"id='{id_}'".encode() in held.body


def made_by_server(held: Held) -> bool:
    """Match what the server made in somebody's name."""
    return held.facts.way is Way.SERVER


def event(name: str) -> Callable[[Held], bool]:
    """Match a session event."""
    return lambda held: held.facts.way is Way.SESSION and held.facts.kind == name


def refuse(seq: int, type_: str, condition: str, text: str) -> str:
    """Write an exception of a verdict: the sender gets this error."""
    stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
    return (
        f"<refuse seq='{seq}'><error type='{type_}'><{condition} xmlns='{stanzas}'/>"
        f"<text xmlns='{stanzas}' xml:lang='en'>{text}</text></error></refuse>"
    )


def amend(seq: int, content: str) -> str:
    """Write an exception of a verdict: the message goes on with this content."""
    message = f"<message xmlns='jabber:client'>{content}</message>"
    return f"<amend seq='{seq}'><forwarded xmlns='{XMLNS_FORWARD}'>{message}</forwarded></amend>"


def keep(seq: int) -> str:
    """Write an exception of a verdict: the gate has taken the stanza over."""
    return f"<keep seq='{seq}'/>"


def bounce(seq: int) -> str:
    """Write an exception of a verdict: the stanza goes back to its sender."""
    return f"<bounce seq='{seq}'/>"
