"""What becomes of a stanza because of its files, beside what else was decided on it."""

from collections.abc import Iterable
from dataclasses import replace

from policy.address import bare
from policy.decision import HELD, Action, Decision, StanzaError
from policy.facts import StanzaFacts, Way

SAID_BY_PEOPLE = frozenset({Way.C2S, Way.S2S})
"""What a room passes on to those who are in it was said to the room."""


def is_published(facts: StanzaFacts) -> bool:
    """Return whether a stanza goes to nobody in particular, but to whoever follows the sender (presence, PEP)."""
    return not facts.to or (facts.kind == "iq" and bare(facts.to) == bare(facts.sender))


def can_wait(facts: StanzaFacts) -> bool:
    """Return whether a stanza is still useful after a review. An IQ, a presence and an error are not."""
    return facts.kind == "message" and facts.type != "error"


def refuse_for_files(first: Decision, rules: Iterable[str], text: str) -> Decision:
    """Return a refusal by these rules, besides those of `first`."""
    return Decision(Action.REFUSE, _all(first, rules), StanzaError("modify", "policy-violation", text))


def hold_for_files(first: Decision, facts: StanzaFacts, rules: Iterable[str], text: str) -> Decision:
    """Return the decision to hold a stanza by these rules; what is held already stays as it is."""
    if first.action is Action.HOLD:
        return replace(first, rules=_all(first, rules))
    # People of a remote site are told only by their own gate.
    error = StanzaError("wait", "policy-violation", HELD + text) if facts.way is Way.C2S else None
    # What is taken out of it stays out.
    return replace(first, action=Action.HOLD, rules=_all(first, rules), error=error, notice="")


def tell_for_files(first: Decision, rules: Iterable[str], text: str) -> Decision:
    """Return the decision on a stanza that goes on, with these rules named; its sender is told `text`, if any."""
    named = _all(first, rules)
    if named == first.rules:
        return first
    may_tell = first.action is Action.RELEASE and not first.notice
    return replace(first, rules=named, notice=text if may_tell else first.notice)


def _all(first: Decision, rules: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first.rules, *rules)))
