"""A page of a result: which records it shows, how many match in all, and the digest over all of them."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from components.audit.index.database import Connection
from components.audit.index.index import Index
from components.audit.index.logs import LAST_NUMBER, IndexedLog, find_record
from components.audit.index.plan import plan
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
    """The places of a page's records, the oldest first; whether there `is_more` behind them.

    `digest` is the SHA-256 (hex) over the ids of all `matched` records among `entries`, one a line, the oldest first.
    """

    places: tuple[int, ...]
    is_more: bool
    matched: int
    entries: int
    digest: str


def find_page(index: Index, where: Where, page: Page, logs: Sequence[IndexedLog]) -> PageFound:
    """Find a page of what a compiled query matches in these logs; raises SiteError."""
    is_oldest = page.order is Order.OLDEST
    behind = _find_behind(index, page.before) if page.before else None
    found = index.find(where, page.limit + 1, logs=logs, behind=behind, oldest=is_oldest)
    is_more = len(found.indexes) > page.limit
    shown = found.indexes[: page.limit] if is_oldest else found.indexes[-page.limit :]
    with index.look() as db:
        digest = digest_ids(index, db, where, logs)
    return PageFound(shown, is_more, found.matched, found.submissions, digest)


def digest_ids(index: Index, db: Connection, where: Where, logs: Sequence[IndexedLog]) -> str:
    """Return the digest over the ids of all records that match, within the caller's look, the oldest first.

    Where they are all of one log, SQLite itself writes the text of which this is the digest.
    """
    names = read_names(db)
    plans = [
        (which, planned) for which in logs if (planned := plan(db, where, which)) and planned.find_any(db)
    ]
    if len(plans) > 1:
        return digest_places(index.stream(where, logs=logs), names)
    if not plans:
        return sha256(b"").hexdigest()
    which, planned = plans[0]
    ids = planned.write_ids(db, f"{names[which]}/", which.place(0))
    return sha256(ids.encode()).hexdigest()


def digest_places(places: Iterable[int], names: Mapping[IndexedLog, str]) -> str:
    """Return the digest over the ids of the records at some places, a line each."""
    digest = sha256()
    for place in places:
        digest.update(f"{name_place(place, names)}\n".encode())
    return digest.hexdigest()


def read_places(index: Index, where: Where, logs: Sequence[IndexedLog]) -> "array[int]":
    """Return the places of all records that match, within the caller's look, the oldest first: 8 bytes for each."""
    return array("q", index.stream(where, logs=logs))


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


def _find_behind(index: Index, record_id: str) -> int:
    with index.look() as db:
        place = find_place(db, record_id)
        if place is None or db.execute("SELECT 1 FROM entry WHERE idx = ?", (place,)).fetchone() is None:
            raise SiteError(f"there is no record {record_id} to go on from: begin with the first page again")
    return place
