"""Messages that came from another site, in the index: each with the record that the other site's gate made of it.

A gate puts a receipt into each message that it lets go (gate protocol, 4.2). At the next site the message arrives with
it. So an auditor of both sites knows that two records are of one message (docs/sites.md).
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from components.archive.record import Submission
from components.audit.index.database import Connection
from components.audit.marks import Marks
from components.audit.query.compile import Where
from components.audit.stanza import split_jid
from policy.facts import Way

# `idx` is the place of the message, `domain` that of its sender. `record` is the id of its record at the site whose
# gate is `gate`. A message that went through a room of a third site has a row for each gate.
SCHEMA = """
CREATE TABLE crossed (
    idx INTEGER NOT NULL, gate TEXT NOT NULL, record TEXT NOT NULL, domain TEXT NOT NULL, PRIMARY KEY (idx, gate)
) WITHOUT ROWID;
CREATE INDEX crossed_record ON crossed (gate, record);
"""
TABLES = ("crossed",)

_RECEIPT = re.compile(r"[^\s/]{1,255}/[0-9]{1,18}")
_GONE = "idx IN (SELECT value FROM json_each(?))"
_PLACES_AT_ONCE = 10_000


class Crossing(NamedTuple):
    """The message at a place has the record `record` at the site of this gate, and came from `domain`."""

    idx: int
    gate: str
    record: str
    domain: str


def read_crossings(place: int, submission: Submission, marks: Marks) -> list[Crossing]:
    """Return which records of other sites a message names by its receipts; none if it did not come from one.

    A gate removes what others put there in its name, so an honest site sends one receipt of its own. Two that differ
    say nothing.
    """
    if submission.way != Way.S2S or marks.kind != "message":
        return []
    domain = split_jid(marks.sender)[1]
    named: dict[str, set[str]] = {}
    for by, id_ in marks.stanza_ids:
        if by and "@" not in by and "/" not in by and _RECEIPT.fullmatch(id_):
            named.setdefault(by.lower(), set()).add(id_)
    return [Crossing(place, gate, min(ids), domain) for gate, ids in named.items() if len(ids) == 1]


def insert_crossings(db: Connection, rows: Iterable[Crossing]) -> None:
    """Insert rows, within the caller's transaction."""
    db.executemany("INSERT OR IGNORE INTO crossed VALUES (?, ?, ?, ?)", rows)


def forget_crossings(db: Connection, places: str) -> None:
    """Remove those of destroyed messages, within the caller's transaction; `places` is a JSON array."""
    db.execute(f"DELETE FROM crossed WHERE {_GONE}", (places,))  # noqa: S608 - constant


def find_crossings(db: Connection, where: Where) -> list[Crossing]:
    """Find which of the messages that a compiled query matches came from other sites, in the order of places."""
    sql = f"SELECT idx FROM entry WHERE idx IN (SELECT idx FROM crossed) AND {where.sql}"  # noqa: S608 - constant
    found = [int(str(idx)) for (idx,) in db.execute(sql, where.parameters)]
    return [row for some in _parts(found) for row in read_crossings_at(db, some)]


def read_crossings_at(db: Connection, places: Sequence[int]) -> list[Crossing]:
    """Return the rows of messages at some places."""
    sql = f"SELECT idx, gate, record, domain FROM crossed WHERE {_GONE} ORDER BY idx, gate"  # noqa: S608 - constant
    return [Crossing(*row) for row in db.execute(sql, (json.dumps(list(places)),))]


def find_arrived(db: Connection, gate: str, record: str) -> list[Crossing]:
    """Find the messages that arrived here with this receipt, in the order of places."""
    sql = "SELECT idx, gate, record, domain FROM crossed WHERE gate = ? AND record = ? ORDER BY idx"
    return [Crossing(*row) for row in db.execute(sql, (gate, record))]


def keep_matching(db: Connection, places: Iterable[int], where: Where) -> set[int]:
    """Return those of some places whose records a compiled query matches."""
    sql = f"SELECT idx FROM entry WHERE {_GONE} AND {where.sql}"  # noqa: S608 - constant
    return {
        int(str(idx))
        for some in _parts(sorted(set(places)))
        for (idx,) in db.execute(sql, (json.dumps(some), *where.parameters))
    }


def only(places: Iterable[int]) -> Where:
    """Return the condition that a record is at one of some places."""
    return Where(f"({_GONE})", (json.dumps(sorted(places)),))


def _parts(places: Sequence[int]) -> Iterable[Sequence[int]]:
    return (places[at : at + _PLACES_AT_ONCE] for at in range(0, len(places), _PLACES_AT_ONCE))
