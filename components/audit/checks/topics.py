"""Finds topics that only flag, after delivery: makes marks in the index, which a search finds as `rule:ID`."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from components.archive.opener import OpenedRecord
from components.archive.record import Access, RecordKind, Submission, parse_record
from components.audit.access import name_actor, record_access
from components.audit.indexed import open_site_index
from components.audit.open_log import open_log
from components.link.codec import ProtocolError
from components.link.recorded import RecordedReader
from components.process.errors import SiteError
from components.process.progress import Progress
from components.rules.load import RulesError, load_content, load_sources
from components.rules.topic_models import load_model
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from policy.content.memory import RuleMemory
from policy.content.parse import PolicyError
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Topics
from policy.facts import StanzaFacts
from policy.topic.model import ModelError

_RECORDS_PER_FETCH = 250
# Conversations continue over runs: this many entries before the starting point are read again.
_READ_AGAIN = 500


@dataclass(frozen=True, slots=True)
class TopicsMarked:
    """The new marks: `marks` by each rule, in `read` entries of a log of `log_size`; `access_id` is this look."""

    rules: tuple[str, ...]
    read: int
    marks: dict[str, int]
    log_size: int
    access_id: str


async def mark_topics(settings: SiteFile, progress: Progress) -> TopicsMarked:
    """Mark the records since the last run; mark everything if the rules have changed since then.

    A crash leaves whole steps, and the next call continues from there. Raises SiteError and LogError.
    """
    content = _load_rules(settings)
    found: Counter[str] = Counter()
    async with open_log(settings, settings.gate_log) as log:
        with open_site_index(settings) as index:
            await index.catch_up(log)
            size = await log.reader.size()
            begin = index.topics_marked(content.digest)
            teller = _Teller(content)
            for first in range(max(0, begin - _READ_AGAIN), size, _RECORDS_PER_FETCH):
                end = min(first + _RECORDS_PER_FETCH, size)
                records = await log.fetch(first, end - first)
                marks = [mark for mark in teller.tell(records) if mark[1] >= begin]
                index.mark_topics(content.digest, marks, max(begin, end))
                found.update(rule for rule, _ in marks)
                progress(end, size)
    rules = tuple(rule.id for rule in content.rules)
    access = Access(name_actor(), "topics", ", ".join(rules), time.time_ns(), size, found.total())
    access_id = await record_access(settings, access)
    return TopicsMarked(rules, max(0, size - begin), {rule: found[rule] for rule in rules}, size, access_id)


def _load_rules(settings: SiteFile) -> ContentPolicy:
    """Load the topic rules that flag; the indexer does not use the others."""
    try:
        policy = load_sources(settings).policy
        if policy is None:
            raise SiteError(f"{settings.path} names no policy: set gate.policy (docs/policy.md)")
        content = load_content(policy)
    except (SettingsError, RulesError, PolicyError) as error:
        raise SiteError(f"the rules of {settings.path} cannot be used: {error.problems[0]}") from None
    flags = [rule for rule in content.rules if rule.action is ContentAction.FLAG]
    topics = tuple(rule for rule in flags if isinstance(rule.matched, Topics))
    if not topics:
        raise SiteError(f"{policy} has no rule of the kind topic with the action flag (docs/topic.md)")
    return ContentPolicy(topics)


class _Teller:
    """Finds the topics of record after record, in the log's order."""

    def __init__(self, content: ContentPolicy) -> None:
        self._content = content
        self._memory = RuleMemory(load_model, flags_topics=True)
        self._reader = RecordedReader()

    def tell(self, records: list[OpenedRecord]) -> Iterator[tuple[str, int]]:
        """Yield a rule and an index for each record about the rule's topics; unreadable records have no topic."""
        for record in records:
            if record.leaf.kind == RecordKind.STANZA and record.payload is not None:
                facts, at_ns = self._read(record.payload)
                for rule in sorted(self._observe(facts, at_ns)) if facts else ():
                    yield rule, record.index

    def _read(self, payload: bytes) -> tuple[StanzaFacts | None, int]:
        try:
            submission = parse_record(RecordKind.STANZA, payload)
            if isinstance(submission, Submission):
                return self._reader.read(submission.way, submission.body), submission.received_at_ns
        except (ValueError, ProtocolError):
            pass
        return None, 0

    def _observe(self, facts: StanzaFacts, at_ns: int) -> frozenset[str]:
        try:
            return self._memory.observe(self._content, facts, at_ns)
        except ModelError as error:
            raise SiteError(str(error)) from None
        except Exception:  # a mistake of ours that this stanza brings out: the index counts it as unread
            return frozenset()
