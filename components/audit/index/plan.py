"""How a query is answered quickly: by FTS5 alone where it can, newest first, and by counters where they can tell.

An entry's words and its route are both in FTS5, which walks through two lists at once. Whatever does not fit into this
is checked entry by entry, with the same condition as everywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.audit.index import facets
from components.audit.index.database import Connection
from components.audit.index.logs import LAST_NUMBER, LOG_SHIFT, IndexedLog
from components.audit.index.routes import match_routes
from components.audit.index.spans import BLOCK_SHIFT
from components.audit.query import tree
from components.audit.query.compile import Parameter, Scope, Where, all_of, compile_query

# FTS5 walks through a list for each route.
_MOST_ROUTES = 64

_ROUTES = """
SELECT id FROM (SELECT id, id AS route, log FROM route) AS it WHERE log BETWEEN ? AND ? AND {condition} LIMIT ?
"""


ALL = 2**63 - 1
"""As a limit: whatever there is."""
_WITH_ENTRIES = "word CROSS JOIN entry ON entry.idx = word.rowid"


@dataclass(frozen=True, slots=True)
class Plan:
    """SQL that selects entries of a log, or of several in a row, from `source`, in the order of `place`."""

    source: str
    place: str
    condition: str
    parameters: tuple[Parameter, ...]

    def count(self, db: Connection) -> int:
        """Count the entries."""
        sql = f"SELECT count(*) FROM {self.source} WHERE {self.condition}"  # noqa: S608 - constant: see compile_query
        return int(db.execute(sql, self.parameters).fetchone()[0])

    def keep(self, db: Connection, into: str, value: int) -> None:
        """Insert a value and the place of each entry by this statement, within the caller's transaction."""
        db.execute(
            f"{into} SELECT ?, {self.place} FROM {self.source} WHERE {self.condition}",  # noqa: S608 - constant
            (value, *self.parameters),
        )

    def write_ids(self, db: Connection, begins: Mapping[IndexedLog, str]) -> str:
        """Write the numbers of all entries, in order, each on a line behind what it begins with, by its log."""
        places = (
            f"SELECT {self.place} AS found FROM {self.source} WHERE {self.condition} ORDER BY {self.place}"  # noqa: S608
        )
        begin = f"CASE found >> {LOG_SHIFT} {'WHEN ? THEN ? ' * len(begins)}END"
        line = f"{begin} || (found & {LAST_NUMBER}) || char(10)"
        sql = f"SELECT coalesce(group_concat({line}, ''), '') FROM ({places}) AS places"  # noqa: S608 - constant
        values = (each for log, text in begins.items() for each in (int(log), text))
        return str(db.execute(sql, (*values, *self.parameters)).fetchone()[0])

    def find(
        self, db: Connection, limit: int, *, oldest: bool = False, before: int | None = None
    ) -> Iterator[tuple[int, int]]:
        """Yield the place and the time of the newest entries, or of the oldest, behind the place `before`."""
        order, beyond = ("ASC", ">") if oldest else ("DESC", "<")
        behind, more = (f" AND {self.place} {beyond} ?", (before,)) if before is not None else ("", ())
        found = (
            f"SELECT {self.place} AS found FROM {self.source} WHERE {self.condition}{behind}"  # noqa: S608
            f" ORDER BY {self.place} {order} LIMIT ?"
        )
        at = "SELECT received_at_ns FROM entry WHERE idx = found"
        sql = f"SELECT found, ({at}) FROM ({found}) AS places"  # noqa: S608 - constant
        yield from db.stream(sql, (*self.parameters, *more, limit))


@dataclass(frozen=True, slots=True)
class _Span:
    """Places between which entries of a time are; those between the sure ones are all of that time."""

    first: int
    last: int
    first_sure: int
    last_sure: int


def plan_all(db: Connection, where: Where, logs: Sequence[IndexedLog]) -> list[Plan]:
    """Plan how to find what a compiled query matches in logs, in the order of their places.

    Logs in a row are gone through at once, unless it is about times, by which each log has its own order: FTS5 puts
    together all places of a word's beginning each time.
    """
    runs: list[list[IndexedLog]] = []
    for log in sorted(logs):
        if runs and log == runs[-1][-1] + 1 and not _bounds_of(where):
            runs[-1].append(log)
        else:
            runs.append([log])
    return [found for run in runs if (found := plan(db, where, run[0], run[-1])) is not None]


