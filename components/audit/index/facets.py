"""Counters, so that facets are read and not counted: entries by day and route, and by rule (docs/query.md)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from components.audit.index.database import Connection
from components.audit.query.compile import Where

DAY_NS = 86_400 * 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A day is its number since 1970, in UTC.
SCHEMA = """
CREATE TABLE counter (
    route INTEGER NOT NULL, day INTEGER NOT NULL, entries INTEGER NOT NULL, PRIMARY KEY (route, day)
) WITHOUT ROWID;
CREATE TABLE rule_counter (
    rule TEXT NOT NULL, route INTEGER NOT NULL, day INTEGER NOT NULL, entries INTEGER NOT NULL,
    PRIMARY KEY (rule, route, day)
) WITHOUT ROWID;
"""
TABLES = ("counter", "rule_counter")


class Dimension(StrEnum):
    """By what entries are counted: `person` is who wrote, `to` to whom, both as bare addresses; a day is in UTC."""

    DAY = "day"
    PERSON = "person"
    TO = "to"
    DOMAIN = "domain"
    TO_DOMAIN = "to-domain"
    KIND = "kind"
    VERDICT = "verdict"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many entries have these values, which are in the order of the dimensions that were asked for."""

    values: tuple[str, ...]
    entries: int


# What is counted by numbers, and how these are shown.
_NUMBERS = {
    Dimension.DAY: "day",
    Dimension.PERSON: "sender",
    Dimension.TO: "recipient",
    Dimension.DOMAIN: "sender",
    Dimension.TO_DOMAIN: "recipient",
    Dimension.KIND: "kind",
    Dimension.VERDICT: "verdict",
    Dimension.RULE: "rule",
}
_ADDRESS = "SELECT local || CASE local WHEN '' THEN '' ELSE '@' END || domain FROM account WHERE id = ?"
_DOMAIN = "SELECT domain FROM account WHERE id = ?"
_SHOWN = {
    Dimension.PERSON: _ADDRESS,
    Dimension.TO: _ADDRESS,
    Dimension.DOMAIN: _DOMAIN,
    Dimension.TO_DOMAIN: _DOMAIN,
}
_RULES = "(SELECT rule, idx FROM rule UNION SELECT rule, idx FROM topic)"


class Rows(NamedTuple):
    """A selection of rows of a route, a day, how many entries these have, and of a rule where that is asked for."""

    sql: str
    parameters: tuple[str | int, ...] = ()


def count_by(
    db: Connection, dimensions: Sequence[Dimension], rows: Rows, logs: Sequence[int]
) -> list[Counted]:
    """Sum up rows of entries of logs by dimensions (see `Index.count_by`), within the caller's transaction."""
    own = ", ".join(str(int(log)) for log in logs)
    numbers = list(dict.fromkeys(_NUMBERS[each] for each in dimensions))
    sql = (
        f"SELECT {', '.join([*numbers, 'sum(entries)'])} FROM ({rows.sql}) AS at"  # noqa: S608 - constant SQL
        f" JOIN route ON route.id = at.route AND log IN ({own})"
    )
    if numbers:
        sql += f" GROUP BY {', '.join(numbers)}"
    # What is shown is looked up once for each number: in SQL it would be for each combination.
    shown = [(numbers.index(_NUMBERS[each]), _Shown(db, each)) for each in dimensions]
    sums: dict[tuple[str, ...], int] = {}
    for row in db.execute(sql, rows.parameters):
        # Without dimensions there is a row, even if nothing is there to sum up.
        if row[-1] is not None:
            values = tuple([known[row[at]] for at, known in shown])
            sums[values] = sums.get(values, 0) + int(row[-1])
    return [Counted(values, entries) for values, entries in sorted(sums.items())]


class _Shown(dict[str | int, str]):
    """What is shown for each value of a dimension, as it is asked for."""

    def __init__(self, db: Connection, dimension: Dimension) -> None:
        super().__init__()
        self._db = db
        self._sql = _SHOWN.get(dimension, "")
        self._is_day = dimension is Dimension.DAY

    def __missing__(self, value: str | int) -> str:
        if self._sql:
            row = self._db.execute(self._sql, (value,)).fetchone()
            shown = str(row[0]) if row else ""
        else:
            shown = _show_day(int(value)) if self._is_day else str(value)
        self[value] = shown
        return shown


