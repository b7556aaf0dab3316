"""The messages of an export over several sites: each once, with its records at all of them, in the order of time.

They are kept in a file of their own while they are put in order, so that a million take no more memory than a thousand.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

from components.audit.index.crossed import Crossing, read_crossings_at
from components.audit.index.database import Connection
from components.audit.index.logs import LAST_NUMBER, IndexedLog
from components.audit.index.pages import read_names
from components.audit.indexed import open_site_index
from components.audit.sites.doubles import Spot, fold_doubles
from components.audit.sites.named import NamedSite

_AT_ONCE = 5_000
# `at_ns` is when a record was received, null where the index does not know it any more.
_SCHEMA = """
CREATE TABLE record (
    rank INTEGER NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, at_ns INTEGER, PRIMARY KEY (rank, place)
) WITHOUT ROWID
"""
_TIMES = "SELECT idx, received_at_ns FROM entry WHERE idx IN (SELECT value FROM json_each(?))"
_HAS = "SELECT 1 FROM record WHERE rank = ? AND place = ?"
_IN_ORDER = "SELECT rank, place, id, at_ns FROM record ORDER BY at_ns, rank, place"


class ToldMessage(NamedTuple):
    """A message, or another record, by the id of the record that stands for it; `also` are the others of the same."""

    id: str
    at_ns: int | None
    also: tuple[str, ...]


class ExportedMessages:
    """The records that were exported, of all sites; `doubles` are those for which others stand."""

    def __init__(self) -> None:
        # In a file that SQLite makes and removes by itself.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute(_SCHEMA)
        self._crossings = list[tuple[NamedSite, Crossing]]()
        self._names: dict[int, dict[str, IndexedLog]] = {}
        self.doubles: Mapping[Spot, Spot] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @property
    def count(self) -> int:
        """How many messages and other records there are, each once."""
        (records,) = self._db.execute("SELECT count(*) FROM record").fetchone()
        return int(records) - len(self.doubles)

    def add(self, site: NamedSite, matched: Path) -> None:
        """Add the records of a site, whose ids are in a file, one a line."""
        with (
            open_site_index(site.settings) as index,
            index.look() as db,
            matched.open(encoding="utf-8") as ids,
        ):
            self._names[site.rank] = {name: which for which, name in read_names(db).items()}
            lines = (line.rstrip("\n") for line in ids)
            while some := list(islice(lines, _AT_ONCE)):
                self._add(site, db, some)

    def _add(self, site: NamedSite, db: Connection, ids: Sequence[str]) -> None:
        places = [self._place(site.rank, id_) for id_ in ids]
        times = dict(db.execute(_TIMES, (json.dumps(places),)))
        rows = ((site.rank, place, id_, times.get(place)) for place, id_ in zip(places, ids, strict=True))
        self._db.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", rows)
        self._crossings += ((site, each) for each in read_crossings_at(db, places))

    def _place(self, rank: int, id_: str) -> int:
        name, _, number = id_.rpartition("/")
        return self._names[rank][name].place(int(number))

    def pair(self, sites: Iterable[NamedSite]) -> None:
        """Find which records are copies of others, by their receipts, as a search does."""
        copy_of: dict[Spot, Spot] = {}
        for there in sites:
            for site, each in self._crossings:
                if site is there or each.gate != there.gate or each.domain not in there.domains:
                    continue
                place = self._find(there.rank, each.record)
                if place is not None:
                    copy_of.setdefault(Spot(site.rank, each.idx), Spot(there.rank, place))
        self.doubles = fold_doubles(copy_of)

    def _find(self, rank: int, id_: str) -> int | None:
        """Return the place of a record of the gate, if it was exported."""
        name, _, number = id_.rpartition("/")
        if self._names[rank].get(name) is not IndexedLog.GATE or int(number) > LAST_NUMBER:
            return None
        place = IndexedLog.GATE.place(int(number))
        return place if self._db.execute(_HAS, (rank, place)).fetchone() else None

    def tell(self, sites: Iterable[NamedSite]) -> Iterator[ToldMessage]:
        """Yield each message once, in the order of time, with ids that begin with the names of their sites."""
        names = {site.rank: site.name for site in sites}
        copies: dict[Spot, list[Spot]] = {}
        for copy in sorted(self.doubles):
            copies.setdefault(self.doubles[copy], []).append(copy)
        for rank, place, id_, at_ns in self._db.execute(_IN_ORDER):
            spot = Spot(rank, place)
            if spot not in self.doubles:
                also = tuple(f"{names[each.rank]}:{self._id(each)}" for each in copies.get(spot, ()))
                yield ToldMessage(f"{names[rank]}:{id_}", at_ns, also)

    def _id(self, spot: Spot) -> str:
        (id_,) = self._db.execute("SELECT id FROM record WHERE rank = ? AND place = ?", spot).fetchone()
        return str(id_)
