"""A gate with rules and a review queue between an adapter and a disk in memory, all of which may fail at any time."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from components.archive.errors import LogUnavailable
from components.gate.adapter import Line
from components.gate.review.queue import ReviewQueue
from components.link.codec import Held, Status
from policy.content.parse import parse_policy
from policy.facts import StanzaFacts, Way
from policy.review import Item, ReviewAct
from policy.rules import Rules
from tests.support.rounds import chance
from tests.unit.gate.fakes import ALICE, BOB, DIRECTORY, GATE, HOST, FakeLog, make_gate

POLICY = parse_policy(
    """
[[rule]]
id = "tips"
kind = "lexicon"
action = "hold"
text = "Held."
terms.en = ["tip"]
must_match = ["tip"]
""",
    {},
)
_XMLNS = "{urn:steelyard:gate:0}"
_FORWARDED = "{urn:xmpp:forward:0}forwarded"


class Disk:
    """The queue's file; each `save` takes its fate from `fates`, as `FakeLog.append` does."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.fates: list[str] = []

    def save(self, changed: Iterable[Item], removed: Iterable[str]) -> None:
        """See ItemStore."""
        fate = self.fates.pop() if self.fates else "kept"
        if fate != "failed":
            self.items |= {item.token: item for item in changed}
            self.items = {token: item for token, item in self.items.items() if token not in set(removed)}
        if fate != "kept":
            raise LogUnavailable("the disk is full")


@dataclass
class Server:
    """The adapter: what it holds, and what it has carried out of what the gate asked for."""

    epoch: int = 0
    next_seq: int = 1
    done: int = 0
    status_number: int = 0
    window: dict[int, Held] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    bounced: dict[int, int] = field(default_factory=dict)
    arrived: Counter[str] = field(default_factory=Counter)  # by text
    given_back: set[str] = field(default_factory=set)  # texts that their sender has back

    def hold(self, text: str, inject: str = "") -> Held:
        """Number a message."""
        way = Way.GATE if inject else Way.C2S
        body = (
            f"<message xmlns='jabber:client' from='{ALICE}' to='{BOB}'><body>{text}</body></message>".encode()
        )
        facts = StanzaFacts(way, "message", "chat", ALICE, BOB, ("{jabber:client}body",), text)
        held = Held(HOST, f"e{self.epoch}", self.next_seq, "c1", body, facts, inject=inject)
        self.window[self.next_seq] = held
        self.next_seq += 1
        return held

    def status(self) -> Status:
        """Say where it is."""
        self.status_number += 1
        for seq in self.bounced:
            self.bounced[seq] = self.bounced[seq] or self.status_number
        first = min(self.window, default=self.next_seq)
        return Status(
            HOST,
            f"e{self.epoch}",
            self.status_number,
            first,
            self.next_seq,
            self.done,
            0,
            tuple(self.bounced),
        )

    def bounce(self) -> None:
        """Give back all that has no verdict."""
        for seq, held in list(self.window.items()):
            self.bounced[seq] = 0
            if not held.inject:
                self.given_back.add(held.facts.text)
            self._settle(seq)

    def take(self, element: etree._Element) -> Held | None:
        """Do what the gate says; gives what there is to submit."""
        if element.tag == f"{_XMLNS}noted":
            number = int(element.get("n", ""))
            self.bounced = {seq: at for seq, at in self.bounced.items() if not at or at > number}
        elif element.tag == f"{_XMLNS}inject":
            text = element.findtext(".//{jabber:client}body") or ""
            return self.hold(text, element.get("id", ""))
        elif element.get("epoch") == f"e{self.epoch}":
            exceptions = {int(each.get("seq", "")) for each in element}
            for seq in range(int(element.get("seq", "")), int(element.get("through", "")) + 1):
                held = self.window.get(seq)
                if held is not None and seq not in exceptions:
                    self.arrived[held.facts.text] += 1
                if held is not None:
                    self._settle(seq)
        return None

    def restart(self) -> None:
        """End with all that is held, and begin anew."""
        self.epoch += 1
        self.window, self.settled, self.bounced = {}, set(), {}
        self.next_seq, self.done, self.status_number = 1, 0, 0

    def _settle(self, seq: int) -> None:
        del self.window[seq]
        self.settled.add(seq)
        while self.done + 1 in self.settled:
            self.done += 1


