"""A page of a result: which records it shows, how many match in all, and the digest over all of them."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import islice

from components.audit.index.database import Connection
from components.audit.index.index import Index
from components.audit.index.logs import LAST_NUMBER, IndexedLog, find_record
from components.audit.index.plan import count, plan_all
from components.audit.index.stream import At, stream
from components.audit.query.compile import EVERYTHING, Where
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
    """The places of a page's records, the oldest first; whether there `is_more` behind them.

    `digest` is the SHA-256 (hex) over the ids of all `matched` records among `entries`, one a line, log by log.
    """

    places: tuple[int, ...]
    is_more: bool
    matched: int
    entries: int
    digest: str


def find_page(index: Index, where: Where, page: Page, logs: Sequence[IndexedLog]) -> PageFound:
    """Find a page of what a compiled query matches in these logs; raises SiteError.

    Records stand in the order of their times, and those of one time in that of their logs.
    """
    is_newest = page.order is Order.NEWEST
    with index.look() as db:
        behind = _find_start(db, page.before) if page.before else None
        matched, digest, matching = _find_ids(db, where, logs)
        found = stream(db, where, matching, newest_first=is_newest, behind=behind)
        places = tuple(at.place for at in islice(found, page.limit + 1))
        shown = places[: page.limit]
        return PageFound(
            shown[::-1] if is_newest else shown,
            len(places) > page.limit,
            matched,
            count(db, EVERYTHING, logs),
            digest,
        )


def digest_ids(db: Connection, where: Where, logs: Sequence[IndexedLog]) -> str:
    """Return the digest over the ids of all records that match, within the caller's look: log by log, in its order."""
    return count_and_digest(db, where, logs)[1]


def count_and_digest(db: Connection, where: Where, logs: Sequence[IndexedLog]) -> tuple[int, str]:
    """Return how many records match, and the digest over their ids, in one pass."""
    return _find_ids(db, where, logs)[:2]


def _find_ids(db: Connection, where: Where, logs: Sequence[IndexedLog]) -> tuple[int, str, list[IndexedLog]]:
    """Return how many records match, the digest over their ids, and in which logs they are.

    SQLite itself writes the text of which this is the digest.
    """
    names, digest, matched = read_names(db), sha256(), 0
    begins = {which: f"{names[which]}/" for which in logs if which in names}
    matching = set[IndexedLog]()
    for planned in plan_all(db, where, list(begins)):
        ids = planned.write_ids(db, begins)
        matched += ids.count("\n")
        digest.update(ids.encode())
        # What is in none of its records need not be gone through in a log again.
        matching |= {log for log, begin in begins.items() if ids.startswith(begin) or f"\n{begin}" in ids}
    return matched, digest.hexdigest(), sorted(matching)


def read_places(db: Connection, where: Where, logs: Sequence[IndexedLog]) -> "array[int]":
    """Return the places of all records that match, within the caller's look, the oldest first: 8 bytes for each."""
    return array("q", (at.place for at in stream(db, where, logs)))


def read_names(db: Connection) -> dict[IndexedLog, str]:
    """Return the names of the indexed logs, as ids of their records begin."""
    rows = db.execute("SELECT log, name FROM state").fetchall()
    return {IndexedLog(log): name or IndexedLog(log).name.lower() for log, name in rows}


def name_place(place: int, names: Mapping[IndexedLog, str]) -> str:
    """Return the id of the record at a place, by the names of logs."""
    which, number = find_record(place)
    return f"{names.get(which, which.name.lower())}/{number}"


def find_place(db: Connection, record_id: str) -> int | None:
    """Return the place of a record by its id, if its log is one of the index's."""
    log, _, number = record_id.rpartition("/")
    if not (number.isascii() and number.isdecimal()) or len(number) > len(str(LAST_NUMBER)):
        return None
    named = [which for which, name in read_names(db).items() if name == log]
    return named[0].place(int(number)) if named and int(number) <= LAST_NUMBER else None


def _find_start(db: Connection, record_id: str) -> At:
    place = find_place(db, record_id)
    row = db.execute("SELECT received_at_ns FROM entry WHERE idx = ?", (place,)).fetchone()
    if place is None or row is None:
        raise SiteError(f"there is no record {record_id} to go on from: begin with the first page again")
    return At(row[0], place)
