"""Decides on one submission by policy, and makes the bytes to record."""

from dataclasses import dataclass

import structlog

from components.archive.alarm_name import AlarmName
from components.archive.conversation import ConversationHash
from components.archive.record import RecordKind, Submission, encode_submission
from components.archive.writer import Entry
from components.gate.aftermath import Aftermath
from components.gate.readers import Readers
from components.gate.review.claims import Claims
from components.gate.review.queue import ReviewQueue
from components.gate.submission import Decided
from components.link.codec import Held
from components.link.limits import FORWARDED_MAX_BYTES
from components.link.said import QUARANTINED
from components.rules.inside_files import InsideFiles
from components.rules.sent_files import SentFiles
from components.rules.topic_models import load_model
from policy.content.memory import RuleMemory
from policy.decide import decide, decide_again
from policy.decision import Action, Decision, refuse, release
from policy.facts import StanzaFacts, Way
from policy.observe import is_observed, observe_only
from policy.reach.affiliation import OUT_OF_REACH
from policy.reach.occupancy import NOBODY, Occupancy, observe
from policy.retention import RecordedKind, RetentionPolicy, assign_class
from policy.rules import Rules

_UNDECIDABLE = refuse(
    "undecidable",
    "cancel",
    "internal-server-error",
    "This line is recorded, and this could not be checked, so it was not sent. Please tell your support desk.",
)

# It is recorded as the adapter wrote it, and no code parses it again.
_QUARANTINED = refuse(
    "quarantined",
    "cancel",
    "internal-server-error",
    "This line is recorded, and this could not be read there, so it was not sent. Please tell your support desk.",
)

BLIND_RULES = {_UNDECIDABLE.rules: AlarmName.UNDECIDABLE, _QUARANTINED.rules: AlarmName.QUARANTINED}
"""What was refused because it could not be looked at, and the alarm for it."""

# Decided before the record: a stanza that cannot be carried out must not be recorded as released.
_TOO_LARGE = refuse(
    "too-large",
    "modify",
    "policy-violation",
    "This is too large for the rules of this line, so it was not sent. Please send it in smaller parts.",
)

# The adapter had other borders than these, because the rules have changed since.
_STOPPED = refuse("border", "cancel", "not-allowed", OUT_OF_REACH)

log = structlog.get_logger("gate")


class Filing:
    """Where a record of a submission belongs: its retention class, and the hash of who talks to whom."""

    def __init__(self, retention: RetentionPolicy, conversation_key: bytes) -> None:
        self._retention = retention
        self._conversations = ConversationHash(conversation_key)

    def file(self, kind: RecordKind, payload: bytes, facts: StanzaFacts) -> Entry:
        """Return the entry for the log."""
        recorded_kind = RecordedKind.SESSION if facts.way in (Way.SESSION, Way.CANARY) else facts.kind
        retention_class = assign_class(self._retention, recorded_kind)
        return Entry(kind, payload, retention_class, self._conversations.hash(facts))


@dataclass(slots=True)
class _Epoch:
    """What was seen in one epoch of the server; in the next one, rooms are empty and numbers begin again."""

    name: str
    # Who is in chaperoned rooms, as far as submissions tell.
    present: Occupancy = NOBODY
    # Repeated submissions, up to this number, are not counted twice.
    counted_seq: int = -1


@dataclass(slots=True)
class StanzaFiles:
    """Decides on the files that stanzas bring: on `links` to files of the site, if it takes any, and `inside` stanzas.

    `readers` is told of each decision, where it matters to whom files were sent.
    """

    links: SentFiles | None = None
    inside: InsideFiles | None = None
    readers: Readers | None = None

    def decide(self, decision: Decision, rules: Rules, held: Held, present: Occupancy) -> Decision:
        """Return the decision on a submission, also by its files."""
        if self.links:
            decision = self.links.decide(decision, rules, held.facts, present)
        if self.inside:
            decision = self.inside.decide(decision, rules, held.facts, held.body)
        return decision

    def decide_again(
        self, decision: Decision, rules: Rules, facts: StanzaFacts, present: Occupancy
    ) -> Decision:
        """Return the decision on what a person has read and released, also by its links."""
        return self.links.decide_again(decision, rules, facts, present) if self.links else decision

    def heard(self, held: Held, decision: Decision) -> None:
        """Take note of a decision that is about to be recorded."""
        if self.readers:
            self.readers.heard(held, decision)


