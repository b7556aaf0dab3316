"""The one entry point: what becomes of a stanza."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from policy.content.payload import decide_payload
from policy.decision import Action, Decision
from policy.directory.directory import Directory
from policy.facts import StanzaFacts
from policy.reach.affiliation import ALLOWED, decide_affiliation
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
    if decision is ALLOWED:
        decision = decide_payload(facts)
    return decision if content is None else add_content(decision, content, facts, remembered)


def add_content(
    first: Decision, content: "ContentPolicy", facts: StanzaFacts, remembered: frozenset[str] = frozenset()
) -> Decision:
    """Return the decision by reach and content; a refusal stays as it is, with the ids of the rules that match."""
    second = _load_content_rules()(content, facts, remembered)
    if not second.rules:
        return first
    return replace(first, rules=first.rules + second.rules) if first.action is Action.REFUSE else second


@cache
def _load_content_rules() -> "Callable[[ContentPolicy, StanzaFacts, frozenset[str]], Decision]":
    """Return `decide_content`: who has no rules does without its libraries."""
    from policy.content.decide import decide_content

    return decide_content
