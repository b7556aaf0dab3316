"""The gate: held -> decision -> record -> verdict, a durable commit for each batch.

A batch is everything that arrived while the last commit ran. There is no timer, which would delay a quiet line.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from components.archive.errors import LogUnavailable
from components.gate.adapter import Adapter, Line, Write
from components.gate.breaks import LinkBreaks
from components.gate.deciding import BLIND_RULES, Decider
from components.gate.journal import Journal, RecordedBatch, SessionRecords
from components.gate.review.queue import ReviewQueue
from components.gate.submission import Answered, Decided, cut_runs
from components.gate.watch.watch import Watch
from components.link.codec import CanaryBack, Held, Status
from policy.decision import Action
from policy.rules import Rules

_RETRY_MIN_S = 0.25
_RETRY_MAX_S = 2.0

log = structlog.get_logger("gate")


@dataclass(slots=True)
class GateCounters:
    """What the gate has done since it started; read by the status file."""

    recorded: int = 0
    refused: int = 0
    repeated: int = 0
    batches: int = 0
    failed_commits: int = 0


class Gate:
    """Decides on, records and answers submissions, in the order in which they were submitted.

    The link tells it of its connections (`LinkListener`). `report` is called when one begins or ends, because readers
    of the gate's status must not wait. They look at `line`, `decider` and `journal`, and change nothing there.
    """

    def __init__(
        self,
        line: Line,
        decider: Decider,
        journal: Journal,
        review: ReviewQueue,
        watch: Watch,
        breaks: LinkBreaks,
        *,
        max_batch: int,
        report: Callable[[], None] = lambda: None,
    ) -> None:
        # The connected adapter, and all state of its session. Lost in a crash: the adapter says it again.
        self.line = line
        # The rules in force, and their memory. Lost in a crash: rates and topics begin again.
        self.decider = decider
        # The log: every call that has returned survives a crash.
        self.journal = journal
        # Held messages, in a file of their own: every call that has returned survives a crash.
        self._review = review
        # Alarms and metrics: a crash loses alarms that are not recorded yet.
        self._watch = watch
        # What has ended the link. Lost in a crash: then it may end the link twice more.
        self._breaks = breaks
        self._aftermath = journal.aftermath
        self._max_batch = max_batch
        self._report = report
        # There may be something to record: set by `take`, cleared by `run`.
        self._wake = asyncio.Event()
        # Whether the last attempt to record succeeded.
        self.commits = True
        # The last status of a connection that ended before it was recorded. A server that stops in order sends one.
        self._last_word: tuple[SessionRecords, Status] | None = None
        self.counters = GateCounters()

    @property
    def pending(self) -> int:
        """How many submissions and statuses wait for a commit."""
        adapter = self.line.adapter
        return 0 if adapter is None else len(adapter.pending)

    def connected(self, write: Write) -> None:
        """Begin a connection; the adapter's first status on it begins a session."""
        self.line.connect(write)
        self._watch.connected()
        log.info("connected", records=self.journal.size)
        self._report()

    def disconnected(self) -> None:
        """End the connection; the next session submits again what is not recorded yet."""
        if (adapter := self.line.adapter) is not None:
            self._keep_last_word(adapter, adapter.pending)
        self.line.disconnect()
        self._watch.disconnected()
        log.info("disconnected", records=self.journal.size)
        self._report()

    def broken(self) -> None:
        """Find out which output of the gate made the server end the connection."""
        if (adapter := self.line.adapter) is not None:
            self._breaks.broken(adapter.session.epoch, adapter.claims.unheard)

    def take(self, submissions: Sequence[Held | Status]) -> None:
        """Take what the link read: decide and encode at once, while the previous commit may still be running."""
        received_at_ns = time.time_ns()
        self._watch.took(submissions)
        adapter = self.line.adapter
        for item in submissions:
            if isinstance(item, Status):
                adapter = self._greet(item)
                self._aftermath.carried_out(item)
                adapter.pending.append(item)
            elif adapter is None:
                # It is not known what the log holds of it, so it may not be recorded now.
                log.error("the adapter submitted before it said what it holds", seq=item.seq)
            else:
                adapter.add(self.decider.decide(item, adapter.claims, received_at_ns))
        self._wake.set()

    def take_canary(self, canary: CanaryBack) -> None:
        """Take a canary that was carried out."""
        self._watch.canary_returned(canary)

    def use(self, rules: Rules) -> None:
        """Decide by these rules from the next submission on."""
        self.decider.use(rules)
        if (adapter := self.line.adapter) is not None:
            adapter.change_borders(rules.directory)
            self._wake.set()

    async def run(self) -> None:
        """Record and answer batches until cancelled; raises LogDamaged and LogFenced."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (adapter := self.line.adapter) is not None and adapter.pending:
                if batch := adapter.take_batch(self._max_batch):
                    await self._record_and_answer(adapter, batch)
                # A commit blocks the loop. Now the link sends, and reads what has come meanwhile.
                await asyncio.sleep(0)
                self.journal.integrate()
            await self._record_last_word()

    def _keep_last_word(self, adapter: Adapter, items: Sequence[object]) -> None:
        """Record the newest status anyway, because it may never be sent again."""
        statuses = [item for item in items if isinstance(item, Status)]
        if statuses:
            self._last_word = adapter.records, statuses[-1]
            self._wake.set()

    async def _record_last_word(self) -> None:
        """Record it, unless an adapter is connected again, which sends its own."""
        word, self._last_word = self._last_word, None
        if word is not None and self.line.adapter is None:
            with suppress(LogUnavailable):
                await self.journal.record(word[0], [word[1]])

    def _greet(self, status: Status) -> Adapter:
        """Return the adapter that sent this: a new one, if it is the first status of a connection, or of an epoch."""
        adapter = self.line.adapter
        if adapter is None or adapter.session.epoch != status.epoch:
            adapter = self.line.begin_session(status)
            self._breaks.resumed(status)
            self._aftermath.begin(status.epoch)
            adapter.say_borders(self.decider.rules.directory)
        elif adapter.session.host != status.host:
            adapter.readdress(status.host)
        return adapter

    async def _record_and_answer(self, adapter: Adapter, batch: Sequence[Decided | Status]) -> None:
        recorded = await self._record(adapter, batch)
        if recorded is None:
            # The adapter submits again what is not recorded of it.
            self._keep_last_word(adapter, batch)
            return
        self._count(recorded)
        statuses = [item for item in batch if isinstance(item, Status)]
        # A crash here, or the end of the session, leaves the batch recorded and unanswered: the adapter submits it
        # again, and it is answered from the log (gate protocol, section 5.2).
        if await self._keep(adapter, recorded.answers, statuses):
            self._answer(adapter, recorded.answers)
            for status in statuses:
                adapter.say_noted(status)

    async def _record(self, adapter: Adapter, batch: Sequence[Decided | Status]) -> RecordedBatch | None:
        """Record a batch, as often as it takes; None when the session ends before that."""
        pauses_s = _pauses_s()
        while not adapter.is_over:
            try:
                recorded = await self.journal.record(adapter.records, batch)
            except LogUnavailable as error:
                # Nobody is answered: the adapter bounces in time. Whether the batch is on disk is not known yet.
                retry_in_s = next(pauses_s)
                self.commits = False
                self.counters.failed_commits += 1
                self._watch.not_recorded(str(error))
                log.error("not recorded", reason=str(error), submissions=len(batch), retry_in_s=retry_in_s)
                await asyncio.sleep(retry_in_s)
            else:
                self.commits = True
                if recorded.commit_s is not None:
                    self._watch.committed(recorded.commit_s)
                return recorded
        return None

    async def _keep(self, adapter: Adapter, answers: Sequence[Answered], statuses: Sequence[Status]) -> bool:
        """Store held messages and notices before any answer; return False if the session ends."""
        pauses_s = _pauses_s()
        while not adapter.is_over:
            try:
                self._review.keep(adapter.claims, answers, statuses)
            except LogUnavailable as error:
                retry_in_s = next(pauses_s)
                self._watch.not_recorded(str(error))
                log.error("not kept for review", reason=str(error), retry_in_s=retry_in_s)
                await asyncio.sleep(retry_in_s)
            else:
                return True
        return False

    def _answer(self, adapter: Adapter, answers: Sequence[Answered]) -> None:
        """Send one verdict for each run of consecutive submissions with consecutive records, usually a single one."""
        for run in cut_runs(answers):
            self._watch.answered(run[-1].held.epoch, run[-1].held.seq)
            if adapter.say_verdict(run, self._breaks):
                self._aftermath.answered(run[-1].held.epoch, run[-1].held.seq)

    def _count(self, recorded: RecordedBatch) -> None:
        repeated = len(recorded.answers) - recorded.new
        self.counters.batches += 1
        self.counters.recorded += recorded.new
        self.counters.repeated += repeated
        for answer in recorded.answers[repeated:]:
            if (alarm := BLIND_RULES.get(answer.decision.rules)) is not None:
                self._watch.not_looked_at(alarm, f"{self.line.gate.log}/{answer.index}")
            if answer.decision.action is Action.REFUSE:
                self.counters.refused += 1
                facts = answer.held.facts
                log.info(
                    "refused", rules=answer.decision.rules, sender=facts.sender, to=facts.to, stanza=facts.kind,
                    seq=answer.held.seq,
                )  # fmt: skip


def _pauses_s() -> Iterator[float]:
    """Return how long to wait after each failure."""
    pause_s = _RETRY_MIN_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 2, _RETRY_MAX_S)