class Decider:
    """Decides on submissions, in their order, and encodes their records.

    `files` decides on the files that stanzas bring. If it `observes`, what policy says is recorded and not done.
    A crash loses everything that it remembers: then rates and topics begin again, and nobody counts as present.
    """

    def __init__(
        self,
        rules: Rules,
        review: ReviewQueue,
        filing: Filing,
        aftermath: Aftermath,
        files: StanzaFiles | None = None,
        *,
        observes: bool = False,
    ) -> None:
        self._rules = rules
        self.observes = observes
        self._files = files or StanzaFiles()
        self._aftermath = aftermath
        self._review = review
        self._filing = filing
        # Earlier messages, for rules that look at more than one stanza: rates, and topics of conversations.
        self._memory = RuleMemory(load_model)
        self._epoch = _Epoch("")

    @property
    def rules(self) -> Rules:
        """The rules that it decides by."""
        return self._rules

    def use(self, rules: Rules) -> None:
        """Decide by these rules from now on."""
        self._rules = rules

    def decide(self, held: Held, claims: Claims, received_at_ns: int) -> Decided:
        """Decide on a submission; make the amended stanza, if there is one, and decide on it again.

        If any of this fails on a stanza, it is refused (`internal-server-error`): it must neither stop the line nor
        pass.
        """
        decision = self._decide(held, claims, received_at_ns)
        try:
            return self._file(held, held.facts, decision, received_at_ns)
        except Exception as err:
            _log_undecidable(held, type(err).__name__)
            facts = StanzaFacts(held.facts.way, held.facts.kind, "", "", "")
            return self._file(held, facts, _as_it_went(held, _UNDECIDABLE), received_at_ns)

    def _file(self, held: Held, facts: StanzaFacts, decision: Decision, received_at_ns: int) -> Decided:
        kind, payload = _encode(held, decision, self._rules.name, received_at_ns)
        decided = Decided(held, decision, self._filing.file(kind, payload, facts))
        self._files.heard(held, decision)
        return decided

    def _decide(self, held: Held, claims: Claims, received_at_ns: int) -> Decision:
        epoch = self._epoch
        if held.epoch != epoch.name:
            epoch = self._epoch = _Epoch(held.epoch)
        try:
            self._aftermath.heard(held)
            if held.problem:
                decision = _refuse_unread(held)
            else:
                decision = self._ask_policy(held, claims, received_at_ns)
                epoch.present = observe(epoch.present, self._rules.directory, held.facts)
        except Exception as err:
            _log_undecidable(held, type(err).__name__)
            decision = _UNDECIDABLE
        if _forwarded_bytes(held, decision) > FORWARDED_MAX_BYTES:
            decision = _TOO_LARGE
        return _as_it_went(held, decision)

    def _ask_policy(self, held: Held, claims: Claims, received_at_ns: int) -> Decision:
        if (said_before := self._aftermath.recognise(held)) is not None:
            return said_before
        rules, epoch = self._rules, self._epoch
        if held.facts.way is Way.GATE:
            return self._review.judge(claims, held, self._decide_again)
        is_counted = held.seq <= epoch.counted_seq
        epoch.counted_seq = max(epoch.counted_seq, held.seq)
        remembered = self._memory.observe(rules.content, held.facts, received_at_ns, is_counted=is_counted)
        decision = decide(rules.directory, held.facts, rules.content, epoch.present, remembered)
        decision = self._files.decide(decision, rules, held, epoch.present)
        if self.observes and is_observed(rules.directory, held.facts):
            return observe_only(decision)
        if decision.strip and rules.content is not None:
            # A site without such rules does not need these libraries.
            from policy.content.carry import take_links_out

            decision = take_links_out(rules.content, held.facts, held.body, decision)
        return decision

    def _decide_again(self, facts: StanzaFacts) -> Decision:
        """Decide on what a person has read and released: may it still go there, and its files with it?"""
        rules, present = self._rules, self._epoch.present
        decision = decide_again(rules.directory, facts, present)
        return self._files.decide_again(decision, rules, facts, present)


def _refuse_unread(held: Held) -> Decision:
    """Refuse what could not be read."""
    if held.problem == QUARANTINED:
        log.error("quarantined", seq=held.seq, session=held.session, way=held.facts.way.value)
        return _QUARANTINED
    _log_undecidable(held, held.problem)
    return _UNDECIDABLE


def _log_undecidable(held: Held, error: str) -> None:
    log.error("undecidable", error=error, seq=held.seq, session=held.session)


def _as_it_went(held: Held, decision: Decision) -> Decision:
    """Return the decision on a stanza that a border stopped, or that the server itself has already sent."""
    if held.stopped:
        return decision if decision.action is Action.REFUSE else _STOPPED
    if held.facts.way is Way.SERVER and decision.action is not Action.RELEASE:
        # The server has sent it already, so the record only names the rules that it breaks.
        return release(*decision.rules)
    return decision


def _forwarded_bytes(held: Held, decision: Decision) -> int:
    """Return the size of the stanza that the gate itself forwards, now or after a review; 0 if it forwards none."""
    kept = held.body if decision.action is Action.HOLD else b""
    return len(decision.amended or kept)


def _encode(held: Held, decision: Decision, rules_name: str, received_at_ns: int) -> tuple[RecordKind, bytes]:
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
        rules_name,
        decision.amended,
    )
    return kind, encode_submission(submission)
