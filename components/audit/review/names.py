"""Shows an item without names, where a rule wants a reason before them (docs/review.md, section 8)."""

import re

from components.audit.review.desk import QueueItem
from components.settings.site import SiteFile
from policy.directory.directory import Directory
from policy.supervision.pseudonym import hide_names, make_pseudonym

_JID = re.compile(r"[^\s@<>'\"]+@[\w.-]+")


class HiddenNames:
    """The pseudonyms of people at a site; they are stable within a queue."""

    def __init__(self, settings: SiteFile, directory: Directory) -> None:
        self._origin = settings.audit_log.origin
        self._directory = directory

    def show(self, item: QueueItem, jid: str) -> str:
        """Return how a party of an item is shown: a person by a pseudonym."""
        people, rooms = self._parties(item, "")
        if jid in people:
            return make_pseudonym(self._salt(item), jid)
        return "a room" if jid in rooms else jid

    def hide(self, item: QueueItem, text: str) -> str:
        """Return a text of an item without the names of its parties, and of people whose JIDs are in it."""
        people, rooms = self._parties(item, text)
        return hide_names(text, self._salt(item), people, rooms)

    def _parties(self, item: QueueItem, text: str) -> tuple[dict[str, str], set[str]]:
        rooms = {room.jid for firm in self._directory.enterprises for room in firm.rooms}
        named = {str(name): person.name for name, person in self._directory.people.items()}
        said = {item.flagged.sender, item.flagged.to, *(match.casefold() for match in _JID.findall(text))}
        people = {jid: named.get(jid, "") for jid in said if "@" in jid and jid not in rooms}
        return people, {str(room) for room in rooms & said}

    def _salt(self, item: QueueItem) -> str:
        return f"{self._origin}\n{item.queues[0] if item.queues else ''}"
