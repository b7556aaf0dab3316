"""The gate's log as the gate uses it: every batch becomes durable in one commit, and nothing is recorded twice."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from components.archive.log.leaf import LeafIndex
from components.archive.record import Delivery, RecordKind, encode_delivery
from components.archive.writer import DEFAULT_CLASS, Entry
from components.gate.aftermath import KEPT_S, KEPT_STANZAS, Aftermath
from components.gate.kept import KeptStanza, ends_session
from components.gate.memo import (
    KeptMemo,
    Memo,
    MemoSource,
    Recorded,
    encode_memo,
    fetch_recorded,
    last_seq_of,
    restore_amended,
)
from components.gate.memo_seal import MemoSeal
from components.gate.submission import Answered, Decided
from components.link.codec import Status


class Writer(Protocol):
    """What the gate needs from its log's writer (`LogWriter`)."""

    @property
    def size(self) -> int:
        """The number of records that are known to be durable."""

    async def append(
        self, entries: Sequence[Entry], *, memo: bytes = b"", forget_memos_before: int = 0
    ) -> LeafIndex:
        """Record entries in one transaction, and return the first one's index."""

    async def recover(self) -> int:
        """Find out whether a failed append was stored, and return the log's true size."""

    def integrate(self) -> None:
        """Do the work that an append does not have to do itself."""


@dataclass(slots=True)
class SessionRecords:
    """What the log holds of a session's epoch. Only the journal uses it; it is made with the session and ends with
    it.

    `first_seq` is the lowest number that the adapter may submit again.
    """

    epoch: str
    first_seq: int
    # None until the log has been read, which says what an earlier session or gate recorded. None again as soon as
    # something new is recorded, because repeated submissions come before new ones.
    recorded: Recorded | None = None
    # What the log keeps of this epoch, the oldest first, until the adapter has carried it out.
    memos: deque[KeptMemo] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """A durable batch: its answers, of which the last `new` were recorded just now.

    `commit_s` is how long the commit took, None when there was nothing to record.
    """

    answers: list[Answered]
    new: int
    commit_s: float | None


