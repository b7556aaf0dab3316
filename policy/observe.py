"""A gate that only observes: what policy would have done is noted, and done to nobody (docs/attach.md, section 1).

The decision is a release whose first rule is a mark, such as `would-refuse`, before the rules that led to it.
"""

from policy.address import domain_of
from policy.decision import Action, Decision, release
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.observed import WOULD
from policy.reach.affiliation import GATE_NAMESPACE
from policy.reach.own_account import changes_password

_OBSERVED = frozenset({Way.C2S, Way.S2S, Way.COMPONENT})


def is_observed(directory: Directory, facts: StanzaFacts) -> bool:
    """Return whether what policy says of this stanza is only noted, and not done.

    What is for the recorder itself stays refused, whoever says it: a forged submission would go into the record.
    """
    if facts.way not in _OBSERVED or domain_of(facts.to) == directory.gate:
        return False
    return "{" + GATE_NAMESPACE + "}" not in "".join(facts.elements) or changes_password(facts)


def observe_only(decision: Decision) -> Decision:
    """Return the release that stands for a decision: nothing is held back or changed, and nobody is told anything."""
    if decision.action is Action.RELEASE:
        return release(*decision.rules) if decision.notice else decision
    return release(f"{WOULD}{decision.action.value}", *decision.rules)
