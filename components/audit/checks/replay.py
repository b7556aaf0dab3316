"""Shows what a proposed policy would change: decides on recorded stanzas again, by that policy."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from components.archive.log.leaf import NOT_SEALED
from components.archive.reader import StoredRecord
from components.archive.record import Access, RecordKind, Submission, parse_record
from components.audit.access import record_access
from components.audit.auditor import Auditor, Role, name_of
from components.audit.open_log import open_log
from components.audit.owner import check_parties
from components.audit.query.parser import parse_query
from components.audit.query.tree import Moment
from components.link.recorded import RecordedReader
from components.process.errors import SiteError
from components.process.progress import Progress
from components.rules.load import RulesError, load_content
from components.rules.topic_models import load_model
from components.settings.site import SiteFile
from policy.content.memory import RuleMemory
from policy.content.parse import RESERVED, PolicyError
from policy.content.policy import ContentPolicy
from policy.decide import add_content
from policy.decision import Action, Decision, release
from policy.facts import StanzaFacts, Way
from policy.observed import split_mark
from policy.topic.model import ModelError

_RECORDS_PER_FETCH = 250
_DECIDED_WAYS = frozenset({Way.C2S, Way.S2S, Way.COMPONENT})
FLAGGED = "flag"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The actual or the new outcome of a stanza: a verdict, or `flag` for one that was released and names a rule."""

    verdict: str
    rules: tuple[str, ...]


@dataclass(slots=True)
class RuleCount:
    """How often a rule matches: records that it still matches, newly matches, and no longer matches."""

    action: str
    as_before: int = 0
    newly: int = 0
    no_longer: int = 0


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """A record on which the proposed policy decides differently; times are Unix times."""

    id: str
    at_ns: int
    sender: str
    to: str
    was: Ruling
    would_be: Ruling


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """The part of the log to decide on: records received from `since_ns` on and before `until_ns`."""

    since_ns: int
    until_ns: int

    def has(self, at_ns: int) -> bool:
        """Return whether a time is in it."""
        return self.since_ns <= at_ns < self.until_ns


@dataclass(slots=True)
class Replay:
    """The result of a replay so far; `changes` are the newest of `changed`, `verdicts` counts old and new verdicts."""

    digest: str
    log_size: int = 0
    access_id: str = ""
    decided: int = 0
    unreadable: int = 0
    changed: int = 0
    changes: list[ChangedRecord] = field(default_factory=list)
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: dict[str, RuleCount] = field(default_factory=dict)


async def replay(
    settings: SiteFile,
    policy_file: Path,
    span: TimeSpan,
    limit: int,
    progress: Progress,
    auditor: Auditor | None = None,
) -> Replay:
    """Decide again, by the rules of a policy.toml, on the gate's log, and record only this look.

    It does not check again who may reach whom: what Steelyard's own rules refused stays refused. All records count for
    rates; what is told is of those that the auditor may see. Raises SiteError and LogError.
    """
    if auditor is not None:
        auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    content = _load(policy_file, settings.own_links)
    found = Replay(content.digest, rules={rule.id: RuleCount(rule.action) for rule in content.rules})
    decider = _Decider(content, settings.gate_log.name, limit, check_parties(settings, auditor))
    async with open_log(settings, settings.gate_log) as log:
        found.log_size = await log.reader.size()
        for first in range(0, found.log_size, _RECORDS_PER_FETCH):
            count = min(_RECORDS_PER_FETCH, found.log_size - first)
            for stored in _said(await log.reader.fetch(first, count), span):
                opened = await log.open(stored)
                decider.take(found, opened.index, opened.payload, span)
            progress(first + count, found.log_size)
    query = f"policy {content.digest}, from {span.since_ns} to {span.until_ns}"
    access = Access(name_of(auditor), "replay", query, time.time_ns(), found.log_size, found.changed)
    found.access_id = await record_access(settings, access)
    return found


def parse_time_span(since: str | None, until: str | None, now_ns: int) -> TimeSpan:
    """Parse two times in the form of `audit search` (`2h`, `2026-11-23`); raises QueryError and SiteError."""
    return TimeSpan(
        _parse_moment("after", since, now_ns) if since else 0,
        _parse_moment("before", until, now_ns) if until else 2**63 - 1,
    )


