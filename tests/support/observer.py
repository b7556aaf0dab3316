"""Who says what was lost: traders that keep account of what they sent and received, and the log that must agree."""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lxml import etree

from components.archive.alarm_name import STATES, AlarmName
from components.archive.log.leaf import NOT_SEALED
from components.archive.opener import RecordOpener
from components.archive.record import Alarm, Delivery, RecordKind, Submission, parse_record
from components.site.prosody import MODULES
from components.verifier.log import verify_log
from policy.facts import Way
from tests.support.gate_process import GATE, GateProcess
from tests.support.process import PATIENCE_S, wait_until
from tests.support.stream import Element, XmppStream

# Beyond 10,000 messages of an account, mod_mam's internal storage rewrites all of them for each that comes.
MODULES_UNDER_LOAD = tuple(name for name in MODULES if name != "mam")

_CLIENT = "{jabber:client}"
_RECEIPT = "{urn:xmpp:sid:0}stanza-id"


@dataclass(slots=True)
class Trader:
    """One account; it keeps what its sessions received, in order, and what it sent to whom."""

    jid: str
    partner: str
    sent: list[str] = field(default_factory=list)
    streams: list[XmppStream] = field(default_factory=list)

    async def login(self, address: tuple[str, int]) -> None:
        """Begin another session, in the place of the one that ended."""
        stream = await XmppStream.login(address, self.jid)
        self.streams.append(stream)
        await stream.come_online()

    def offer(self) -> str:
        """Send the next message to the partner; returns its id."""
        id_ = f"{self.jid.partition('@')[0]}-{len(self.sent)}"
        self.sent.append(id_)
        self.streams[-1].send(
            f"<message to='{self.partner}' type='chat' id='{id_}'><body>Offer {id_}: tin &amp; zinc</body></message>"
        )
        return id_

    def received(self) -> list[Element]:
        """Return the messages that came, errors not among them."""
        return [element for element in self._messages() if element.get("type") != "error"]

    def received_ids(self) -> list[str]:
        """Return the ids of the messages that came, in order."""
        return [element.get("id", "") for element in self.received()]

    def refusals(self) -> list[Element]:
        """Return the errors that came for its own messages."""
        return [element for element in self._messages() if element.get("type") == "error"]

    def refused_ids(self) -> set[str]:
        """Return which of its own messages were answered with an error."""
        return {element.get("id", "") for element in self.refusals()}

    def _messages(self) -> list[Element]:
        return [
            element
            for stream in self.streams
            for element in stream.received
            if element.tag == f"{_CLIENT}message"
        ]


def make_traders(pairs: int) -> list[Trader]:
    """Return traders of whom each talks to the next one, and back."""
    traders = []
    for number in range(pairs):
        buyer, seller = f"buyer{number}@metals.example/desk", f"seller{number}@metals.example/desk"
        traders += [Trader(buyer, seller), Trader(seller, buyer)]
    return traders


class Load:
    """Traders that offer without a pause, until told to stop; an ended session offers nothing."""

    def __init__(self, traders: Iterable[Trader], *, interval_s: float = 0.01) -> None:
        self._traders = list(traders)
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Load":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            for trader in self._traders:
                if not trader.streams[-1].ended:
                    trader.offer()
            await asyncio.sleep(self._interval_s)


async def wait_for_answers(traders: Iterable[Trader]) -> None:
    """Wait until each message that was sent has been received or answered with an error."""
    by_jid = {trader.jid: trader for trader in traders}

    def unanswered() -> dict[str, set[str]]:
        return {
            jid: missing
            for jid, trader in by_jid.items()
            if (
                missing := set(trader.sent)
                - set(by_jid[trader.partner].received_ids())
                - trader.refused_ids()
            )
        }

    if not await wait_until(lambda: not unanswered()):
        counts = {jid: f"{len(ids)} of {by_jid[jid].sent[-1]}" for jid, ids in unanswered().items()}
        raise AssertionError(f"neither received nor answered: {counts}")


async def wait_until_it_flows(traders: Iterable[Trader]) -> None:
    """Offer again and again until each trader's messages arrive: the line has recovered."""
    by_jid = {trader.jid: trader for trader in traders}
    for trader in by_jid.values():
        partner = by_jid[trader.partner]
        offered: set[str] = set()

        def arrives(trader: Trader = trader, partner: Trader = partner, offered: set[str] = offered) -> bool:
            offered.add(trader.offer())
            return not offered.isdisjoint(partner.received_ids())

        assert await wait_until(arrives), f"nothing of {trader.jid} arrives any more"


