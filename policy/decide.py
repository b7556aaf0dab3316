"""The one entry point: what becomes of a stanza."""

from dataclasses import replace

from policy.affiliation import ALLOWED, decide_affiliation
from policy.content.decide import UNOBJECTIONABLE, decide_content
from policy.content.policy import ContentPolicy
from policy.decision import Action, Decision
from policy.directory import Directory
from policy.facts import StanzaFacts
from policy.payload import decide_payload


def decide(directory: Directory, facts: StanzaFacts, content: ContentPolicy | None = None) -> Decision:
    """Decide what becomes of a stanza: who may reach whom first, then what may be said (docs/policy.md).

    Pure, and fast enough for every stanza on the line: the decisions are shared constants, made once, except
    where a rule of `content` matches. Its rules are applied to refused stanzas, too: to name what was tried.
    """
    decision = decide_affiliation(directory, facts)
    if decision is ALLOWED:
        decision = decide_payload(facts)
    if content is None:
        return decision
    return _combine(decision, decide_content(content, facts))


def _combine(first: Decision, content: Decision) -> Decision:
    """Let a refusal stand as it is, with the ids of the rules that matched besides."""
    if content is UNOBJECTIONABLE:
        return first
    if first.action is Action.REFUSE:
        return replace(first, rules=first.rules + content.rules)
    return content
