"""The gate: held -> decision -> record -> verdict, a durable commit for each batch.

A batch is whatever arrived while the last commit ran: there is no timer that would add delay to a quiet line.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from components.archive.conversation import ConversationHash
from components.archive.errors import LogUnavailable
from components.archive.log.leaf import LeafIndex
from components.archive.reader import LogReader
from components.archive.record import (
    Delivery,
    RecordKind,
    encode_delivery,
)
from components.archive.writer import Entry, LogWriter
from components.gate.deciding import Decider, encode_decided
from components.gate.memo import KeptMemo, Memo, Recorded, encode_memo, fetch_recorded, restore_amended
from components.gate.review.queue import Answered, ReviewQueue
from components.gate.watch.watch import Watch
from components.link.borders import encode_borders, encode_occupants
from components.link.codec import Held, Status, encode_noted, encode_verdict
from policy.decision import Action, Decision
from policy.facts import StanzaFacts, Way
from policy.reach.partition import Partition, partition
from policy.retention import DEFAULT_POLICY, RecordedKind, RetentionPolicy, assign_class
from policy.review import Stage
from policy.rules import Rules

_RETRY_MIN_S = 0.25
_RETRY_MAX_S = 2.0

log = structlog.get_logger("gate")


@dataclass(frozen=True, slots=True)
class _Decided:
    """A submission that is decided on and encoded, waiting for its record."""

    held: Held
    decision: Decision
    entry: Entry


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

    `log_name` names the log in receipts (`gate/100042`), `conversation_key` keys the hash of who talks to whom.
    """

    def __init__(  # noqa: PLR0913 - all that a gate is made of
        self,
        jid: str,
        log_name: str,
        rules: Rules,
        writer: LogWriter,
        reader: LogReader,
        *,
        conversation_key: bytes,
        max_batch: int,
        retention: RetentionPolicy = DEFAULT_POLICY,
        watch: Watch | None = None,
        review: ReviewQueue | None = None,
    ) -> None:
        self._jid = jid
        self.watch = watch or Watch()
        self._log_name = log_name
        self._review = review or ReviewQueue(jid)
        self._decider = Decider(self._review)
        self._rules = rules
        self._writer = writer
        self._reader = reader
        self._write: Callable[[bytes], None] = lambda _data: None
        self._conversations = ConversationHash(conversation_key)
        self._max_batch = max_batch
        self._retention = retention
        self._delivery_class = assign_class(retention, RecordedKind.DELIVERY)
        self._pending: list[_Decided | Status] = []
        self._wake = asyncio.Event()
        self._link = 0  # counts connections
        self._looked_back = -1  # the connection for which the log has been read
        self._recorded = Recorded.nothing()
        self._memos: deque[KeptMemo] = deque()
        self._done_recorded = -1
        self._commits = True
        self._borders: Partition | None = None  # what this link's adapter was told last
        self._host = ""  # where this link's adapter is addressed, once it has spoken
        self.counters = GateCounters()

    @property
    def pending(self) -> int:
        """Count what is waiting for a commit."""
        return len(self._pending)

    @property
    def held(self) -> int:
        """Count the messages that wait for a reviewer."""
        return self._review.count(Stage.WAITING)

    @property
    def uncertain(self) -> int:
        """Count the held messages of which nobody knows whether they arrived."""
        return self._review.count(Stage.UNCERTAIN)

    @property
    def commits(self) -> bool:
        """Whether the last attempt to record succeeded."""
        return self._commits

    def take(self, submissions: list[Held | Status]) -> None:
        """Take what the link read: decide and encode at once, while the commit before may still be running."""
        received_at_ns = time.time_ns()
        self.watch.took(submissions)
        for item in submissions:
            if isinstance(item, Status):
                self._pending.append(item)
                if not self._host:
                    self._say_borders(item.host)
            else:
                self._pending.append(self._decide(item, received_at_ns))
        self._wake.set()

    @property
    def rules(self) -> Rules:
        """The rules that it decides by."""
        return self._rules

    def use(self, rules: Rules) -> None:
        """Decide by other rules what is submitted from now on."""
        self._rules = rules
        if self._host:
            self._say_borders(self._host, again=False)

    def link_changed(self) -> None:
        """Drop what is not recorded yet, because the link is another one: the adapter submits it again."""
        self._pending.clear()
        self._review.link_changed()
        self._link += 1
        self._host = ""

    async def run(self, write: Callable[[bytes], None]) -> None:
        """Record and answer batches until cancelled; `write` sends encoded elements to the adapter."""
        self._write = write
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                batch = self._pending[: self._max_batch]
                del self._pending[: self._max_batch]
                await self._record_and_answer(batch)
                # A commit holds the loop: now the link sends, and reads what has come meanwhile.
                await asyncio.sleep(0)
                self._writer.integrate()

    def _say_borders(self, host: str, *, again: bool = True) -> None:
        """Tell the adapter who may reach whom, before any verdict: until then the server tells nobody of others.

        And ask who is in chaperoned rooms: what was seen of it before this process began is not known. Unless `again`,
        a table that the adapter has is not sent once more: most changes of rules leave borders as they are.
        """
        self._host = host
        borders = partition(self._rules.directory)
        if again or borders != self._borders:
            self._borders = borders
            for part in encode_borders(self._jid, host, borders):
                self._write(part)
        for room in sorted(self._rules.directory.borders.chaperoned):
            self._write(encode_occupants(self._jid, host, room))

    def _decide(self, held: Held, received_at_ns: int) -> _Decided:
        rules = self._rules
        decision = self._decider.decide(rules, held, received_at_ns)
        kind, payload = encode_decided(held, decision, rules.name, received_at_ns)
        conversation = self._conversations.hash(held.facts)
        return _Decided(held, decision, Entry(kind, payload, self._class_of(held.facts), conversation))

    def _class_of(self, facts: StanzaFacts) -> int:
        kind = RecordedKind.SESSION if facts.way in (Way.SESSION, Way.CANARY) else facts.kind
        return assign_class(self._retention, kind)

    async def _record_and_answer(self, batch: list[_Decided | Status]) -> None:
        link = self._link
        retry_s = _RETRY_MIN_S
        in_doubt = False
        while True:
            try:
                if in_doubt:
                    await self._find_out(batch)
                    in_doubt = False
                if link != self._link:
                    return  # the adapter submits again what is not recorded of it
                if link != self._looked_back and not await self._look_back(batch[0], link):
                    return  # what of it is recorded already is not known, so none of it may be recorded now
                new, answers, entries = self._sort(batch)
                in_doubt = bool(entries)
                began_s = time.monotonic()
                first = await self._append(batch, new, entries) if entries else 0
                if entries:
                    self.watch.committed(time.monotonic() - began_s)
                break
            except LogUnavailable as err:
                # Nobody is answered: the adapter bounces in time. Whether the batch is on disk is not known yet.
                self._commits = False
                self.watch.not_recorded(str(err))
                self.counters.failed_commits += 1
                log.error("not recorded", reason=str(err), submissions=len(batch), retry_in_s=retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, _RETRY_MAX_S)
        self._commits = True
        if new:
            self._recorded = Recorded.nothing()  # what is submitted again comes before what is new
        self._count(new, len(answers))
        # A crash here, or a new link, leaves the batch recorded and unanswered: the adapter submits it again, and it
        # is answered from the log (gate protocol, section 5.2).
        answers += [Answered(item.held, item.decision, first + i) for i, item in enumerate(new)]
        statuses = [item for item in batch if isinstance(item, Status)]
        if await self._keep(answers, statuses, link):
            self._answer(answers)
            self._note(statuses)

    async def _keep(self, answers: list[Answered], statuses: list[Status], link: int) -> bool:
        """Store what is held and what senders are told, before anybody is answered; False for another link."""
        retry_s = _RETRY_MIN_S
        while link == self._link:
            try:
                self._review.keep(answers, statuses)
            except LogUnavailable as err:
                self.watch.not_recorded(str(err))
                log.error("not kept for review", reason=str(err), retry_in_s=retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, _RETRY_MAX_S)
            else:
                return True
        return False

    async def _append(
        self, batch: list[_Decided | Status], new: list[_Decided], entries: list[Entry]
    ) -> LeafIndex:
        """Record, with a memo of the answers; memos of what has been carried out are not needed any more."""
        done = max((item.done for item in batch if isinstance(item, Status)), default=-1)
        while self._memos and self._memos[0].last_seq <= done:
            self._memos.popleft()
        forget = 0
        if done >= 0:
            forget = self._memos[0].first if self._memos else self._writer.size
        if not new:
            return await self._writer.append(entries, forget_memos_before=forget)
        epoch = new[0].held.epoch
        memo = encode_memo(Memo(epoch, [(item.held.seq, item.decision) for item in new]))
        first = await self._writer.append(entries, memo=memo, forget_memos_before=forget)
        self._memos.append(KeptMemo(first, new[-1].held.seq))
        return first

    async def _look_back(self, first: _Decided | Status, link: int) -> bool:
        """Read from the log what a new link may submit again; its first word, a status, says from where."""
        if not isinstance(first, Status):
            log.error("the adapter submitted before it said what it holds", seq=first.held.seq)
            return False
        self._recorded = await fetch_recorded(self._reader, first.epoch, first.first_seq)
        self._memos = deque(self._recorded.memos)
        self._looked_back = link
        return True

    async def _find_out(self, batch: list[_Decided | Status]) -> None:
        """After a commit that failed, which may have persisted all the same: let the log say what it holds.

        Raises LogUnavailable while the log cannot say it: until then nothing may be recorded, or it could be twice.
        """
        await self._writer.recover()
        decided = [item.held for item in batch if isinstance(item, _Decided)]
        if decided:
            self._recorded = await fetch_recorded(
                self._reader, decided[0].epoch, min(held.seq for held in decided)
            )
            known = {memo.first for memo in self._memos}
            self._memos += [memo for memo in self._recorded.memos if memo.first not in known]

    def _sort(self, batch: list[_Decided | Status]) -> tuple[list[_Decided], list[Answered], list[Entry]]:
        """Tell what is new from what was recorded before; submissions first, so that their indexes are consecutive."""
        new: list[_Decided] = []
        answers: list[Answered] = []
        deliveries: list[Entry] = []
        recorded = self._recorded
        for item in batch:
            if isinstance(item, Status):
                if item.done != self._done_recorded or item.bounced:
                    delivery = Delivery(item.epoch, item.done, item.bounced)
                    deliveries.append(
                        Entry(RecordKind.DELIVERY, encode_delivery(delivery), self._delivery_class)
                    )
            elif (answer := recorded.find(item.held.epoch, item.held.seq)) is not None:
                answers.append(
                    Answered(item.held, restore_amended(answer.decision, item.held.body), answer.index)
                )
            else:
                new.append(item)
        return new, answers, [item.entry for item in new] + deliveries

    def _answer(self, answers: list[Answered]) -> None:
        """Send one verdict for each run of consecutive submissions with consecutive records: mostly a single one."""
        begin = 0
        for end in range(1, len(answers) + 1):
            if end < len(answers) and _follows(answers[end - 1], answers[end]):
                continue
            head = answers[begin]
            self.watch.answered(head.held.epoch, answers[end - 1].held.seq)
            self._write(
                encode_verdict(
                    self._jid,
                    head.held.host,
                    head.held.epoch,
                    head.held.seq,
                    self._log_name,
                    head.index,
                    [answer.decision for answer in answers[begin:end]],
                )
            )
            begin = end

    def _note(self, statuses: list[Status]) -> None:
        for item in statuses:
            self._done_recorded = item.done
            self._write(encode_noted(self._jid, item.host, item.number))

    def _count(self, new: list[_Decided], repeated: int) -> None:
        self.counters.batches += 1
        self.counters.recorded += len(new)
        self.counters.repeated += repeated
        for item in new:
            if item.decision.action is Action.REFUSE:
                self.counters.refused += 1
                log.info(
                    "refused",
                    rules=item.decision.rules,
                    sender=item.held.facts.sender,
                    to=item.held.facts.to,
                    stanza=item.held.facts.kind,
                    seq=item.held.seq,
                )


def _follows(before: Answered, after: Answered) -> bool:
    return (
        after.held.seq == before.held.seq + 1
        and after.index == before.index + 1
        and after.held.epoch == before.held.epoch
        and after.held.host == before.held.host
    )