class Journal:
    """Records batches of submissions and statuses; `memos` reads the log from where `writer` writes it.

    `seal` is for memos.
    """

    def __init__(
        self,
        writer: Writer,
        memos: MemoSource,
        aftermath: Aftermath,
        seal: MemoSeal,
        *,
        delivery_class: int = DEFAULT_CLASS,
        log_name: str = "gate",
    ) -> None:
        self._writer = writer
        self._memos = memos
        self._seal = seal
        # What is lost when a server ends. A crash loses it; the next gate reads it from the memos again.
        self.aftermath = aftermath
        self._delivery_class = delivery_class
        self._log_name = log_name
        # Epoch and `done` of the newest delivery that this gate has recorded. Lost in a crash: it is recorded again.
        self._delivered = ("", -1)
        # An append was begun and has not returned, so it may have been stored. Lost in a crash; after a crash the
        # gate reads the log anyway, for the first session.
        self._in_doubt = False

    @property
    def size(self) -> int:
        """How many records are known to be durable."""
        return self._writer.size

    async def record(self, records: SessionRecords, batch: Sequence[Decided | Status]) -> RecordedBatch:
        """Record a batch in one commit; answer from the log what the log already holds of it.

        The commit also records what happened to submissions of ended epochs. Raises LogUnavailable: then the gate
        may answer nothing of the batch. The caller gives it again, or, if the session is over, gives what the next
        session submits. Raises LogDamaged and LogFenced.
        """
        recorded = records.recorded
        if recorded is None or self._in_doubt:
            recorded = await self._read_log(records)
        new, answers = _sort(batch, recorded)
        self.aftermath.store()
        ended = tuple(self.aftermath.deliveries)
        deliveries = [item for item in batch if isinstance(item, Status) and self._is_news(item)]
        entries = [item.entry for item in new]
        entries += [self._entry(item) for item in (*map(self._delivery, deliveries), *ended)]
        self._keep(records.epoch, answers)
        if not entries:
            return RecordedBatch(answers, 0, None)
        kept = [self.aftermath.keeper.keep(item.held, item.decision) for item in new]
        heard = self.aftermath.done(records.epoch)
        memo = _make_memo(new, [stanza for stanza in kept if stanza is not None], deliveries, heard)
        began_s = time.monotonic()
        first = await self._append(records, batch, memo, entries)
        commit_s = time.monotonic() - began_s
        if new:
            records.recorded = Recorded.nothing()
        if deliveries:
            self._delivered = (deliveries[-1].epoch, deliveries[-1].done)
        del self.aftermath.deliveries[: len(ended)]
        self.aftermath.recorded(records.epoch, enumerate(kept, first), deliveries)
        answers += [Answered(item.held, item.decision, first + place) for place, item in enumerate(new)]
        return RecordedBatch(answers, len(new), commit_s)

    def _keep(self, epoch: str, answers: Sequence[Answered]) -> None:
        """Keep those of the earlier recorded submissions that go out."""
        keeper = self.aftermath.keeper
        kept = [(answer.index, keeper.keep(answer.held, answer.decision)) for answer in answers]
        self.aftermath.recorded(epoch, kept, ())

    def integrate(self) -> None:
        """Do the work that a commit does not have to do itself, after the answers are sent."""
        self._writer.integrate()

    async def _read_log(self, records: SessionRecords) -> Recorded:
        """Return what the log holds, by reading the log. A crash, a failed commit and a new session all come here.

        Raises LogUnavailable while the log cannot be read. Until then the gate may record nothing, because it could
        record it twice.
        """
        if self._in_doubt:
            await self._writer.recover()
        recorded = await fetch_recorded(self._memos, self._seal, records.epoch, records.first_seq)
        records.recorded, records.memos = recorded, deque(recorded.memos)
        self._in_doubt = False
        return recorded

    async def _append(
        self,
        records: SessionRecords,
        batch: Sequence[Decided | Status],
        memo: Memo | None,
        entries: Sequence[Entry],
    ) -> LeafIndex:
        """Record entries with a memo of the answers, and forget memos of stanzas that were carried out long ago."""
        done = max((item.done for item in batch if isinstance(item, Status)), default=-1)
        memos = records.memos
        _forget(memos, done)
        forget = 0
        if done >= 0:
            forget = memos[0].first if memos else self._writer.size
        note = b"" if memo is None else self._seal.seal(encode_memo(memo))
        self._in_doubt = True
        # A crash or a failure here leaves all of it recorded, or nothing. The adapter submits it again, and the log
        # says which of the two it is (gate protocol, section 5.2).
        first = await self._writer.append(entries, memo=note, forget_memos_before=forget)
        self._in_doubt = False
        if memo is not None:
            memos.append(KeptMemo(first, last_seq_of(memo), memo.at_s, len(memo.answers)))
        return first

    def _is_news(self, status: Status) -> bool:
        return bool(status.bounced or status.archived) or (status.epoch, status.done) != self._delivered

    def _entry(self, delivery: Delivery) -> Entry:
        return Entry(RecordKind.DELIVERY, encode_delivery(delivery), self._delivery_class)

    def _delivery(self, status: Status) -> Delivery:
        records = [(*record.partition("/"), id_) for record, id_ in status.archived]
        archived = [
            (int(index), id_)
            for log, _, index, id_ in records
            if log == self._log_name and index.isascii() and index.isdecimal()
        ]
        return Delivery(status.epoch, status.done, status.bounced, tuple(archived))


def _make_memo(
    new: Sequence[Decided], kept: Sequence[KeptStanza], statuses: Sequence[Status], heard: int
) -> Memo | None:
    """Return the memo that a batch needs after a crash; None if it needs none."""
    if not new and not statuses:
        return None
    epoch = new[0].held.epoch if new else statuses[-1].epoch
    return Memo(
        epoch,
        [(item.held.seq, item.decision) for item in new],
        kept,
        [item.held.session for item in new if ends_session(item.held)],
        max((status.done for status in statuses), default=-1),
        sorted({seq for status in statuses for seq in status.bounced}),
        int(time.time()),
        heard,
    )


def _forget(memos: deque[KeptMemo], done: int) -> None:
    """Forget memos of carried-out stanzas, unless a client may still send them again (`Aftermath`)."""
    count, too_old_s = sum(memo.count for memo in memos), time.time() - KEPT_S
    while memos and memos[0].last_seq <= done and (count > KEPT_STANZAS or memos[0].at_s < too_old_s):
        count -= memos.popleft().count


def _sort(batch: Sequence[Decided | Status], recorded: Recorded) -> tuple[list[Decided], list[Answered]]:
    """Return the new submissions, and the answers to those that were recorded before."""
    new: list[Decided] = []
    answers: list[Answered] = []
    for item in batch:
        if isinstance(item, Status):
            continue
        answer = recorded.find(item.held.epoch, item.held.seq)
        if answer is None:
            new.append(item)
        else:
            decision = answer.decision
            if not item.held.problem:
                decision = restore_amended(decision, item.held.body)
            answers.append(Answered(item.held, decision, answer.index))
    return new, answers