@dataclass(frozen=True, slots=True)
class LogContent:
    """What a gate's log holds: its submissions by index, and what was carried out."""

    submissions: dict[int, Submission]
    deliveries: list[Delivery]
    alarms: list[Alarm]

    def ids(self) -> Counter[str]:
        """Return how often each stanza's id is recorded."""
        return Counter(etree.fromstring(each.body).get("id", "") for each in self.submissions.values())

    def bounced(self, epoch: str) -> set[int]:
        """Return the submissions that were returned to their senders."""
        return {seq for each in self.deliveries if each.epoch == epoch for seq in each.bounced}

    def carried_out(self) -> list[Submission]:
        """Return the released messages of clients that a DELIVERY record says were carried out."""
        through: defaultdict[str, int] = defaultdict(int)
        for each in self.deliveries:
            through[each.epoch] = max(through[each.epoch], each.through)
        return [
            each
            for each in self.submissions.values()
            if each.kind is RecordKind.STANZA
            and each.way == Way.C2S
            and each.action == "release"
            and each.seq <= through[each.epoch]
            and each.seq not in self.bounced(each.epoch)
        ]


class KeptLog(Protocol):
    """A gate's log, and the keys that verify and open it."""

    log_file: Path
    log_key_file: Path

    def open_log(self) -> AbstractAsyncContextManager[RecordOpener]:
        """Open it with the auditor's key."""


async def read_log(gate: KeptLog) -> LogContent:
    """Verify a gate's log, be it running or not, and read all of it."""
    report = await asyncio.to_thread(
        verify_log, gate.log_file, gate.log_key_file.with_suffix(".pub").read_text("utf-8")
    )
    assert report.ok, report.problems
    content = LogContent({}, [], [])
    async with gate.open_log() as log:
        size = 0
        while opened := await log.fetch(size, 1000):
            size += len(opened)
            for each in opened:
                if each.leaf.segment == NOT_SEALED:
                    continue
                assert each.payload is not None, f"record {each.index}: {each.fault}"
                record = parse_record(RecordKind(each.leaf.kind), each.payload)
                if isinstance(record, Submission):
                    content.submissions[each.index] = record
                elif isinstance(record, Delivery):
                    content.deliveries.append(record)
                elif isinstance(record, Alarm):
                    content.alarms.append(record)
    return content


async def wait_for_log(gate: GateProcess, matches: Callable[[LogContent], bool]) -> None:
    """Wait until a gate's log holds what it should."""
    async with asyncio.timeout(PATIENCE_S):
        while not matches(await read_log(gate)):  # noqa: ASYNC110 - a log has no events
            await asyncio.sleep(0.05)


def check_log(content: LogContent, traders: Iterable[Trader]) -> None:
    """Check what was received, the numbers, and what was carried out."""
    traders = list(traders)
    check_received(content, traders)
    check_numbers(content)
    check_carried_out(content, traders)


def check_received(content: LogContent, traders: Iterable[Trader]) -> None:
    """Check that what was received is recorded, exactly that and exactly once, in the order in which it came."""
    times = content.ids()
    for trader in traders:
        indexes = []
        for element in trader.received():
            (receipt,) = [each for each in element.findall(_RECEIPT) if each.get("by") == GATE]
            log, _, index = (receipt.get("id") or "").partition("/")
            assert log == "gate"
            recorded = etree.fromstring(content.submissions[int(index)].body)
            for name in ("from", "to", "id", "type"):
                assert recorded.get(name) == element.get(name), f"record {index} is of another message"
            assert recorded.findtext(f"{_CLIENT}body") == element.findtext(f"{_CLIENT}body")
            assert times[element.get("id", "")] == 1, f"{element.get('id')} is recorded more than once"
            indexes.append(int(index))
        assert len(set(indexes)) == len(indexes), f"{trader.jid} received a record twice"
        assert indexes == sorted(indexes), f"{trader.jid} received in another order than recorded"
        numbers = [int(id_.partition("-")[2]) for id_ in trader.received_ids()]
        assert numbers == sorted(numbers), f"{trader.jid} received in another order than sent"


def check_numbers(content: LogContent) -> None:
    """Check that the submissions of each epoch are recorded once each, in order, none left out but what was bounced.

    The gate must have come to the same account: no alarm but those of states, which breaking it may well have raised,
    and that of what nobody can know after a server was killed.
    """
    allowed = STATES | {AlarmName.DELIVERY_UNKNOWN}
    assert [alarm for alarm in content.alarms if alarm.name not in allowed] == []
    epochs: defaultdict[str, list[int]] = defaultdict(list)
    for _, submission in sorted(content.submissions.items()):
        epochs[submission.epoch].append(submission.seq)
    for epoch, seqs in epochs.items():
        assert all(left < right for left, right in itertools.pairwise(seqs)), f"epoch {epoch} is not in order"
        left_out = set(range(1, seqs[-1])) - set(seqs)
        assert left_out <= content.bounced(epoch), f"epoch {epoch} lacks {left_out - content.bounced(epoch)}"


def check_carried_out(content: LogContent, traders: Iterable[Trader]) -> None:
    """Check that no message that is recorded as carried out is missing at its receiver."""
    received = {trader.jid: set(trader.received_ids()) for trader in traders}
    for submission in content.carried_out():
        element = etree.fromstring(submission.body)
        if element.tag == f"{_CLIENT}message":
            assert element.get("id") in received[element.get("to", "")], (
                f"{element.get('id')} was not received"
            )
