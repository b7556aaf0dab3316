"""A record that waits for a review: a rule matched it, or somebody put it into a queue."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.audit.index.database import Connection
from components.audit.index.logs import IndexedLog, find_record
from policy.content.parse import RESERVED
from policy.content.rule import Rule

REVIEWED_LOGS = (IndexedLog.HISTORY, IndexedLog.GATE, IndexedLog.TRANSFER)
# What the line itself says or did is no match of anybody's rule.
_OWN = RESERVED | {
    "gate-notice",
    "given-back",
    "released-after-review",
    "released-after-notice",
    "gate-not-asked-for",
}

# With these, it holds files and the messages that name them; it refuses others.
_HOLDING = frozenset({"file-held", "file-metadata", "file-unchecked"})

# The places as one value: of thousands, a statement for each takes longer than all the rest.
_SUBMISSIONS = """
SELECT idx, received_at_ns, from_local, from_domain, to_local, to_domain, verdict
FROM submission WHERE idx IN (SELECT value FROM json_each(?)) ORDER BY idx
"""


@dataclass(frozen=True, slots=True)
class Flagged:
    """A record that waits for a review; `rules` are those that matched, `sender` and `to` bare JIDs, or empty."""

    item: str
    at_ns: int
    rules: tuple[str, ...]
    sender: str
    to: str
    verdict: str


def find_unasked(rules: Mapping[str, Rule]) -> frozenset[str]:
    """Return the rules whose matches do not wait: those with `reviewers = 0`, and our own, unless they held it."""
    return frozenset(_OWN - _HOLDING | {id_ for id_, rule in rules.items() if rule.reviewers == 0})


def view_flagged(
    db: Connection, names: Mapping[IndexedLog, str], matched: Mapping[int, Collection[str]]
) -> Iterator[tuple[int, Flagged]]:
    """Yield the places of records that wait for a review, with what waits there.

    `matched` has the rules that matched the record at each place, none for what somebody put into a queue.
    """
    for place, *row in db.execute(_SUBMISSIONS, (json.dumps(sorted(matched)),)).fetchall():
        which, number = find_record(place)
        rules = set(matched[place])
        if which in names and (row[-1] == "hold" or not rules or rules - _HOLDING):
            yield place, _make(f"{names[which]}/{number}", row, rules)


def places_of(names: Mapping[IndexedLog, str], items: Iterable[str]) -> Iterator[int]:
    """Yield the places of items, without those of logs that are not reviewed."""
    logs = {name: which for which, name in names.items() if which in REVIEWED_LOGS}
    for item in items:
        name, _, number = item.rpartition("/")
        if name in logs:
            yield logs[name].place(int(number))


def _make(item: str, row: Sequence[Any], rules: Iterable[str]) -> Flagged:
    at_ns, from_local, from_domain, to_local, to_domain, verdict = row
    sender, to = _join(from_local, from_domain), _join(to_local, to_domain)
    return Flagged(item, at_ns, tuple(sorted(rules)), sender, to, verdict)


def _join(local: str, domain: str) -> str:
    return f"{local}@{domain}" if local else domain