def plan(db: Connection, where: Where, log: IndexedLog, last: IndexedLog | None = None) -> Plan | None:
    """Plan how to find what a compiled query matches in a log, or in all up to `last`; None if nothing does."""
    own = (log, log if last is None else last)
    parts, bounds = where.parts or (where,), _bounds_of(where)
    span = _find_span(db, own, bounds)
    if span is None:
        return None
    by_route = [part for part in parts if part.scope is Scope.ROUTE]
    by_word = [part for part in parts if part.match and _is_in_words_alone(db, part)]
    if all(part.is_negated for part in by_word):
        by_word = []
    rest = [part for part in parts if part.bound is None and part not in by_word and part not in by_route]
    match = _match(by_word)
    if by_route:
        routes = _find_routes(db, by_route, own)
        if routes is None:
            rest += by_route
        elif not routes:
            return None
        else:
            match = " AND ".join(filter(None, (match, match_routes(routes))))
    return _write(match, rest, span, bounds)


def count(db: Connection, where: Where, logs: Sequence[IndexedLog]) -> int:
    """Count what a compiled query matches in logs, by the counters if they can tell."""
    days, others = _split(where)
    counted = 0 if days is None else sum(facets.count(db, days, log) for log in logs)
    return counted + sum(found.count(db) for other in others for found in plan_all(db, other, logs))


def count_by(
    db: Connection, dimensions: Sequence[facets.Dimension], where: Where, logs: Sequence[IndexedLog]
) -> list[facets.Counted]:
    """Count what a compiled query matches in logs by dimensions (see `Index.count_by`), likewise."""
    rows = _find_rows(db, where, logs, by_rule=facets.Dimension.RULE in dimensions)
    return facets.count_by(db, dimensions, rows, logs) if rows else []


def count_each(
    db: Connection, groups: Sequence[Sequence[facets.Dimension]], where: Where, logs: Sequence[IndexedLog]
) -> list[list[facets.Counted]]:
    """Count by each of several groups of dimensions: what matches is gone through once, and once more for rules."""
    kept: dict[bool, facets.Kept | None] = {}
    for by_rule in {facets.Dimension.RULE in dimensions for dimensions in groups}:
        rows = _find_rows(db, where, logs, by_rule=by_rule)
        kept[by_rule] = facets.keep_rows(db, rows, by_rule=by_rule) if rows else None
    found = [(dimensions, kept[facets.Dimension.RULE in dimensions]) for dimensions in groups]
    return [
        facets.count_by(db, dimensions, rows.find(dimensions), logs) if rows else []
        for dimensions, rows in found
    ]


def _find_rows(
    db: Connection, where: Where, logs: Sequence[IndexedLog], *, by_rule: bool
) -> facets.Rows | None:
    """Return rows of what matches, to be summed up: of the counters as far as these can tell; None if nothing does."""
    days, others = _split(where)
    rows = [] if days is None else [facets.counter_rows(by_rule, days)]
    for found in (each for other in others for each in plan_all(db, other, logs)):
        source = _WITH_ENTRIES if found.source == "word" else found.source
        rows.append(facets.entry_rows(by_rule, source, found.condition, found.parameters))
    if not rows:
        return None
    together = " UNION ALL ".join(each.sql for each in rows)
    return facets.Rows(together, tuple(value for each in rows for value in each.parameters))


def _split(where: Where) -> tuple[Where | None, list[Where]]:
    """Return the part of a query of which counters tell, if any, and those of which the entries have to be counted.

    Of what is about people, kinds and verdicts, counters tell all; with times, the whole days, and not both ends.
    """
    parts = where.parts or (where,)
    routes = tuple(part for part in parts if part.scope is Scope.ROUTE)
    if len(routes) == len(parts):
        return all_of(parts), []
    after, before = _limits(_bounds_of(where))
    first_day, end_day = facets.day_of(after + facets.DAY_NS - 1), facets.day_of(before)
    if end_day <= first_day or not all(part.scope is Scope.ROUTE or part.bound for part in parts):
        return None, [where]
    days = Where("(day >= ? AND day < ?)", (first_day, end_day), Scope.ROUTE)
    begin, end = first_day * facets.DAY_NS, end_day * facets.DAY_NS
    edges = [
        (tree.Moment(tree.Bound.AFTER, from_ns), tree.Moment(tree.Bound.BEFORE, to_ns))
        for from_ns, to_ns in ((after, begin), (end, before))
        if from_ns < to_ns
    ]
    return all_of((*routes, days)), [all_of((*routes, *map(compile_query, edge))) for edge in edges]


