"""Reads from the index what waits for a review, again and again, each time what is new."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from components.audit.index.database import Connection
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog
from components.audit.review.flagged import (
    REVIEWED_LOGS,
    Flagged,
    find_unasked,
    places_of,
    view_flagged,
)
from components.audit.review.then import Then, find_then
from policy.content.rule import Rule
from policy.directory.directory import Directory

_STATE = """
SELECT (SELECT count(*) FROM destroyed), (SELECT count(*) FROM recorded),
       (SELECT digest FROM topic_state), (SELECT next_index FROM topic_state), EXISTS (SELECT 1 FROM listed)
"""


class _State(NamedTuple):
    """What does not change while records only come to an index: else what was read of it counts no more."""

    made: tuple[object, ...]
    is_listed: bool
    names: tuple[tuple[IndexedLog, str], ...]
    unasked: frozenset[str]


class FlaggedReader:
    """Knows what rules matched, and whose that was; a process that serves many looks keeps one.

    It knows this of all enterprises: what of it an auditor may see is decided at each look. It is in memory alone, and
    can be read anew at any time.
    """

    def __init__(self) -> None:
        self._state: _State | None = None
        self._ends: dict[int, int] = {}
        self._rules: dict[int, list[str]] = {}
        self._flagged: dict[int, Flagged] = {}
        self._then: dict[str, Then] = {}
        self._asked: set[int] = set()
        self._found: dict[str, tuple[Flagged, Then]] | None = None

    def read(
        self,
        index: Index,
        names: Mapping[IndexedLog, str],
        rules: Mapping[str, Rule],
        added: Iterable[str],
        load_directory: Callable[[], Directory],
    ) -> Mapping[str, tuple[Flagged, Then]]:
        """Return what waits for a review, by id, the oldest first; `added` are the ids of what was put into a queue.

        The directory is loaded where the log does not tell who was who. Raises what that raises.
        """
        with index.look() as db:
            state = _read_state(db, index, names, find_unasked(rules))
            known, self._state = self._state, None
            if state != known or not self._is_continued(db, names):
                self._ends, self._rules, self._flagged, self._then = {}, {}, {}, {}
                self._found = None
            asked = set(places_of(names, added))
            new = dict(view_flagged(db, names, self._read_rules(db, state.unasked, asked)))
        then = find_then(index, load_directory, {each.item: each for each in new.values()})
        self._flagged = _in_order(self._flagged | new) if new else self._flagged
        self._then |= then
        # What fails before this is read anew the next time; and what the directory's file of today says may change.
        self._state = state if state.is_listed else None
        if self._found is None or new or asked != self._asked:
            self._asked = asked
            self._found = {
                each.item: (each, self._then[each.item])
                for place, each in self._flagged.items()
                if each.rules or place in asked
            }
        return self._found

    def _is_continued(self, db: Connection, names: Mapping[IndexedLog, str]) -> bool:
        """Return whether the newest of what is known is there as it was: the index may be of another log by now."""
        if not self._flagged:
            return True
        place, flagged = next(reversed(self._flagged.items()))
        return dict(view_flagged(db, names, {place: self._rules[place]})) == {place: flagged}

    def _read_rules(self, db: Connection, unasked: frozenset[str], asked: set[int]) -> dict[int, list[str]]:
        """Return the rules that matched, for each place that is new; none for one that somebody put into a queue."""
        new = {place: self._rules.setdefault(place, []) for place in asked - self._flagged.keys()}
        for log, end in db.execute("SELECT log, next_index FROM state").fetchall():
            which = IndexedLog(log)
            begin = self._ends.get(log, 0)
            if which in REVIEWED_LOGS and begin < end:
                for rule, place in _marks(db, which.place(begin), which.place(end) - 1):
                    if rule not in unasked:
                        new[place] = self._rules.setdefault(place, [])
                        new[place].append(rule)
                self._ends[log] = end
        return new


def _read_state(
    db: Connection, index: Index, names: Mapping[IndexedLog, str], unasked: frozenset[str]
) -> _State:
    *counted, is_listed = db.execute(_STATE).fetchone()
    return _State((index.inode, db.read_making(), *counted), bool(is_listed), tuple(names.items()), unasked)


def _marks(db: Connection, first: int, last: int) -> Iterator[tuple[str, int]]:
    for table in ("rule", "topic"):
        sql = f"SELECT rule, idx FROM {table} WHERE idx BETWEEN ? AND ?"  # noqa: S608 - names of ours
        yield from db.execute(sql, (first, last))


def _in_order(flagged: Mapping[int, Flagged]) -> dict[int, Flagged]:
    return dict(sorted(flagged.items(), key=lambda each: (each[1].at_ns, each[0])))
