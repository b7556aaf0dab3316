"""What the log already holds of the adapter's present epoch, from the memos that are kept with the records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.archive.errors import LogDamaged
from components.archive.reader import LogReader
from components.archive.store import MemoRow
from components.gate.memo import Memo, parse_memo
from policy.decision import Decision

_CHUNK_MEMOS = 64


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """The decision that was recorded for a submission, and the index of its record."""

    decision: Decision
    index: int


@dataclass(frozen=True, slots=True)
class KeptMemo:
    """A memo that the log keeps: that of the batch from record `first` on, whose highest number is `last_seq`."""

    first: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """The submissions of an epoch that the log holds, by sequence number, from those that may come again.

    `memos` are those that say so, in the log's order.
    """

    epoch: str
    answers: Mapping[int, RecordedAnswer] = field(default_factory=dict)
    memos: Sequence[KeptMemo] = ()

    @classmethod
    def nothing(cls) -> "Recorded":
        """Return what an empty log holds."""
        return cls("")

    def find(self, epoch: str, seq: int) -> RecordedAnswer | None:
        """Return the answer that was recorded for (epoch, seq), or None when it is new."""
        return self.answers.get(seq) if epoch == self.epoch else None


async def fetch_recorded(reader: LogReader, epoch: str, from_seq: int) -> Recorded:
    """Read, from the newest memo backwards, the submissions of this epoch from `from_seq` on.

    Submissions of an epoch are recorded in the order of their numbers, so an older one ends the search.
    Raises LogUnavailable, and LogDamaged for what is no memo.
    """
    answers: dict[int, RecordedAnswer] = {}
    memos: list[KeptMemo] = []
    before = 2**62
    while rows := await reader.fetch_memos(_CHUNK_MEMOS, before):
        for row in rows:
            memo = _parse_row(row)
            if memo.epoch != epoch or not memo.answers or memo.answers[-1][0] < from_seq:
                return Recorded(epoch, answers, tuple(memos[::-1]))
            memos.append(KeptMemo(row.first, memo.answers[-1][0]))
            for index, (seq, decision) in enumerate(memo.answers, row.first):
                if seq >= from_seq:
                    answers[seq] = RecordedAnswer(decision, index)
        before = rows[-1].first
    return Recorded(epoch, answers, tuple(memos[::-1]))


def _parse_row(row: MemoRow) -> Memo:
    try:
        return parse_memo(row.note)
    except (ValueError, KeyError, TypeError) as error:
        raise LogDamaged(f"the memo of record {row.first} is malformed") from error
