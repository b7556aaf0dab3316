"""Whose an item was, and of which desk, when it was recorded: by the directory as the gate recorded it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from components.audit.conversation.names import Names, find_named
from components.audit.index.index import Index
from components.audit.review.flagged import Flagged
from components.audit.stanza import split_jid
from policy.address import bare
from policy.directory.directory import Directory
from policy.supervision.parties import find_parties
from policy.supervision.reviewer import Parties

_DOMAINS = """
SELECT since_ns, until_ns, enterprise FROM listed
WHERE domain = ? AND local = '' AND kind IN ('site', 'rooms', 'component') ORDER BY since_ns
"""
_Owned = Sequence[tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class Then:
    """Between whom an item was said, and the sender's desk, at that time; empty for one of no desk."""

    parties: Parties
    desk: str


@dataclass(slots=True)
class Past:
    """Finds who was whose at a time; each domain and each person is looked up once."""

    names: Names
    load: Callable[[str], _Owned]
    _owned: dict[str, _Owned] = field(default_factory=dict)

    def find(self, flagged: Flagged) -> Then:
        """Return whose an item was."""
        people = frozenset(bare(jid) for jid in (flagged.sender, flagged.to) if jid)
        owners = (self._find_owner(jid, flagged.at_ns) for jid in people)
        desk = self.names.find(flagged.sender, flagged.at_ns).desk if flagged.sender else ""
        return Then(Parties(people, frozenset(owner for owner in owners if owner)), desk)

    def _find_owner(self, jid: str, at_ns: int) -> str:
        """Return the enterprise that had a JID's domain, whether the account itself is listed or not."""
        domain = split_jid(jid)[1]
        if (known := self._owned.get(domain)) is None:
            known = self._owned[domain] = self.load(domain)
        return next((owner for since_ns, until_ns, owner in known if since_ns <= at_ns < until_ns), "")


def find_then(
    index: Index, load_directory: Callable[[], Directory], flagged: Mapping[str, Flagged]
) -> dict[str, Then]:
    """Return whose each item was; by the directory as it is today where the log has no record of it."""
    with index.look() as db:
        if db.execute("SELECT 1 FROM listed LIMIT 1").fetchone() is None:
            directory = load_directory()
            return {id_: _find_today(directory, each) for id_, each in flagged.items()}
        past = Past(Names(partial(find_named, db)), lambda domain: db.execute(_DOMAINS, (domain,)).fetchall())
        return {id_: past.find(each) for id_, each in flagged.items()}


def _find_today(directory: Directory, flagged: Flagged) -> Then:
    person = directory.people.get(bare(flagged.sender))
    desk = (person.desk or "") if person else ""
    return Then(find_parties(directory, (flagged.sender, flagged.to)), desk)