class Model:
    """All of it; `step` does something at random, `come_to_rest` lets everything end well."""

    def __init__(self, seed: int) -> None:
        self.random = chance(seed)
        self.log, self.disk, self.server = FakeLog(), Disk(), Server()
        self.said: list[str] = []
        self.released: set[str] = set()
        self.refused: set[str] = set()
        self.lost: set[str] = set()  # what a server took with it
        self.server_crashes = 0
        self._now_s = 0.0
        self._wire: list[bytes] = []
        self._begin()

    def _begin(self) -> None:
        self.queue = ReviewQueue(GATE.jid, self.disk.items.values(), self.disk, clock_s=lambda: self._now_s)
        self.line = Line(GATE)
        self.gate = make_gate(self.log, Rules(DIRECTORY, POLICY), self.queue, self.line, max_batch=4)
        self.task = asyncio.create_task(self.gate.run())
        self.connect()

    def connect(self) -> None:
        """Break the link and make it anew; the server may have read some of what was on its way."""
        self.read(self.random.randint(0, len(self._wire)), submit=False)
        self._wire.clear()
        self.gate.disconnected()
        self.gate.connected(self._say)
        self.gate.take([self.server.status(), *self.server.window.values()])

    def _say(self, data: bytes) -> bool:
        """Take what the gate says."""
        self._wire.append(data)
        return True

    async def step(self) -> None:
        """Do one thing at random."""
        act = self.random.choices(
            [
                "say",
                "turn",
                "read",
                "ask",
                "status",
                "decide",
                "bounce",
                "break",
                "kill gate",
                "kill server",
                "disk",
            ],
            [6, 9, 8, 5, 6, 4, 1, 1, 2, 1, 1],
        )[0]
        match act:
            case "say":
                self.said.append(f"tip {len(self.said)}")
                self.gate.take([self.server.hold(self.said[-1])])
            case "turn":
                await self.turn()
            case "read":
                self.read(self.random.randint(0, len(self._wire)))
            case "ask":
                self.ask()
            case "status":
                self.gate.take([self.server.status()])
            case "decide":
                self.decide()
            case "bounce":
                self.server.bounce()
            case "break":
                self.connect()
            case "kill gate":
                await self.kill_gate()
            case "kill server":
                self.kill_server()
            case "disk":
                self.disk.fates = self.random.choices(["failed", "kept but failed", "kept"], k=2)
                self.log.fates.extend(self.random.choices(["failed", "kept but failed", "kept"], k=2))

    async def turn(self) -> None:
        """Let the gate work."""
        for _ in range(self.random.randint(1, 12)):
            await asyncio.sleep(0)

    def read(self, count: int, *, submit: bool = True) -> None:
        """Let the server read what the gate said, and submit what that asks for, unless the link is broken by then."""
        read, self._wire[:count] = self._wire[:count], []
        for data in read:
            held = self.server.take(etree.fromstring(data)[0])
            if held is not None and submit:
                self.gate.take([held])

    def ask(self) -> None:
        """Let the gate ask for what is to go out."""
        self._now_s += self.random.choice([0.1, 6.0])
        if (adapter := self.line.adapter) is not None:
            for item in self.queue.take_outgoing(adapter.claims):
                adapter.ask_inject(item.token, item.stanza)

    def decide(self, *, release: bool | None = None) -> None:
        """Decide on one that waits."""
        waiting = [item for item in self.queue.items if item.stage.value == "waiting" and item.held is None]
        if not waiting:
            return
        item = self.random.choice(waiting)
        released = self.random.random() < 0.7 if release is None else release
        text = etree.fromstring(item.stanza).findtext("{jabber:client}body") or ""
        while True:
            try:
                self.queue.decide(item, ReviewAct.RELEASE if released else ReviewAct.REFUSE)
                break
            except LogUnavailable:
                pass  # what was asked is still there, so it is done again
        (self.released if released else self.refused).add(text)

    async def kill_gate(self) -> None:
        """Kill the gate where it stands, and start the next."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self._begin()

    def kill_server(self) -> None:
        """Kill the server, with what it holds and what was on its way to it."""
        self.server_crashes += 1
        self.lost |= {held.facts.text for held in self.server.window.values() if not held.inject}
        self._wire.clear()
        self.server.restart()
        self.connect()

    async def come_to_rest(self) -> None:
        """Let nothing fail any more until nothing is left to do."""
        self.disk.fates, self.log.fates = [], type(self.log.fates)()
        for _ in range(40):
            for _ in range(20):
                await asyncio.sleep(0)
            self._now_s += 10.0
            self.read(len(self._wire))
            self.ask()
            self.read(len(self._wire))
            self.gate.take([self.server.status()])
            self.decide(release=True)
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
