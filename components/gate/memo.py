"""What the gate must know after a crash: which submissions a batch recorded, and how the gate answered them.

The records themselves are sealed, also from the gate. A memo has numbers, answers, and what errors need: between whom,
and no text. It lies in the log sealed by the gate's own key (`MemoSeal`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson
import structlog

from components.archive.errors import LogDamaged
from components.archive.store import MemoRow
from components.gate.kept import KeptStanza
from components.gate.memo_seal import MemoSeal, OtherKeyError
from policy.content.amend import AmendError, apply_edits
from policy.decision import Action, Decision, Edit, StanzaError, release

log = structlog.get_logger("gate")

_CHUNK_MEMOS = 64
_RELEASE = release()
_NOT_RESTORED = StanzaError(
    "wait",
    "internal-server-error",
    "This line is recorded, and this could not be sent. Please send it again.",
)


@dataclass(frozen=True, slots=True)
class Memo:
    """A batch's submissions of one epoch, in the order of their records: number and decision.

    `kept` is what the gate keeps of stanzas that go out, `over` are sessions that have ended. `done` and `bounced`
    are what a status in the batch said; `done` is -1 if there was none. `heard` is the number up to which all was
    known to be done, `at_s` when that was, in Unix time.
    """

    epoch: str
    answers: Sequence[tuple[int, Decision]]
    kept: Sequence[KeptStanza] = ()
    over: Sequence[str] = ()
    done: int = -1
    bounced: Sequence[int] = ()
    at_s: int = 0
    heard: int = -1


def encode_memo(memo: Memo) -> bytes:
    """Encode as JSON: runs of consecutive numbers, and each decision that is not simply a release."""
    runs: list[list[int]] = []
    decisions: dict[str, Any] = {}
    for seq, decision in memo.answers:
        if runs and seq == runs[-1][0] + runs[-1][1]:
            runs[-1][1] += 1
        else:
            runs.append([seq, 1])
        if decision != _RELEASE:
            edits = [(edit.start, edit.end, edit.text) for edit in decision.edits]
            decisions[str(seq)] = [decision.action, decision.rules, decision.error, decision.notice, edits]
    return orjson.dumps(
        {
            "epoch": memo.epoch,
            "runs": runs,
            "decisions": decisions,
            "kept": [tuple(each) for each in memo.kept],
            "over": memo.over,
            "done": memo.done,
            "bounced": memo.bounced,
            "at_s": memo.at_s,
            "heard": memo.heard,
        }
    )


def parse_memo(note: bytes) -> Memo:
    """Parse a memo; raises ValueError, KeyError or TypeError if it is not one."""
    value = orjson.loads(note)
    decisions = {int(seq): _parse_decision(*decision) for seq, decision in value["decisions"].items()}
    seqs = [seq for first, count in value["runs"] for seq in range(first, first + count)]
    kept = tuple(KeptStanza(*fields) for fields in value.get("kept", ()))
    answers = [(seq, decisions.get(seq, _RELEASE)) for seq in seqs]
    return Memo(
        value["epoch"],
        answers,
        kept,
        tuple(value.get("over", ())),
        value.get("done", -1),
        tuple(value.get("bounced", ())),
        value.get("at_s", 0),
        value.get("heard", -1),
    )


def last_seq_of(memo: Memo) -> int:
    """Return the highest number that a memo is about."""
    return memo.answers[-1][0] if memo.answers else memo.done


def restore_amended(decision: Decision, stanza: bytes) -> Decision:
    """Return a memo's decision with the amended stanza, made again from the stanza that the adapter submits again.

    A memo has only the ranges that were taken out. If the amended stanza cannot be made again, the decision is to
    refuse (`internal-server-error`).
    """
    if not decision.edits:
        return decision
    try:
        return replace(decision, amended=apply_edits(stanza, decision.edits))
    except AmendError:
        return Decision(Action.REFUSE, decision.rules, _NOT_RESTORED)


def _parse_decision(
    action: str,
    rules: list[str],
    error: dict[str, str] | None,
    notice: str = "",
    edits: Sequence[Sequence[Any]] = (),
) -> Decision:
    return Decision(
        Action(action),
        tuple(rules),
        None if error is None else StanzaError(**error),
        notice=notice,
        edits=tuple(Edit(*edit) for edit in edits),
    )


class MemoSource(Protocol):
    """Reads the memos that the gate's log keeps (`LogWriter`, from where it writes)."""

    async def fetch_memos(self, limit: int, before: int) -> list[MemoRow]:
        """Return the newest `limit` memos of batches before this index, the newest first; raises LogUnavailable."""


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """The recorded decision on a submission, and the index of its record."""

    decision: Decision
    index: int


@dataclass(frozen=True, slots=True)
class KeptMemo:
    """A memo in the log: it is for the batch from record `first` on, whose highest number is `last_seq`.

    `at_s` is when it was written, in Unix time, `count` how many submissions it is about.
    """

    first: int
    last_seq: int
    at_s: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """The submissions of an epoch that the log holds, by sequence number, from the first one that may come again.

    `memos` are the memos that say so, in the log's order.
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


async def fetch_recorded(source: MemoSource, seal: MemoSeal, epoch: str, from_seq: int) -> Recorded:
    """Return the submissions of this epoch from `from_seq` on, read from the newest memo backwards.

    Submissions of an epoch are recorded in the order of their numbers, so an older one ends the search.
    Raises LogUnavailable, and LogDamaged for what is no memo.
    """
    answers: dict[int, RecordedAnswer] = {}
    memos: list[KeptMemo] = []
    before = 2**62
    while rows := await source.fetch_memos(_CHUNK_MEMOS, before):
        for row in rows:
            memo = _parse_row(row, seal)
            if memo is None or memo.epoch != epoch or (memo.answers and memo.answers[-1][0] < from_seq):
                return Recorded(epoch, answers, tuple(memos[::-1]))
            memos.append(KeptMemo(row.first, last_seq_of(memo), memo.at_s, len(memo.answers)))
            for index, (seq, decision) in enumerate(memo.answers, row.first):
                if seq >= from_seq:
                    answers[seq] = RecordedAnswer(decision, index)
        before = rows[-1].first
    return Recorded(epoch, answers, tuple(memos[::-1]))


async def fetch_all_memos(source: MemoSource, seal: MemoSeal) -> list[tuple[int, Memo]]:
    """Return all memos that the log keeps, and the indexes of their first records, the oldest first.

    Those before one that another key has sealed are not read. Raises LogUnavailable, and LogDamaged for what is no
    memo.
    """
    memos: list[tuple[int, Memo]] = []
    before = 2**62
    while rows := await source.fetch_memos(_CHUNK_MEMOS, before):
        for row in rows:
            if (memo := _parse_row(row, seal)) is None:
                return memos[::-1]
            memos.append((row.first, memo))
        before = rows[-1].first
    return memos[::-1]


def _parse_row(row: MemoRow, seal: MemoSeal) -> Memo | None:
    """Return a memo, or None if another key has sealed it: nobody knows then what it says."""
    try:
        return parse_memo(seal.open(row.note))
    except OtherKeyError:
        log.error("a memo is sealed with another conversation key, and is not read", record=row.first)
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LogDamaged(f"the memo of record {row.first} is malformed") from error
