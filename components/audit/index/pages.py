"""A page of a result: which records it shows, how many match in all, and the digest over all of them."""

import sqlite3
from array import array
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from components.audit.index.logs import LAST_NUMBER, IndexedLog
from components.audit.query.compile import Where
from components.process.errors import SiteError


class Order(StrEnum):
    """Which records a page begins with."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a result: at most `limit` records behind the one with the id `before`, or from the beginning."""

    limit: int = 50
    before: str = ""
    order: Order = Order.NEWEST


@dataclass(frozen=True, slots=True)
class PageFound:
    """The places of a page's records, the oldest first; `more` records stand behind them.

    `digest` is the SHA-256 (hex) over the ids of all `matched` records, one a line, the oldest first.
    """

    places: tuple[int, ...]
    more: int
    matched: int
    digest: str


def find_page(db: sqlite3.Connection, where: Where, page: Page) -> PageFound:
    """Find a page of what a compiled query matches, within the caller's transaction; raises SiteError.

    Records stand in the order of their times, and those of one time in that of their logs.
    """
    matched, digest = digest_ids(db, where)
    condition, values = _behind(db, page)
    direction = "DESC" if page.order is Order.NEWEST else "ASC"
    sql = (
        f"SELECT idx FROM submission WHERE {where.sql} AND {condition}"  # noqa: S608 - constant SQL: see compile_query
        f" ORDER BY received_at_ns {direction}, idx {direction} LIMIT ?"
    )
    places = [place for (place,) in db.execute(sql, (*where.parameters, *values, page.limit + 1))]
    is_last = len(places) <= page.limit
    shown = places[: page.limit]
    more = 0 if is_last else _count_behind(db, where, page, shown[-1])
    return PageFound(tuple(reversed(shown) if page.order is Order.NEWEST else shown), more, matched, digest)


def digest_ids(db: sqlite3.Connection, where: Where) -> tuple[int, str]:
    """Return how many records match, and the digest over their ids; SQLite makes the text, in one pass."""
    name, values = _naming(db)
    sql = (
        f"SELECT count(*), coalesce(group_concat({name}, char(10)) || char(10), '') FROM"  # noqa: S608
        f" (SELECT idx FROM submission WHERE {where.sql} ORDER BY received_at_ns, idx)"
    )
    matched, ids = db.execute(sql, (*values, *where.parameters)).fetchone()
    return int(matched), sha256(ids.encode()).hexdigest()


def read_places(db: sqlite3.Connection, where: Where) -> "array[int]":
    """Return the places of all records that match, the oldest first: 8 bytes for each."""
    sql = f"SELECT idx FROM submission WHERE {where.sql} ORDER BY received_at_ns, idx"  # noqa: S608 - constant
    return array("q", (place for (place,) in db.execute(sql, where.parameters)))


def find_place(db: sqlite3.Connection, record_id: str) -> int | None:
    """Return the place of a record by its id, if its log is one of the index's."""
    log, _, number = record_id.rpartition("/")
    if not (number.isascii() and number.isdecimal()) or len(number) > len(str(LAST_NUMBER)):
        return None
    row = db.execute("SELECT log FROM state WHERE name = ?", (log,)).fetchone()
    return IndexedLog(row[0]).place(int(number)) if row and int(number) <= LAST_NUMBER else None


def _behind(db: sqlite3.Connection, page: Page) -> tuple[str, tuple[int, ...]]:
    if not page.before:
        return "1", ()
    place = find_place(db, page.before)
    row = db.execute("SELECT received_at_ns FROM submission WHERE idx = ?", (place,)).fetchone()
    if place is None or row is None:
        raise SiteError(f"there is no record {page.before} to go on from: begin with the first page again")
    return _after(page.order), (row[0], place)


def _after(order: Order) -> str:
    return f"(received_at_ns, idx) {'<' if order is Order.NEWEST else '>'} (?, ?)"


def _count_behind(db: sqlite3.Connection, where: Where, page: Page, last: int) -> int:
    sql = f"SELECT count(*) FROM submission WHERE {where.sql} AND {_after(page.order)}"  # noqa: S608 - constant
    (at_ns,) = db.execute("SELECT received_at_ns FROM submission WHERE idx = ?", (last,)).fetchone()
    return int(db.execute(sql, (*where.parameters, at_ns, last)).fetchone()[0])


def _naming(db: sqlite3.Connection) -> tuple[str, tuple[str | int, ...]]:
    """Return an expression for the id of the record at `idx`, and the values of its `?`."""
    rows = db.execute("SELECT log, name FROM state ORDER BY log").fetchall()
    cases = "".join(
        f" WHEN {IndexedLog(log).place(LAST_NUMBER)} >= idx THEN ? || (idx - ?)" for log, _ in rows
    )
    values = [value for log, name in rows for value in (f"{name}/", IndexedLog(log).place(0))]
    return f"CASE{cases} END" if rows else "idx", tuple(values)