def _parse_moment(name: str, text: str, now_ns: int) -> int:
    node = parse_query(f"{name}:{text}", now_ns)
    if not isinstance(node, Moment):
        raise SiteError(f"{text!r} is no time: give a date (2026-11-23) or how long ago (2h)")
    return node.at_ns


def _load(policy_file: Path, own_links: str) -> ContentPolicy:
    try:
        return load_content(policy_file, own_links)
    except (PolicyError, RulesError) as error:
        count = len(error.problems)
        raise SiteError(
            f"{policy_file} is not usable ({count} problem{'s' * (count > 1)}): run `steelyard policy check` on it"
        ) from None


def _said(records: list[StoredRecord], span: TimeSpan) -> Iterator[StoredRecord]:
    """Yield the stanzas of the span, without other records and destroyed ones."""
    for stored in records:
        leaf = stored.leaf
        if leaf.kind == RecordKind.STANZA and leaf.segment != NOT_SEALED and leaf.time_ns >= span.since_ns:
            yield stored


class _Decider:
    """Decides on record after record, in the log's order, as the gate would."""

    def __init__(
        self, content: ContentPolicy, log_name: str, limit: int, may_see: Callable[[str, str], bool]
    ) -> None:
        self._content = content
        self._log_name = log_name
        self._limit = limit
        self._may_see = may_see
        self._reader = RecordedReader()
        self._memory = RuleMemory(load_model, flags_topics=True)

    def take(self, found: Replay, index: int, payload: bytes | None, span: TimeSpan) -> None:
        """Take the record of a stanza; only count one that was destroyed or cannot be read."""
        try:
            submission = parse_record(RecordKind.STANZA, payload or b"")
            if not isinstance(submission, Submission) or submission.way not in _DECIDED_WAYS:
                return
            if not span.has(submission.received_at_ns):
                return
            facts = self._reader.read(submission.way, submission.body)
            decision = self._decide(submission, facts)
        except SiteError:
            raise
        except (
            Exception
        ):  # also a mistake of ours that this stanza brings out: one record, not the whole replay
            found.unreadable += 1
            return
        # Also how many there are is told of one's own alone: by a rule with a word, each count would be a search.
        if not self._may_see(facts.sender, facts.to):
            return
        found.decided += 1
        was = _ruling(*split_mark(submission.action, submission.rules))
        would_be = _ruling(decision.action, decision.rules)
        found.verdicts[was.verdict, would_be.verdict] += 1
        _count_rules(found, was, would_be)
        if was.verdict != would_be.verdict or set(was.rules) != set(would_be.rules):
            found.changed += 1
            at_ns, id_ = submission.received_at_ns, f"{self._log_name}/{index}"
            found.changes.append(ChangedRecord(id_, at_ns, facts.sender, facts.to, was, would_be))
            del found.changes[: -self._limit]

    def _decide(self, submission: Submission, facts: StanzaFacts) -> Decision:
        said, rules = split_mark(submission.action, submission.rules)
        own = tuple(rule for rule in rules if rule in RESERVED)
        # Refused, with an error, or a join that waits for its sender to acknowledge the notice.
        is_refused = submission.error or (said != submission.action and said == Action.REFUSE)
        first = (
            Decision(Action.REFUSE if is_refused else Action.HOLD, own, submission.error)
            if own
            else release()
        )
        try:
            remembered = self._memory.observe(self._content, facts, submission.received_at_ns)
        except ModelError as error:
            raise SiteError(str(error)) from None
        return add_content(first, self._content, facts, remembered)


def _ruling(action: str, rules: tuple[str, ...]) -> Ruling:
    return Ruling(FLAGGED if action == Action.RELEASE and rules else str(action), rules)


def _count_rules(found: Replay, was: Ruling, would_be: Ruling) -> None:
    before, after = set(was.rules) - RESERVED, set(would_be.rules) - RESERVED
    for rule in before | after:
        count = found.rules.setdefault(rule, RuleCount(""))
        count.as_before += rule in before and rule in after
        count.newly += rule not in before
        count.no_longer += rule not in after