def count(db: Connection, where: Where, log: int) -> int:
    """Count the entries of a log with a condition on `route`, or also on `day`."""
    own = "route IN (SELECT id FROM route WHERE log = ?)"
    sql = f"SELECT coalesce(sum(entries), 0) FROM counter WHERE {own} AND {where.sql}"  # noqa: S608 - constant SQL
    (entries,) = db.execute(sql, (log, *where.parameters)).fetchone()
    return int(entries)


def counter_rows(by_rule: bool, where: Where) -> Rows:
    """Return rows of the counters, by a condition on `route`, or also on `day`."""
    table, rule = ("rule_counter", "rule, ") if by_rule else ("counter", "")
    return Rows(f"SELECT {rule}route, day, entries FROM {table} WHERE {where.sql}", where.parameters)  # noqa: S608


def entry_rows(by_rule: bool, source: str, condition: str, parameters: tuple[str | int, ...]) -> Rows:
    """Return rows of entries that are counted one by one, from a source that has `entry` in it."""
    rule, joined = ("rule, ", f"{source} JOIN {_RULES} AS told USING (idx)") if by_rule else ("", source)
    return Rows(
        f"SELECT {rule}route, received_at_ns / {DAY_NS} AS day, count(*) AS entries FROM {joined}"  # noqa: S608
        f" WHERE {condition} GROUP BY {rule}route, day",
        parameters,
    )


class Kept(NamedTuple):
    """Rows that are kept in tables of a connection: by day, and summed up, of which there are far fewer."""

    by_day: Rows
    summed: Rows

    def find(self, dimensions: Sequence[Dimension]) -> Rows:
        """Return the rows that are enough to count by dimensions."""
        return self.by_day if Dimension.DAY in dimensions else self.summed


def keep_rows(db: Connection, rows: Rows, *, by_rule: bool) -> Kept:
    """Keep rows for as long as this connection lasts, within the caller's transaction, to sum them up again."""
    suffix, rule = ("_by_rule", "rule, ") if by_rule else ("", "")
    columns = f"{'rule TEXT, ' if by_rule else ''}route INTEGER, day INTEGER, entries INTEGER"
    by_day, summed = (
        Rows(f"SELECT {rule}route, day, entries FROM {table}{suffix}")  # noqa: S608 - constant names
        for table in ("counted", "counted_at_all")
    )
    total = f"SELECT {rule}route, 0 AS day, sum(entries) AS entries FROM counted{suffix} GROUP BY {rule}route"  # noqa: S608
    for table, kept in (("counted", rows), ("counted_at_all", Rows(total))):
        db.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table}{suffix} ({columns})")
        db.execute(f"DELETE FROM {table}{suffix}")  # noqa: S608 - constant names
        db.execute(f"INSERT INTO {table}{suffix} {kept.sql}", kept.parameters)
    return Kept(by_day, summed)


def day_of(at_ns: int) -> int:
    """Return the day of a time, by its number since 1970."""
    return at_ns // DAY_NS


def add_entries(db: Connection, entries: Iterable[tuple[int, int]], by: int = 1) -> None:
    """Count entries, each a route and a time, within the caller's transaction; with `by` of -1, no more."""
    counted = Counter((route, day_of(at_ns)) for route, at_ns in entries)
    db.executemany(
        "INSERT INTO counter VALUES (?, ?, ?)"
        " ON CONFLICT (route, day) DO UPDATE SET entries = counter.entries + excluded.entries",
        [(*key, by * number) for key, number in counted.items()],
    )
    if by < 0:
        db.executemany("DELETE FROM counter WHERE (route, day) = (?, ?) AND entries = 0", counted)


def add_rules(db: Connection, marks: Iterable[tuple[str, int]], by: int = 1) -> None:
    """Count marks, each a rule and an entry's place, likewise; the entry must be there."""
    counted: Counter[tuple[str, int, int]] = Counter()
    for rule, place in marks:
        row = db.execute("SELECT route, received_at_ns FROM entry WHERE idx = ?", (place,)).fetchone()
        if row:
            counted[rule, row[0], day_of(row[1])] += 1
    db.executemany(
        "INSERT INTO rule_counter VALUES (?, ?, ?, ?)"
        " ON CONFLICT (rule, route, day) DO UPDATE SET entries = rule_counter.entries + excluded.entries",
        [(*key, by * number) for key, number in counted.items()],
    )
    if by < 0:
        db.executemany(
            "DELETE FROM rule_counter WHERE (rule, route, day) = (?, ?, ?) AND entries = 0", counted
        )


def _show_day(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")
