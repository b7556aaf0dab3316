"""The one entry point: what becomes of a stanza."""

from policy.affiliation import ALLOWED, decide_affiliation
from policy.decision import Decision
from policy.directory import Directory
from policy.facts import StanzaFacts
from policy.payload import decide_payload


def decide(directory: Directory, facts: StanzaFacts) -> Decision:
    """Decide what becomes of a stanza: who may reach whom first, then what may be said (docs/policy.md).

    Pure, and fast enough for every stanza on the line: the decisions are shared constants, made once.
    """
    decision = decide_affiliation(directory, facts)
    return decide_payload(facts) if decision is ALLOWED else decision
