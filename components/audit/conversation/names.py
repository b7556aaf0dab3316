"""Names, desks and roles as they were then: as the log tells them (components/rules/recorded_directory.py)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from components.audit.conversation.item import Party
from components.audit.index.database import Connection
from components.audit.index.talk import fold_bare
from components.audit.stanza import split_jid

_LISTED = """
SELECT since_ns, until_ns, address, name, desk, roles, enterprise FROM listed
WHERE domain = ? AND local = ? AND kind IN ('person', 'room') ORDER BY since_ns
"""
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class NamedThen:
    """Who had a JID from one time until another (nanoseconds since 1970)."""

    since_ns: int
    until_ns: int
    party: Party


@dataclass(slots=True)
class Names:
    """Finds who had a JID at a time; `load` returns all who had it, in order, and is asked once for each."""

    load: Callable[[str], Sequence[NamedThen]] = lambda jid: ()
    _known: dict[str, Sequence[NamedThen]] = field(default_factory=dict)

    def find(self, jid: str, at_ns: int, nick: str = "") -> Party:
        """Return who had a JID at a time; only the JID itself where the log does not tell."""
        return replace(self._find(jid, at_ns) or Party(jid), jid=jid, nick=nick)

    def name_of(self, jid: str, at_ns: int) -> str:
        """Return the name of who had a JID at a time; empty where the log does not tell, and for no JID."""
        found = self._find(jid, at_ns) if jid else None
        return found.name if found else ""

    def _find(self, jid: str, at_ns: int) -> Party | None:
        bare = fold_bare(jid)
        if (known := self._known.get(bare)) is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[bare] = self.load(bare)
        for each in known:
            if each.since_ns <= at_ns < each.until_ns:
                return each.party
        return None


def find_named(db: Connection, jid: str) -> list[NamedThen]:
    """Return all who had a bare JID, as the index knows from the log, in order."""
    local, domain = split_jid(jid)
    return [
        NamedThen(since_ns, until_ns, Party(address, name, desk, tuple(roles.split()), enterprise))
        for since_ns, until_ns, address, name, desk, roles, enterprise in db.execute(_LISTED, (domain, local))
    ]
