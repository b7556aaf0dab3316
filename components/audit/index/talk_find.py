"""Finds the records of conversations in the index (index/talk.py)."""

import json
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice

from components.audit.index.database import Connection
from components.audit.index.routes import match_routes
from components.audit.index.talk import Turn, fold_bare
from components.audit.query.ids import NAMED, IdRole, hash_id, match_id

_PAGE = """
SELECT entry.idx, entry.turn, route.conversation FROM word
CROSS JOIN entry ON entry.idx = word.rowid CROSS JOIN route ON route.id = entry.route
WHERE word MATCH ? AND word.rowid BETWEEN ? AND ? AND turn IN ({turns}) ORDER BY word.rowid {order} LIMIT ?
"""
_FIRST, _LAST = "ASC", "DESC"
_ROUTES = "SELECT id FROM route WHERE conversation IN (SELECT value FROM json_each(?)) ORDER BY id"
# FTS5 walks through a list for each route.
_ROUTES_AT_ONCE = 256
_NAMED = f"""
SELECT entry.idx, conversation FROM entry JOIN route ON route.id = entry.route
WHERE entry.idx IN ({NAMED}) AND turn != 0 ORDER BY entry.idx
"""  # noqa: S608 - constant
# The last move of each session, if it is a join.
_PRESENT = """
SELECT idx FROM talk_move WHERE conversation = ?1 AND joins != 0 AND idx IN (
    SELECT max(idx) FROM talk_move WHERE conversation = ?1 AND idx >= ?2 AND idx < ?3 AND epoch = ?4 GROUP BY session
)
"""

TurnAt = tuple[int, Turn, int]
"""A record's place, turn and conversation."""


def find_conversations(db: Connection, parties: Sequence[str]) -> dict[int, tuple[str, str]]:
    """Return the conversations among some people, or all that a room has, by their numbers.

    For two people and more: those of each two, and what one sends another as if to a room. For a single one: the
    room's, and what is said to one person in it; or all that a person says to others, one to one.
    """
    folded = sorted({fold_bare(party) for party in parties})
    if len(folded) == 1:
        sql, values = "SELECT id, a, b FROM talk_with WHERE (a = ? OR b = ?) AND a != b", folded * 2
    else:
        marks = ",".join("?" * len(folded))
        sql = f"SELECT id, a, b FROM talk_with WHERE a IN ({marks}) AND b IN ('', {marks}) AND a != b"  # noqa: S608
        values = folded * 2
    return {number: (a, b) for number, a, b in db.execute(sql, values)}


def find_accounts(db: Connection, name: str) -> list[str]:
    """Return the bare JIDs with a local part that somebody talks with, as a search folds them."""
    begin = f"{fold_bare(name)}@"
    found = set[str]()
    for side in ("a", "b"):
        sql = f"SELECT DISTINCT {side} FROM talk_with WHERE {side} >= ? AND {side} < ?"  # noqa: S608 - constant names
        found.update(jid for (jid,) in db.execute(sql, (begin, f"{begin[:-1]}A")))
    return sorted(found)


def find_own(db: Connection, person: str) -> int | None:
    """Return the number of what a person does alone: sessions, presence, questions to the archive."""
    folded = fold_bare(person)
    found = db.execute("SELECT id FROM talk_with WHERE a = ? AND b = ?", (folded, folded)).fetchone()
    return None if found is None else int(found[0])


def find_turns(
    db: Connection, conversations: Iterable[int], turns: Iterable[Turn], places: range, limit: int
) -> list[TurnAt]:
    """Return the first records of conversations in a range of places, at most `limit`, in order."""
    return list(islice(merge(*_pages(db, _FIRST, conversations, turns, places, limit)), limit))


def find_last_turns(
    db: Connection, conversations: Iterable[int], turns: Iterable[Turn], places: range, limit: int
) -> list[TurnAt]:
    """Return the last records of conversations in a range of places, at most `limit`, in order."""
    found = _pages(db, _LAST, conversations, turns, places, limit)
    return list(islice(merge(*found, reverse=True), limit))[::-1]


def _pages(
    db: Connection, order: str, conversations: Iterable[int], turns: Iterable[Turn], places: range, limit: int
) -> Iterator[list[TurnAt]]:
    sql = _PAGE.format(order=order, turns=", ".join(str(int(turn)) for turn in sorted(set(turns))))
    routes = [route for (route,) in db.execute(_ROUTES, (json.dumps(list(conversations)),))]
    for begin in range(0, len(routes), _ROUTES_AT_ONCE):
        match = match_routes(routes[begin : begin + _ROUTES_AT_ONCE])
        rows = db.execute(sql, (match, places.start, places.stop - 1, limit))
        yield [(place, Turn(turn), number) for place, turn, number in rows]


def find_turn(db: Connection, place: int) -> TurnAt | None:
    """Return what the record at a place is in its conversation."""
    sql = (
        "SELECT idx, turn, conversation FROM entry JOIN route ON route.id = route WHERE idx = ? AND turn != 0"
    )
    row = db.execute(sql, (place,)).fetchone()
    return None if row is None else (row[0], Turn(row[1]), row[2])


def find_parties(db: Connection, conversation: int) -> tuple[str, ...]:
    """Return the parties of a conversation, as a search folds them: one of a room, two of others."""
    row = db.execute("SELECT a, b FROM talk_with WHERE id = ?", (conversation,)).fetchone()
    return tuple(filter(None, row or ()))


def has_joins(db: Connection, conversation: int) -> bool:
    """Return whether somebody has ever joined what may be a room."""
    sql = "SELECT 1 FROM talk_move WHERE conversation = ? AND joins != 0 LIMIT 1"
    return db.execute(sql, (conversation,)).fetchone() is not None


def find_by_ids(
    db: Connection, ids: Iterable[str], role: IdRole, conversations: Iterable[int], limit: int
) -> list[int]:
    """Return the places of records of conversations that have one of some ids in a role, in order.

    At most `limit` for each id, the first ones.
    """
    some, found = set(conversations), set[int]()
    for id_ in ids:
        hash_ = hash_id(id_)
        # Rooms give ids of a message's own.
        given = hash_ if role is IdRole.OWN else None
        rows = db.execute(_NAMED, {"match": match_id(hash_, role), "hash": given})
        found.update(islice((idx for idx, conversation in rows if conversation in some), limit))
    return sorted(found)


def find_present(db: Connection, conversation: int, epoch: str, places: range) -> list[int]:
    """Return the places of the joins of those who are in a room at the end of a range of places, in order.

    Who joined before the server was started anew (in another `epoch`) is not in the room any more.
    """
    values = (conversation, places.start, places.stop, hash_id(epoch))
    return sorted(idx for (idx,) in db.execute(_PRESENT, values))
