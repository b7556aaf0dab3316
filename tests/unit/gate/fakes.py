"""A log and an adapter in memory, for tests of the gate's service alone."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from lxml import etree

from components.archive.alarm import Alarms
from components.archive.errors import LogUnavailable
from components.archive.log.leaf import LeafIndex
from components.archive.record import Delivery, Record, RecordKind, Submission, parse_record
from components.archive.store import MemoRow
from components.archive.writer import Entry
from components.gate.adapter import GateName, Line
from components.gate.aftermath import Aftermath
from components.gate.breaks import LinkBreaks
from components.gate.deciding import Decider, Filing, StanzaFiles
from components.gate.journal import Journal
from components.gate.kept import StanzaKeeper
from components.gate.memo_seal import MemoSeal
from components.gate.owed import OwedErrors
from components.gate.review.queue import ReviewQueue
from components.gate.service import Gate
from components.gate.watch.metrics import Metrics
from components.gate.watch.watch import Watch
from components.link.codec import Held, Status
from components.rules.inside_files import InsideFiles
from policy.directory.directory import parse_directory
from policy.facts import StanzaFacts, Way
from policy.retention import DEFAULT_POLICY
from policy.rules import Rules
from tests.support.gate_process import one_enterprise

GATE = GateName("gate.metals.example", "gate")
HOST = "metals.example"
EPOCH = "9f2c41d07bd7e3aa"
ALICE, BOB, MALLORY = "alice@metals.example/desk", "bob@metals.example", "mallory@elsewhere.example"

DIRECTORY = parse_directory(one_enterprise([ALICE.partition("/")[0], BOB]))
MAX_BATCH = 8
SITE_KEY = b"the site's own"

_GATE = "{urn:steelyard:gate:0}"


class FakeLog:
    """A log's writer and reader at once; each append and each recovery takes its fate from a queue.

    `fates`: `kept` is the rule; `failed` raises and keeps nothing; `kept but failed` raises and keeps all.
    `recoveries`: False raises. While `blocked`, an append waits.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.memos: list[MemoRow] = []
        self.batches: list[int] = []
        self.fates: deque[str] = deque()
        self.recoveries: deque[bool] = deque()
        self.gate_opens = asyncio.Event()
        self.gate_opens.set()
        self.appending = asyncio.Event()

    async def append(
        self, entries: Sequence[Entry], *, memo: bytes = b"", forget_memos_before: int = 0
    ) -> LeafIndex:
        """Append, or not, as `LogWriter.append` does."""
        assert entries
        self.appending.set()
        await self.gate_opens.wait()
        self.appending.clear()
        fate = self.fates.popleft() if self.fates else "kept"
        first = len(self.entries)
        if fate != "failed":
            self.entries += entries
            self.batches.append(len(entries))
            self.memos = [row for row in self.memos if row.first >= forget_memos_before]
            self.memos += [MemoRow(first, memo)] if memo else []
        if fate != "kept":
            raise LogUnavailable("the disk is full")
        return LeafIndex(first)

    async def recover(self) -> int:
        """Find out, as `LogWriter.recover` does."""
        await asyncio.sleep(0)
        if self.recoveries and not self.recoveries.popleft():
            raise LogUnavailable("input/output error")
        return len(self.entries)

    @property
    def size(self) -> int:
        """Count the records, as `LogWriter.size` does."""
        return len(self.entries)

    def integrate(self) -> None:
        """Do nothing: there is no tree."""

    async def fetch_memos(self, limit: int, before: int = 2**62) -> list[MemoRow]:
        """Give memos, as `LogReader.fetch_memos` does."""
        return [row for row in reversed(self.memos) if row.first < before][:limit]

    def records(self) -> list[Record]:
        """Return all that is recorded."""
        return [parse_record(entry.kind, entry.payload) for entry in self.entries]

    def submissions(self) -> list[Submission]:
        """Return the submissions recorded."""
        return [each for each in self.records() if isinstance(each, Submission)]

    def seqs(self, epoch: str = EPOCH) -> list[int]:
        """Return the numbers of the submissions recorded, in order."""
        return [each.seq for each in self.submissions() if each.epoch == epoch]

    def deliveries(self) -> list[Delivery]:
        """Return what is recorded as carried out."""
        return [each for each in self.records() if isinstance(each, Delivery)]


