"""What becomes of one submission: policy's decision, carried through to the bytes that go on."""

import structlog

from components.archive.record import RecordKind, Submission, encode_submission
from components.gate.review.queue import ReviewQueue
from components.link.codec import Held
from components.rules.topic_models import load_model
from policy.content.memory import RuleMemory
from policy.content.policy import ContentPolicy
from policy.decide import decide
from policy.decision import Action, Decision, refuse, release
from policy.facts import Way
from policy.reach.affiliation import OUT_OF_REACH
from policy.reach.occupancy import NOBODY, observe
from policy.rules import Rules

_UNDECIDABLE = refuse(
    "undecidable",
    "cancel",
    "internal-server-error",
    "This line is recorded, and this could not be checked, so it was not sent. Please tell your support desk.",
)

# The adapter knew other borders than these: rules have changed since.
_STOPPED = refuse("border", "cancel", "not-allowed", OUT_OF_REACH)

log = structlog.get_logger("gate")


class Past:
    """Remembers since the gate was started; what the adapter submits again is not counted twice."""

    def __init__(self) -> None:
        self._memory = RuleMemory(load_model)
        self._epoch = ""
        self._counted_seq = -1

    def observe(self, content: ContentPolicy | None, held: Held, at_ns: int) -> frozenset[str]:
        """Take in a submission, and return the ids of the rules that it matches by what was said before."""
        if held.epoch != self._epoch:
            self._epoch, self._counted_seq = held.epoch, -1
        is_counted = held.seq <= self._counted_seq
        self._counted_seq = max(self._counted_seq, held.seq)
        return self._memory.observe(content, held.facts, at_ns, is_counted=is_counted)


class Decider:
    """Decides on submissions in their order, and knows who is in chaperoned rooms as far as they tell."""

    def __init__(self, review: ReviewQueue) -> None:
        self._review = review
        self._past = Past()
        self._present = NOBODY
        self._epoch = ""

    def decide(self, rules: Rules, held: Held, received_at_ns: int) -> Decision:
        """Decide on a submission; an amended stanza is complete, and decided on once more.

        What policy stumbles over is refused (`internal-server-error`): it must not stop the line, nor pass.
        """
        way = held.facts.way
        if held.epoch != self._epoch:
            # Another life of the server: its rooms are empty.
            self._present, self._epoch = NOBODY, held.epoch
        try:
            decision = self._decide(rules, held, received_at_ns)
            self._present = observe(self._present, rules.directory, held.facts)
        except Exception as err:
            log.error("undecidable", error=type(err).__name__, seq=held.seq, session=held.session)
            decision = _UNDECIDABLE
        if held.stopped:
            return decision if decision.action is Action.REFUSE else _STOPPED
        if way is Way.SERVER and decision.action is not Action.RELEASE:
            # The server has sent it already: the record keeps which rules it breaks.
            return release(*decision.rules)
        return decision

    def _decide(self, rules: Rules, held: Held, received_at_ns: int) -> Decision:
        if held.facts.way is Way.GATE:
            return self._review.judge(held, lambda facts: decide(rules.directory, facts, None, self._present))
        remembered = self._past.observe(rules.content, held, received_at_ns)
        decision = decide(rules.directory, held.facts, rules.content, self._present, remembered)
        if decision.strip and rules.content is not None:
            from policy.content.carry import take_links_out  # who has no rules does without its libraries

            decision = take_links_out(rules.content, held.facts, held.body, decision)
        return decision


def encode_decided(
    held: Held, decision: Decision, policy: str, received_at_ns: int
) -> tuple[RecordKind, bytes]:
    """Encode the record of a submission and of what was decided by the rules of this name."""
    way = held.facts.way
    kind = RecordKind.SESSION if way is Way.SESSION else RecordKind.STANZA
    submission = Submission(
        kind,
        held.epoch,
        held.seq,
        way,
        held.session,
        received_at_ns,
        decision.action,
        decision.rules,
        decision.error,
        held.body,
        policy,
        decision.amended,
    )
    return kind, encode_submission(submission)
