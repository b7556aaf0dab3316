"""What stanzas do to a conversation, in the index, and what was done to them later: corrected, retracted."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from components.audit.index.database import Connection, Value
from components.audit.index.row_lists import extend_lists
from components.audit.index.talk import own_ids
from components.audit.marks import Mark, Marks
from components.audit.query.context import DEFAULT_TYPE
from components.audit.query.ids import NAMED, IdRole, hash_id, match_id
from components.audit.query.tree import SearchKind, State

# Most records are messages of the type `chat` that say something: they have no row in `mark`. `besides` is what a
# stanza does in addition. `alters` names by its hash what a record corrects or retracts, `altered` the record that this
# is: the newest before it of the same sender to the same recipient or room, or else the first behind it.
SCHEMA = """
CREATE TABLE mark (idx INTEGER PRIMARY KEY, state TEXT NOT NULL, type TEXT NOT NULL, says INTEGER NOT NULL);
CREATE INDEX mark_state ON mark (state);
CREATE TABLE besides (state TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (state, idx)) WITHOUT ROWID;
CREATE TABLE alters (
    hash TEXT NOT NULL, idx INTEGER NOT NULL, how TEXT NOT NULL, is_by_moderator INTEGER NOT NULL,
    PRIMARY KEY (hash, idx, how)
) WITHOUT ROWID;
CREATE TABLE altered (
    how TEXT NOT NULL, idx INTEGER NOT NULL, source INTEGER NOT NULL, PRIMARY KEY (how, idx, source)
) WITHOUT ROWID;
"""
TABLES = ("mark", "besides", "alters", "altered")

_HOW = {Mark.CORRECTION: State.EDITED, Mark.RETRACTION: State.RETRACTED}
_CARRIED = ("release", "amend")
_TARGET = f"""
SELECT target.idx FROM entry AS target
JOIN route AS its ON its.id = target.route JOIN entry AS own ON own.idx = :idx JOIN route AS way ON way.id = own.route
WHERE target.idx IN ({NAMED}) AND target.idx != own.idx AND way.verdict IN ('release', 'amend')
AND its.recipient = way.recipient AND (:is_by_moderator != 0 OR its.sender = way.sender)
ORDER BY target.idx > own.idx, abs(target.idx - own.idx) LIMIT 1
"""  # noqa: S608 - constant
# What waits for the records with these ids: nothing had such an id yet.
_WAITING = """
SELECT hash, idx, how, is_by_moderator FROM alters WHERE hash IN (SELECT value FROM json_each(?))
AND NOT EXISTS (SELECT 1 FROM altered WHERE altered.source = alters.idx AND altered.how = alters.how)
"""


class MarkRow(NamedTuple):
    """What the record at a place does; it `says` something or not."""

    idx: int
    kind: SearchKind
    marks: Marks
    says: bool

    @property
    def type(self) -> str:
        """The type of a stanza; a message without one is `normal` (RFC 6121, 5.2.2)."""
        return self.marks.type or ("normal" if self.kind is SearchKind.MESSAGE else "")

    @property
    def is_plain(self) -> bool:
        """Whether it is what most are."""
        return (self.kind, self.marks.mark, self.type, self.says) == (
            SearchKind.MESSAGE,
            Mark.MESSAGE,
            DEFAULT_TYPE,
            True,
        )


class MarkRows:
    """The rows of what some records do, in the order of their log; `hashes` are those of their ids."""

    def __init__(self) -> None:
        self.marked: list[tuple[int, str, str, int]] = []
        self.besides: list[tuple[str, int]] = []
        self.alters: list[tuple[str, int, str, int]] = []
        self.hashes: list[str] = []

    def add(self, row: MarkRow) -> None:
        """Add what a record does."""
        if not row.is_plain:
            self.marked.append((row.idx, str(row.marks.mark), row.type, int(row.says)))
        self.besides += [(str(mark), row.idx) for mark, _ in row.marks.also]
        self.alters += _read_alters(row)
        self.hashes += [hash_id(id_) for id_ in own_ids(row.marks)]

    def extend(self, other: "MarkRows") -> None:
        """Add the rows of the records behind these."""
        extend_lists(self, other)

    def insert(self, db: Connection) -> None:
        """Insert all rows, within the caller's transaction, after the records themselves and their ids."""
        db.executemany("INSERT INTO mark VALUES (?, ?, ?, ?)", self.marked)
        db.executemany("INSERT OR IGNORE INTO besides VALUES (?, ?)", self.besides)
        resolve_waiting(db, self.hashes)
        db.executemany("INSERT OR IGNORE INTO alters VALUES (?, ?, ?, ?)", self.alters)
        _alter(db, self.alters)


def resolve_waiting(db: Connection, hashes: Iterable[str]) -> None:
    """Let those that name ids by these hashes find what has them now, within the caller's transaction."""
    _alter(db, db.execute(_WAITING, (json.dumps(list(hashes)),)).fetchall())


def forget_marks(db: Connection, places: str) -> None:
    """Remove the marks of destroyed records, within the caller's transaction, after the records; `places` is JSON."""
    gone = "IN (SELECT value FROM json_each(?))"
    lost = db.execute(
        f"SELECT hash, alters.idx, alters.how, is_by_moderator FROM altered JOIN alters"  # noqa: S608 - constant
        f" ON alters.idx = altered.source AND alters.how = altered.how WHERE altered.idx {gone}",
        (places,),
    ).fetchall()
    for table in ("mark", "besides", "alters", "altered"):
        db.execute(f"DELETE FROM {table} WHERE idx {gone}", (places,))  # noqa: S608 - constant names
    db.execute(f"DELETE FROM altered WHERE source {gone}", (places,))  # noqa: S608 - constant
    # As the index would be, made without them: an older one of the same id may be meant now.
    still = {idx for (idx,) in db.execute("SELECT idx FROM alters")} if lost else set()
    _alter(db, [row for row in lost if row[1] in still])


def _read_alters(row: MarkRow) -> Iterable[tuple[str, int, str, int]]:
    for mark, target in ((row.marks.mark, row.marks.target), *row.marks.also):
        if mark in _HOW and target:
            yield hash_id(target), row.idx, str(_HOW[mark]), int(row.marks.is_by_moderator)


def _alter(db: Connection, alters: Iterable[tuple[str, int, str, int]]) -> None:
    for hash_, idx, how, is_by_moderator in alters:
        match = match_id(hash_, IdRole.OWN, IdRole.ALONE)
        values: dict[str, Value] = {
            "match": match,
            "hash": hash_,
            "idx": idx,
            "is_by_moderator": is_by_moderator,
        }
        target = db.execute(_TARGET, values).fetchone()
        if target:
            db.execute("INSERT OR IGNORE INTO altered VALUES (?, ?, ?)", (how, target[0], idx))
