"""Names, desks and roles as they were then: from the directory as the log has it, change by change."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import orjson

from components.archive.record import Event
from components.audit.conversation.item import Party
from components.audit.index.talk import fold_bare

PEOPLE = "people"
"""The name of a record of rules that lists people: `directory` has a JSON array of entries, `RecordedEntry`."""


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """A person or room of the directory, as a record lists it."""

    jid: str
    name: str
    desk: str
    roles: tuple[str, ...]
    enterprise: str


@dataclass(slots=True)
class Names:
    """The names at each place of the log; `now` has those of the present directory, for what no record tells."""

    now: Mapping[str, Party] = field(default_factory=dict)
    _known: defaultdict[str, list[tuple[int, Party]]] = field(default_factory=lambda: defaultdict(list))

    def learn(self, place: int, event: Event) -> None:
        """Take the entries of a record of rules at a place; the records come in the log's order."""
        for entry in read_entries(event):
            party = Party(entry.jid, entry.name, entry.desk, entry.roles, entry.enterprise)
            self._known[fold_bare(entry.jid)].append((place, party))

    def find(self, jid: str, place: int, nick: str = "") -> Party:
        """Return who had a JID at a place; without a name where neither the log nor the directory knows it.

        What was recorded first counts for the time before, too.
        """
        known = self._known.get(fold_bare(jid), [])
        at = bisect_right(known, place, key=lambda each: each[0])
        party = known[max(0, at - 1)][1] if known else self.now.get(fold_bare(jid), Party(jid))
        return replace(party, jid=jid, nick=nick)


def read_entries(event: Event) -> Iterator[RecordedEntry]:
    """Yield the entries that a record of rules lists; nothing for what is not written so."""
    try:
        rows = orjson.loads(str(dict(event.details)["directory"])) if event.name == PEOPLE else []
    except (KeyError, orjson.JSONDecodeError):
        return
    for row in rows if isinstance(rows, list) else ():
        match row:
            case [str(jid), str(name), str(desk), [*roles], str(enterprise)]:
                yield RecordedEntry(jid, name, desk, tuple(map(str, roles)), enterprise)


def list_entries(entries: Iterable[RecordedEntry]) -> str:
    """Return entries as a record of rules lists them."""
    rows = [[each.jid, each.name, each.desk, list(each.roles), each.enterprise] for each in entries]
    return orjson.dumps(rows).decode()
