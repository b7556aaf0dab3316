"""Carries a decision out on the bytes of a stanza: takes links out, and decides again whether they are out."""

from dataclasses import replace

from policy.content.amend import AmendError, apply_edits, plan_edits
from policy.content.decide import decide_content
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction
from policy.content.stanza import StanzaTextError, read_stanza
from policy.decision import Action, Decision, StanzaError
from policy.facts import StanzaFacts


def take_links_out(policy: ContentPolicy, facts: StanzaFacts, stanza: bytes, decision: Decision) -> Decision:
    """Return a `strip` decision with the stanza without these links as `amended`, and the `edits` that make it.

    If they cannot be taken out, or the rest has such a link again, the decision is to refuse (`policy-violation`),
    with the text of the rule that does not allow them.
    """
    if not decision.strip or decision.action is Action.REFUSE:
        return decision
    try:
        edits = plan_edits(stanza, decision.strip)
        amended = apply_edits(stanza, edits)
        left = read_stanza(amended)._replace(way=facts.way)
    except (AmendError, StanzaTextError, UnicodeDecodeError):
        return _refuse(policy, decision)
    again = decide_content(policy, left)
    if again.strip or again.action is Action.REFUSE:
        return _refuse(policy, decision)
    return replace(decision, amended=amended, edits=edits)


def _refuse(policy: ContentPolicy, decision: Decision) -> Decision:
    rules = (policy.by_id[id_] for id_ in decision.rules if id_ in policy.by_id)
    text = next(rule.text for rule in rules if rule.action is ContentAction.AMEND)
    return Decision(Action.REFUSE, decision.rules, StanzaError("modify", "policy-violation", text))
