"""Decides on uploaded files by the rules in force."""

from collections.abc import Collection

from policy.address import BareJid
from policy.files.decide import FileDecision, FileRules
from policy.files.facts import FileFacts
from policy.rules import Rules


class FileDecider:
    """The rules for files, as they are now. `refused_types` and `must_be_scanned` are as for FileRules."""

    def __init__(
        self, rules: Rules, refused_types: Collection[str] = (), *, must_be_scanned: bool = True
    ) -> None:
        self._refused_types = frozenset(refused_types)
        self._must_be_scanned = must_be_scanned
        self.use(rules)

    def use(self, rules: Rules) -> None:
        """Decide by these rules from now on."""
        self._directory = rules.directory
        self._rules = FileRules(rules.content, self._refused_types, must_be_scanned=self._must_be_scanned)

    def decide(self, facts: FileFacts, *, overdue: bool, but: Collection[str] = ()) -> FileDecision:
        """Decide on a file; `overdue` if it was not checked in time. Rules with the ids `but` do not count."""
        person = self._directory.people.get(BareJid(facts.owner))
        return self._rules.decide(facts, (person.desk if person else None) or "", overdue=overdue, but=but)