def _bounds_of(where: Where) -> list[tree.Moment]:
    return [part.bound for part in where.parts or (where,) if part.bound is not None]


def _is_in_words_alone(db: Connection, part: Where) -> bool:
    """Return whether nothing but the words of entries themselves matches: no file says it, or is said to be it."""
    return not any(
        db.execute(f"SELECT 1 FROM ({each.sql}) AS named LIMIT 1", each.parameters).fetchone()  # noqa: S608
        for each in part.elsewhere
    )


def _match(parts: list[Where]) -> str:
    sought = " AND ".join(f"({part.match})" for part in parts if not part.is_negated)
    others = " OR ".join(f"({part.match})" for part in parts if part.is_negated)
    return f"({sought}) NOT ({others})" if others else sought


def _find_routes(db: Connection, parts: list[Where], logs: tuple[IndexedLog, IndexedLog]) -> list[int] | None:
    """Return the routes that match; None if they are too many for FTS5."""
    where = all_of(tuple(parts))
    sql = _ROUTES.format(condition=where.sql)
    found = [route for (route,) in db.execute(sql, (*logs, *where.parameters, _MOST_ROUTES + 1))]
    return found if len(found) <= _MOST_ROUTES else None


def _limits(bounds: list[tree.Moment]) -> tuple[int, int]:
    after = max((each.at_ns for each in bounds if each.bound is tree.Bound.AFTER), default=-(2**63))
    return after, min((each.at_ns for each in bounds if each.bound is tree.Bound.BEFORE), default=2**63 - 1)


def _find_span(
    db: Connection, logs: tuple[IndexedLog, IndexedLog], bounds: list[tree.Moment]
) -> _Span | None:
    first, last = logs[0].place(0), logs[1].place(LAST_NUMBER)
    blocks = (first >> BLOCK_SHIFT, last >> BLOCK_SHIFT)
    if db.execute("SELECT 1 FROM span WHERE block BETWEEN ? AND ? LIMIT 1", blocks).fetchone() is None:
        return None  # there are no entries
    if not bounds:
        return _Span(first, last, first, last)
    after, before = _limits(bounds)

    def find(wanted: str, condition: str, at_ns: int, otherwise: int) -> int:
        sql = f"SELECT {wanted}(block) FROM span WHERE block BETWEEN ? AND ? AND {condition}"  # noqa: S608
        (found,) = db.execute(sql, (*blocks, at_ns)).fetchone()
        return otherwise if found is None else int(found)

    some_first = find("min", "latest_ns >= ?", after, blocks[1] + 1)
    some_last = find("max", "earliest_ns < ?", before, blocks[0] - 1)
    sure_first = find("max", "earliest_ns < ?", after, blocks[0] - 1) + 1
    sure_last = find("min", "latest_ns >= ?", before, blocks[1] + 1) - 1
    return _Span(
        max(first, some_first << BLOCK_SHIFT),
        min(last, (some_last + 1 << BLOCK_SHIFT) - 1),
        sure_first << BLOCK_SHIFT,
        (sure_last + 1 << BLOCK_SHIFT) - 1,
    )


def _write(match: str, rest: list[Where], span: _Span, bounds: list[tree.Moment]) -> Plan:
    source, place, parameters = "entry", "entry.idx", list[Parameter]()
    conditions = []
    if match:
        source, place = "word", "word.rowid"
        conditions.append("word MATCH ?")
        parameters.append(match)
        if rest:
            source = _WITH_ENTRIES
    conditions.append(f"{place} BETWEEN ? AND ?")
    parameters += (span.first, span.last)
    if bounds:
        at = "received_at_ns"
        if source == "word":
            at = f"(SELECT received_at_ns FROM entry WHERE idx = {place})"  # noqa: S608 - constant
        after, before = _limits(bounds)
        conditions.append(f"({place} BETWEEN ? AND ? OR ({at} >= ? AND {at} < ?))")
        parameters += (span.first_sure, span.last_sure, after, before)
    for part in rest:
        conditions.append(part.sql)
        parameters += part.parameters
    return Plan(source, place, " AND ".join(conditions), tuple(parameters))
