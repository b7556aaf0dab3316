"""The one entry point: what becomes of a stanza."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from policy.content.payload import decide_payload
from policy.decision import Action, Decision
from policy.directory.directory import Directory
from policy.facts import StanzaFacts
from policy.reach.affiliation import ALLOWED, JOIN_WAITS, NOTICE_UNACKNOWLEDGED, decide_affiliation
from policy.reach.occupancy import NOBODY, Occupancy

if TYPE_CHECKING:
    from policy.content.policy import ContentPolicy


def decide(
    directory: Directory,
    facts: StanzaFacts,
    content: "ContentPolicy | None" = None,
    present: Occupancy = NOBODY,
    remembered: frozenset[str] = frozenset(),
) -> Decision:
    """Decide what becomes of a stanza: who may reach whom first, then what may be said (docs/policy.md).

    Pure, and fast enough for every stanza on the line: the decisions are shared constants, made once, except
    where a rule of `content` matches. Its rules are applied to refused stanzas, too: to name what was tried.
    `present` says which chaperones are in their rooms, `remembered` are the ids of those that match because of what was
    said before (RuleMemory.observe).
    """
    decision = decide_affiliation(directory, facts, present)
    if decision is ALLOWED or decision is JOIN_WAITS:
        payload = decide_payload(facts)
        decision = decision if payload.action is Action.RELEASE else payload
    return decision if content is None else add_content(decision, content, facts, remembered)


def add_content(
    first: Decision, content: "ContentPolicy", facts: StanzaFacts, remembered: frozenset[str] = frozenset()
) -> Decision:
    """Return the decision by reach and content; a refusal stays as it is, with the ids of the rules that match.

    So does a join that waits, which content rules are not asked about again: of one that they would change, or keep
    back, its sender learns at once.
    """
    second = _load_content_rules()(content, facts, remembered)
    if not second.rules:
        return first
    if first.action is Action.RELEASE or (first.action is Action.HOLD and second.action is Action.REFUSE):
        return second
    if first.action is Action.HOLD and second.action is not Action.RELEASE:
        first = NOTICE_UNACKNOWLEDGED
    return replace(first, rules=first.rules + second.rules)


@cache
def _load_content_rules() -> "Callable[[ContentPolicy, StanzaFacts, frozenset[str]], Decision]":
    """Return `decide_content`: who has no rules does without its libraries."""
    from policy.content.decide import decide_content

    return decide_content
