"""Names that a rule hides until the auditor has stated a reason (docs/review.md, section 8), on every page."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.audit.indexed import open_site_index
from components.audit.review.names import HiddenNames, hides_names, queue_of
from components.audit.review.rules import load_directory, load_rules
from components.process.errors import SiteError
from components.settings.site import SiteFile
from policy.content.rule import Rule

_RULES_OF = """
SELECT rule FROM rule WHERE idx IN (SELECT value FROM json_each(?1))
UNION SELECT rule FROM topic WHERE idx IN (SELECT value FROM json_each(?1))
"""


@dataclass(frozen=True, slots=True)
class Nameless:
    """How a record that some rules matched is told without names: its parties, and what it says."""

    names: HiddenNames
    queue: str
    parties: tuple[str, ...]

    def show(self, jid: str) -> str:
        """Return a party's pseudonym."""
        return self.names.show(self.queue, jid)

    def hide(self, text: str) -> str:
        """Return a text without the names of the parties."""
        return self.names.hide(self.queue, self.parties, text)


@dataclass(slots=True)
class Hidden:
    """Knows whose names wait for a reason; it reads the policy and the directory again when their files change."""

    site: SiteFile
    _state: tuple[object, ...] = ()
    _rules: dict[str, Rule] = field(default_factory=dict)
    _names: HiddenNames | None = None

    def covers(self, rules: Iterable[str]) -> bool:
        """Return whether names wait for a reason in what these rules matched; raises SiteError."""
        self._load()
        return hides_names(self._rules, rules)

    @property
    def is_used(self) -> bool:
        """Whether any rule hides names; raises SiteError."""
        self._load()
        return hides_names(self._rules, self._rules)

    def nameless(self, rules: Sequence[str], parties: Iterable[str]) -> Nameless | None:
        """Return how a record is told without names, None if it has none to hide; raises SiteError."""
        if not rules or not self.covers(rules) or self._names is None:
            return None
        return Nameless(self._names, queue_of(rules), tuple(parties))

    def covers_any(self, places: Iterable[int]) -> bool:
        """Return whether names wait for a reason in any of the records at these places; raises SiteError."""
        if not self.is_used:
            return False
        with open_site_index(self.site) as index, index.look() as db:
            found = db.execute(_RULES_OF, (json.dumps(list(places)),)).fetchall()
        return self.covers(rule for (rule,) in found)

    def _load(self) -> None:
        files = (self.site.gate.policy, self.site.gate.directory_file)
        state = tuple(_fingerprint(file) for file in files if file)
        if state != self._state:
            rules = load_rules(self.site)
            names = HiddenNames(self.site, load_directory(self.site)) if rules else None
            self._rules, self._names, self._state = rules, names, state


def _fingerprint(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError as error:
        raise SiteError(f"{file}: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino
