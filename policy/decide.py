"""The only entry point: decides on a stanza."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from policy.content.forged import decide_forged
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
    """Decide on a stanza: first by who may reach whom, then by content (docs/policy.md).

    Pure, and fast enough for every stanza on the line: the decisions are shared constants, made once, except where a
    rule of `content` matches. Its rules also apply to refused stanzas, to name what the sender tried. `present` says
    which chaperones are in their rooms, `remembered` are the ids of those that match because of what was said before
    (RuleMemory.observe).
    """
    decision = decide_again(directory, facts, present)
    if decision.action is not Action.REFUSE:
        decision = decide_forged(directory, facts) or decision
    return decision if content is None else add_content(decision, content, facts, remembered)


def decide_again(directory: Directory, facts: StanzaFacts, present: Occupancy = NOBODY) -> Decision:
    """Decide on what a person has read and released: may it still go there?

    The gate's own `<delay/>` stands in it (XEP-0203), so nobody asks who said that.
    """
    decision = decide_affiliation(directory, facts, present)
    if decision is ALLOWED or decision is JOIN_WAITS:
        payload = decide_payload(facts, has_upload=directory.transfer is not None)
        decision = decision if payload.action is Action.RELEASE else payload
    return decision


def add_content(
    first: Decision, content: "ContentPolicy", facts: StanzaFacts, remembered: frozenset[str] = frozenset()
) -> Decision:
    """Return the decision by reach and content; a refusal stays as it is, with the ids of the rules that match.

    A join that waits also stays as it is. Content rules do not decide on it again: if they would change or hold it,
    its sender learns this at once.
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
    """Return `decide_content`; a site without rules does not need its libraries."""
    from policy.content.decide import decide_content

    return decide_content