class Answers:
    """What the gate said, read as the adapter reads it."""

    def __init__(self) -> None:
        self._data = b""

    def write(self, data: bytes) -> bool:
        """Take what the gate says."""
        self._data += data
        return True

    def elements(self) -> list[etree._Element]:
        """Return all verdicts and `noted`, in order."""
        return [message[0] for message in etree.fromstring(b"<s>" + self._data + b"</s>")]

    def hosts(self) -> list[str]:
        """Return to whom each of them went."""
        return [message.get("to", "") for message in etree.fromstring(b"<s>" + self._data + b"</s>")]

    def verdicts(self) -> list[tuple[int, int, int]]:
        """Return `seq`, `through` and `first` of each verdict."""
        return [
            (int(each.get("seq", "")), int(each.get("through", "")), int(each.get("first", "")))
            for each in self.elements()
            if each.tag == f"{_GATE}verdict"
        ]

    def answered(self) -> dict[int, tuple[int, str]]:
        """Return the record's index and the decision for each submission; raises if one was answered in two ways."""
        answers: dict[int, tuple[int, str]] = {}
        for verdict in self.elements():
            if verdict.tag == f"{_GATE}verdict":
                exceptions = {int(each.get("seq", "")): str(each.tag).removeprefix(_GATE) for each in verdict}
                seq, first = int(verdict.get("seq", "")), int(verdict.get("first", ""))
                for offset in range(int(verdict.get("through", "")) - seq + 1):
                    answer = first + offset, exceptions.get(seq + offset, "release")
                    assert answers.setdefault(seq + offset, answer) == answer
        return answers

    def noted(self) -> list[int]:
        """Return the numbers of the statuses that were noted."""
        return [int(each.get("n", "")) for each in self.elements() if each.tag == f"{_GATE}noted"]


def held(
    seq: int, *, to: str = BOB, way: Way = Way.C2S, host: str = HOST, epoch: str = EPOCH, text: str = "Tin"
) -> Held:
    """Return a submission of Alice's; to Mallory it will be refused."""
    kind = "bind" if way is Way.SESSION else "message"
    body = f"<message xmlns='jabber:client' from='{ALICE}' to='{to}'><body>{text}</body></message>".encode()
    return Held(
        host,
        epoch,
        seq,
        "c1",
        body,
        StanzaFacts(way, kind, "chat", ALICE, to, ("{jabber:client}body",), text),
    )


def status(
    number: int,
    first: int,
    next_seq: int,
    done: int = 0,
    *,
    bounced: tuple[int, ...] = (),
    epoch: str = EPOCH,
    archived: tuple[tuple[str, str], ...] = (),
) -> Status:
    """Return a status: submissions from `first` to before `next_seq` are in the window."""
    return Status(HOST, epoch, number, first, next_seq, done, 0, bounced, archived=archived)


def submissions(seqs: Iterable[int]) -> list[Held]:
    """Return plain submissions with these numbers."""
    return [held(seq) for seq in seqs]


class KeptRecords:
    """Keeps what is to be recorded, as `Recorder` does until it can."""

    def __init__(self) -> None:
        self.kept: list[tuple[RecordKind, bytes]] = []

    def add(self, kind: RecordKind, payload: bytes) -> None:
        """See Records."""
        self.kept.append((kind, payload))


def make_gate(
    log: FakeLog,
    rules: Rules | None = None,
    queue: ReviewQueue | None = None,
    line: Line | None = None,
    *,
    breaks: LinkBreaks | None = None,
    aftermath: Aftermath | None = None,
    alarms: Alarms | None = None,
    max_batch: int = MAX_BATCH,
    report: Callable[[], None] = lambda: None,
    observes: bool = False,
) -> Gate:
    """Make a gate on such a log."""
    queue, line = queue or ReviewQueue(GATE.jid), line or Line(GATE, observes=observes)
    aftermath = aftermath or Aftermath(StanzaKeeper(b"key"), OwedErrors(queue))
    journal = Journal(log, log, aftermath, MemoSeal(SITE_KEY))
    filing = Filing(DEFAULT_POLICY, b"")
    files = StanzaFiles(inside=InsideFiles())
    decider = Decider(rules or Rules(DIRECTORY), queue, filing, aftermath, files, observes=observes)
    watch = Watch(alarms or Alarms(KeptRecords()), Metrics())
    breaks = breaks or LinkBreaks()
    return Gate(line, decider, journal, queue, watch, breaks, max_batch=max_batch, report=report)


class Bench:
    """A gate, the log it writes and what it says; statuses are numbered from 1."""

    def __init__(self, rules: Rules | None = None, *, observes: bool = False) -> None:
        self.log = FakeLog()
        self.answers = Answers()
        self.alarms = Alarms(KeptRecords())
        self.gate = make_gate(self.log, rules, alarms=self.alarms, observes=observes)
        self.gate.connected(self.answers.write)
        self.task = asyncio.create_task(self.gate.run())

    def take(self, *items: Held | Status) -> None:
        """Hand over what one read from the socket completed."""
        self.gate.take(list(items))

    def reconnect(self, *items: Held | Status) -> None:
        """Break the connection, and hand over the first words of the next one."""
        self.gate.disconnected()
        self.gate.connected(self.answers.write)
        self.take(*items)

    async def settle(self) -> None:
        """Let the gate run until it has nothing left to do."""
        for _ in range(30):
            await asyncio.sleep(0.001)
