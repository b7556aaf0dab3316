"""What the gate must know again after a crash: which submissions a batch recorded, and how they were answered.

The records themselves are sealed, also from the gate; a memo has numbers and answers, and nothing of what was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from policy.content.amend import AmendError, apply_edits
from policy.decision import Action, Decision, Edit, StanzaError, release

_RELEASE = release()
_NOT_RESTORED = StanzaError(
    "wait",
    "internal-server-error",
    "This line is recorded, and this could not be sent. Please send it again.",
)


@dataclass(frozen=True, slots=True)
class Memo:
    """A batch's submissions of one epoch, in the order of their records: number and decision."""

    epoch: str
    answers: Sequence[tuple[int, Decision]]


def encode_memo(memo: Memo) -> bytes:
    """Encode as JSON: runs of consecutive numbers, and each decision that is not just to release."""
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
    return orjson.dumps({"epoch": memo.epoch, "runs": runs, "decisions": decisions})


def parse_memo(note: bytes) -> Memo:
    """Parse a memo; raises ValueError, KeyError or TypeError for what is none."""
    value = orjson.loads(note)
    decisions = {int(seq): _parse_decision(*decision) for seq, decision in value["decisions"].items()}
    seqs = [seq for first, count in value["runs"] for seq in range(first, first + count)]
    return Memo(value["epoch"], [(seq, decisions.get(seq, _RELEASE)) for seq in seqs])


def restore_amended(decision: Decision, stanza: bytes) -> Decision:
    """Give a decision from a memo the stanza that is sent instead, from the one that is submitted again.

    A memo has only where something is taken out. What cannot be restored is refused (`internal-server-error`).
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
    edits: Sequence[tuple[int, int, str]] = (),
) -> Decision:
    return Decision(
        Action(action),
        tuple(rules),
        None if error is None else StanzaError(**error),
        notice=notice,
        edits=tuple(Edit(*edit) for edit in edits),
    )
