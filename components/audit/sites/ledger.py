"""Reads from a site's gate log which messages went between it and other sites, and through its rooms."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.record import Delivery, RecordKind, Submission, parse_record
from components.archive.record_header import RecordError
from components.audit.index.crossed import read_crossings
from components.audit.marks import read_marks
from components.audit.sites.letters import Book, Fate, Received, Sent
from components.audit.sites.named import NamedSite
from components.audit.sites.same import read_as_sent
from components.audit.stanza import split_jid
from components.process.progress import Progress
from policy.facts import Way

_CHUNK_RECORDS = 500
_LET_GO = ("release", "amend")
_HELD_WAYS = (Way.C2S, Way.S2S, Way.COMPONENT, Way.GATE)


class _Message(NamedTuple):
    """A message of a log that may concern another site; `receipts` are the records that it names, by their gates."""

    number: int
    epoch: str
    seq: int
    way: str
    at_ns: int
    is_let_go: bool
    sender: str
    to: str
    digest: bytes
    receipts: dict[str, str]
    is_error: bool
    id: str


@dataclass(slots=True)
class Ledger:
    """What a gate's log says of the messages that crossed the borders of its site; `unreadable` records are counted."""

    site: NamedSite
    messages: list[_Message] = field(default_factory=list)
    through: dict[str, int] = field(default_factory=dict)
    bounced: set[tuple[str, int]] = field(default_factory=set)
    destroyed: dict[int, int] = field(default_factory=dict)
    size: int = 0
    newest_ns: int = 0
    unreadable: int = 0
    _newest_epoch: str = ""

    def take(self, opened: OpenedRecord) -> None:
        """Take the next record."""
        self.size, self.newest_ns = opened.index + 1, max(self.newest_ns, opened.leaf.time_ns)
        kind = opened.leaf.kind
        if kind not in (RecordKind.STANZA, RecordKind.SESSION, RecordKind.DELIVERY):
            return
        if opened.payload is None:
            if opened.stored.payload is None:
                self.destroyed[opened.index] = opened.leaf.time_ns
            else:
                self.unreadable += 1
            return
        try:
            record = parse_record(RecordKind(kind), opened.payload)
        except RecordError:
            self.unreadable += 1
            return
        match record:
            case Delivery():
                self.through[record.epoch] = max(record.through, self.through.get(record.epoch, 0))
                self.bounced.update((record.epoch, seq) for seq in record.bounced)
            case Submission():
                self._newest_epoch = record.epoch
                if record.kind is RecordKind.STANZA and record.way in _HELD_WAYS:
                    self._take_stanza(opened.index, record)

    def _take_stanza(self, number: int, record: Submission) -> None:
        marks = read_marks(record.body)
        sender, to = split_jid(marks.sender), split_jid(marks.to)
        rooms = self.site.settings.prosody.room_domains
        crosses = record.way == Way.S2S or to[1] not in self.site.domains or to[1] in rooms
        if marks.kind != "message" or not crosses:
            return
        said = sorted(read_as_sent(record).text.split("\n"))
        digest = sha256("\0".join((marks.type, marks.id, *said)).encode("utf-8", "surrogatepass")).digest()
        resource = marks.to.partition("/")[2]
        self.messages.append(
            _Message(
                number,
                record.epoch,
                record.seq,
                record.way,
                record.received_at_ns,
                record.action in _LET_GO,
                _join(*sender),
                _join(*to) + (f"/{resource}" if resource else ""),
                digest,
                {each.gate: each.record for each in read_crossings(number, record, marks)},
                marks.type == "error",
                marks.id,
            )
        )

    def book(self, other: NamedSite, other_log: str) -> Book:
        """Return what this log says of the messages to another site, whose log is called `other_log`, and from it."""
        own_rooms = self.site.settings.prosody.room_domains
        let_go = [each for each in self.messages if each.is_let_go]
        sent = {
            each.number: Sent(
                each.number,
                each.at_ns,
                each.sender,
                _bare(each.to),
                each.digest,
                self._find_fate(each),
                each.id,
            )
            for each in let_go
            if _domain(each.to) in other.domains or _domain(each.to) in own_rooms
        }
        outgoing = [number for number, each in sent.items() if _domain(each.to) in other.domains]
        errors = frozenset(
            (each.sender, _bare(each.to), each.id)
            for each in self.messages
            if each.is_error and each.way == Way.S2S and _domain(each.sender) in other.domains
        )
        received = tuple(self._receive(other, other_log))
        return Book(sent, outgoing, received, self.size, self.newest_ns, self.destroyed, errors)

    def _receive(self, other: NamedSite, log: str) -> Iterable[Received]:
        """Yield the messages that came from another site, with the numbers of their records there."""
        rooms = other.settings.prosody.room_domains
        for each in self.messages:
            domain = _domain(each.sender)
            if each.way != Way.S2S or domain not in other.domains:
                continue
            name, _, number = each.receipts.get(other.gate, "").rpartition("/")
            yield Received(
                each.number,
                each.at_ns,
                each.sender,
                each.to,
                each.digest,
                int(number) if name == log else None,
                is_made=each.is_error or "@" not in each.sender or domain in rooms,
                fate=self._find_fate(each) if each.is_let_go else Fate.BOUNCED,
            )

    def _find_fate(self, message: _Message) -> Fate:
        if (message.epoch, message.seq) in self.bounced:
            return Fate.BOUNCED
        if message.seq <= self.through.get(message.epoch, -1):
            return Fate.CARRIED_OUT
        return Fate.OPEN if message.epoch == self._newest_epoch else Fate.UNKNOWN


async def read_ledger(site: NamedSite, log: RecordOpener, progress: Progress) -> Ledger:
    """Read the whole gate log of a site; calls `progress(done, all)`. Raises NoKeyError and LogError."""
    ledger, size = Ledger(site), await log.reader.size()
    for first in range(0, size, _CHUNK_RECORDS):
        for opened in await log.fetch(first, min(_CHUNK_RECORDS, size - first)):
            ledger.take(opened)
        progress(min(size, first + _CHUNK_RECORDS), size)
    return ledger


def _join(local: str, domain: str) -> str:
    return f"{local}@{domain}" if local else domain


def _bare(address: str) -> str:
    return address.partition("/")[0]


def _domain(address: str) -> str:
    return _bare(address).rpartition("@")[2]
