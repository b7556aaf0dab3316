"""Shows an item without names, where a rule wants a reason before them (docs/review.md, section 8)."""

import re
from collections.abc import Iterable, Mapping

from components.settings.site import SiteFile
from policy.content.rule import Rule
from policy.directory.directory import Directory
from policy.supervision.pseudonym import hide_names, make_pseudonym

_JID = re.compile(r"[^\s@<>'\"]+@[\w.-]+")


class HiddenNames:
    """The pseudonyms of people at a site; they are stable within a queue."""

    def __init__(self, settings: SiteFile, directory: Directory) -> None:
        # The same on all machines of auditors.
        self._origin = settings.gate_log.origin
        self._named = {str(jid): person.name for jid, person in directory.people.items()}
        self._rooms = {str(room.jid) for firm in directory.enterprises for room in firm.rooms}

    def show(self, queue: str, jid: str) -> str:
        """Return how a party of what is in a queue is shown: a person by a pseudonym, without a resource."""
        people, rooms = self._find([jid.partition("/")[0]])
        for person in people:
            return make_pseudonym(self._salt(queue), person)
        return "a room" if rooms else jid

    def hide(self, queue: str, parties: Iterable[str], text: str) -> str:
        """Return a text without the names of its parties, and of people whose JIDs are in it."""
        said = (match.casefold() for match in _JID.findall(text))
        people, rooms = self._find([*(jid.partition("/")[0] for jid in parties), *said])
        return hide_names(text, self._salt(queue), people, rooms)

    def _find(self, jids: Iterable[str]) -> tuple[dict[str, str], set[str]]:
        """Return those of these addresses that are people's, with their names, and those of rooms."""
        found = {jid for jid in jids if "@" in jid}
        rooms = found & self._rooms
        return {jid: self._named.get(jid, "") for jid in sorted(found - rooms)}, rooms

    def _salt(self, queue: str) -> str:
        return f"{self._origin}\n{queue}"


def queue_of(rules: Iterable[str]) -> str:
    """Return the queue whose pseudonyms are used for what these rules matched."""
    return f"rule/{min(rules, default='')}"


def hides_names(rules: Mapping[str, Rule], ids: Iterable[str]) -> bool:
    """Return whether a rule that matched wants a reason before names."""
    return not find_hiding(rules).isdisjoint(ids)


def find_hiding(rules: Mapping[str, Rule]) -> frozenset[str]:
    """Return the rules that want a reason before names."""
    return frozenset(id_ for id_, rule in rules.items() if rule.hide_names)
