"""What the gate must know again after a crash: which submissions a batch recorded, and how they were answered.

The records themselves are sealed, also from the gate; a memo has numbers and answers, and nothing of what was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from policy.decision import Action, Decision, StanzaError, release

_RELEASE = release()


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
            decisions[str(seq)] = [decision.action, decision.rules, decision.error]
    return orjson.dumps({"epoch": memo.epoch, "runs": runs, "decisions": decisions})


def parse_memo(note: bytes) -> Memo:
    """Parse a memo; raises ValueError, KeyError or TypeError for what is none."""
    value = orjson.loads(note)
    decisions = {int(seq): _parse_decision(*decision) for seq, decision in value["decisions"].items()}
    seqs = [seq for first, count in value["runs"] for seq in range(first, first + count)]
    return Memo(value["epoch"], [(seq, decisions.get(seq, _RELEASE)) for seq in seqs])


def _parse_decision(action: str, rules: list[str], error: dict[str, str] | None) -> Decision:
    return Decision(Action(action), tuple(rules), None if error is None else StanzaError(**error))
