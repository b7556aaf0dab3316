"""What the log already holds of the adapter's present epoch: read from the log itself, there is no other state."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.archive.reader import LogReader
from components.archive.record import RecordKind, Submission, parse_record
from policy.decision import Action, Decision

_CHUNK_RECORDS = 256


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """The decision that was recorded for a submission, and the index of its record."""

    decision: Decision
    index: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """The submissions of an epoch that the log holds, by sequence number, from those that may come again."""

    epoch: str
    answers: Mapping[int, RecordedAnswer] = field(default_factory=dict)

    @classmethod
    def nothing(cls) -> "Recorded":
        """Return what an empty log holds."""
        return cls("")

    def find(self, epoch: str, seq: int) -> RecordedAnswer | None:
        """Return the answer that was recorded for (epoch, seq), or None when it is new."""
        return self.answers.get(seq) if epoch == self.epoch else None


async def fetch_recorded(reader: LogReader, epoch: str, from_seq: int) -> Recorded:
    """Read, from the end of the log backwards, the submissions of this epoch from `from_seq` on.

    Submissions of an epoch are recorded in the order of their numbers, so an older one ends the search.
    Raises LogUnavailable.
    """
    answers: dict[int, RecordedAnswer] = {}
    end = await reader.size()
    while end > 0:
        begin = max(0, end - _CHUNK_RECORDS)
        for stored in reversed(await reader.fetch(begin, end - begin)):
            record = parse_record(RecordKind(stored.leaf.kind), stored.payload)
            if not isinstance(record, Submission):
                continue
            if record.epoch != epoch or record.seq < from_seq:
                return Recorded(epoch, answers)
            decision = Decision(Action(record.action), record.rules, record.error)
            answers[record.seq] = RecordedAnswer(decision, stored.index)
        end = begin
    return Recorded(epoch, answers)
