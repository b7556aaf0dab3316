"""Decides on files inside stanzas, by the rules for files and the list of those that are not sent."""

from collections.abc import Callable, Collection

from policy.decision import Decision
from policy.facts import StanzaFacts
from policy.files.carried import find_carried
from policy.files.denied import DeniedHashes
from policy.files.inside import InsideRules, may_carry
from policy.rules import Rules

_NONE_DENIED = DeniedHashes()


class InsideFiles:
    """The rules in force, as the gate decides on files inside stanzas; `denied` returns the list in force."""

    def __init__(
        self,
        refused_types: Collection[str] = (),
        denied: Callable[[], DeniedHashes] = lambda: _NONE_DENIED,
    ) -> None:
        self._refused_types = frozenset(refused_types)
        self._denied = denied
        self._rules: Rules | None = None
        self._inside = InsideRules(None)

    def decide(self, first: Decision, rules: Rules, facts: StanzaFacts, stanza: bytes) -> Decision:
        """Return the decision on a stanza, of which `first` is what else was decided."""
        if rules is not self._rules:
            self._rules, self._inside = rules, InsideRules(rules.content, self._refused_types)
        denied = self._denied()
        if not self._inside.matters(denied) or not may_carry(facts):
            return first
        return self._inside.decide(first, rules.directory, facts, find_carried(stanza), denied)
