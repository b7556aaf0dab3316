"""A page of a result: which records it shows, how many match in all, and the digest over all of them."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import islice

from components.audit.index.database import Connection
from components.audit.index.logs import LAST_NUMBER, SEARCHED, IndexedLog
from components.audit.index.plan import count
from components.audit.index.stream import At, stream
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


def find_page(
    db: Connection,
    where: Where,
    page: Page,
    logs: Sequence[IndexedLog] = SEARCHED,
    *,
    with_count: bool = True,
    with_digest: bool = True,
) -> PageFound:
    """Find a page of what a compiled query matches, within the caller's transaction; raises SiteError.

    Records stand in the order of their times, and those of one time in that of their logs. A page may come first, and
    the count and the digest, which take their time where many match, with another call; `matched` is then only the
    number on the page.
    """
    behind, is_newest = _find_start(db, page), page.order is Order.NEWEST
    found = stream(db, where, logs, newest_first=is_newest, behind=behind)
    places = [at.place for at in islice(found, page.limit)]
    matched = sum(count(db, where, which) for which in logs) if with_count else len(places)
    more = matched - len(places)
    if behind is not None and more:
        more = sum(1 for _ in found) if len(places) == page.limit else 0
    digest = digest_ids(db, where, logs)[1] if with_digest else ""
    return PageFound(tuple(reversed(places) if is_newest else places), more, matched, digest)


def digest_ids(db: Connection, where: Where, logs: Sequence[IndexedLog] = SEARCHED) -> tuple[int, str]:
    """Return how many records match, and the digest over their ids; SQLite makes the text, in one pass."""
    name, values = _naming(db)
    sql = (
        f"SELECT count(*), coalesce(group_concat({name}, char(10)) || char(10), '') FROM"  # noqa: S608
        f" (SELECT idx FROM entry WHERE {where.sql} AND {_of_logs(logs)} ORDER BY received_at_ns, idx)"
    )
    matched, ids = db.execute(sql, (*values, *where.parameters)).fetchone()
    return int(matched), sha256(ids.encode()).hexdigest()


def read_places(db: Connection, where: Where, logs: Sequence[IndexedLog] = SEARCHED) -> "array[int]":
    """Return the places of all records that match, the oldest first: 8 bytes for each."""
    sql = f"SELECT idx FROM entry WHERE {where.sql} AND {_of_logs(logs)} ORDER BY received_at_ns, idx"  # noqa: S608 - constant
    return array("q", (place for (place,) in db.execute(sql, where.parameters)))


def find_place(db: Connection, record_id: str) -> int | None:
    """Return the place of a record by its id, if its log is one of the index's."""
    log, _, number = record_id.rpartition("/")
    if not (number.isascii() and number.isdecimal()) or len(number) > len(str(LAST_NUMBER)):
        return None
    row = db.execute("SELECT log FROM state WHERE name = ?", (log,)).fetchone()
    return IndexedLog(row[0]).place(int(number)) if row and int(number) <= LAST_NUMBER else None


def _of_logs(logs: Sequence[IndexedLog]) -> str:
    return " OR ".join(f"idx BETWEEN {which.place(0)} AND {which.place(LAST_NUMBER)}" for which in logs).join(
        "()"
    )


def _find_start(db: Connection, page: Page) -> At | None:
    if not page.before:
        return None
    place = find_place(db, page.before)
    row = db.execute("SELECT received_at_ns FROM entry WHERE idx = ?", (place,)).fetchone()
    if place is None or row is None:
        raise SiteError(f"there is no record {page.before} to go on from: begin with the first page again")
    return At(row[0], place)


def _naming(db: Connection) -> tuple[str, tuple[str | int, ...]]:
    """Return an expression for the id of the record at `idx`, and the values of its `?`."""
    rows = db.execute("SELECT log, name FROM state ORDER BY log").fetchall()
    cases = "".join(
        f" WHEN {IndexedLog(log).place(LAST_NUMBER)} >= idx THEN ? || (idx - ?)" for log, _ in rows
    )
    values = [value for log, name in rows for value in (f"{name}/", IndexedLog(log).place(0))]
    return f"CASE{cases} END" if rows else "idx", tuple(values)
