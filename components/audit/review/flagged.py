"""The records that wait for a review: those that rules matched, and those that somebody put into a queue."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.audit.index.index import Index
from components.audit.index.logs import LAST_NUMBER, IndexedLog
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


def find_flagged(
    index: Index, names: Mapping[IndexedLog, str], rules: Mapping[str, Rule], added: Iterable[str]
) -> dict[str, Flagged]:
    """Return what waits for a review, by id, the oldest first; `added` are the ids of what was put into a queue.

    A match of a rule with `reviewers = 0` does not wait; nor does one of Steelyard's own rules,
    unless it held something.
    """
    unasked = _OWN - _HOLDING | {id_ for id_, rule in rules.items() if rule.reviewers == 0}
    matched: dict[int, list[str]] = {place: [] for place in _places_of(names, added)}
    rows: dict[int, tuple[Any, ...]] = {}
    with index.look() as db:
        for table in ("rule", "topic"):
            for rule, place in db.execute(f"SELECT rule, idx FROM {table}").fetchall():  # noqa: S608 - names of ours
                if rule not in unasked:
                    matched.setdefault(place, []).append(rule)
        # The places as one value: of thousands, a statement for each takes longer than all the rest.
        for place, *row in db.execute(_SUBMISSIONS, (json.dumps(sorted(matched)),)).fetchall():
            if row[-1] == "hold" or not matched[place] or set(matched[place]) - _HOLDING:
                rows[place] = tuple(row)
    found = [
        _make(f"{name}/{place - first}", row, matched[place])
        for which, name in names.items()
        if which in REVIEWED_LOGS
        for first in [which.place(0)]
        for place, row in rows.items()
        if first <= place <= which.place(LAST_NUMBER)
    ]
    return {each.item: each for each in sorted(found, key=lambda each: each.at_ns)}


def _make(item: str, row: tuple[Any, ...], rules: list[str]) -> Flagged:
    at_ns, from_local, from_domain, to_local, to_domain, verdict = row
    sender, to = _join(from_local, from_domain), _join(to_local, to_domain)
    return Flagged(item, at_ns, tuple(sorted(set(rules))), sender, to, verdict)


def _join(local: str, domain: str) -> str:
    return f"{local}@{domain}" if local else domain


def _places_of(names: Mapping[IndexedLog, str], items: Iterable[str]) -> Iterator[int]:
    logs = {name: which for which, name in names.items() if which in REVIEWED_LOGS}
    for item in items:
        name, _, number = item.rpartition("/")
        if name in logs:
            yield logs[name].place(int(number))
