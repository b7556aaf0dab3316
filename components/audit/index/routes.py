"""Routes: who wrote to whom, in which conversation, as what kind of record, with which verdict; each once.

There are few of them beside entries: people write to the same ones again. So an entry takes a number instead of four
texts, conditions on people are worked out on this table, and counters are kept for each (index/facets.py).

A conversation has the bare JIDs `a` and `b` as a search folds them, in order; a room has no `b`, and what a person does
alone has both the same.
"""

from collections.abc import Iterable
from typing import NamedTuple

from components.audit.index.database import Connection
from components.audit.query.ids import match_own

SCHEMA = """
CREATE TABLE account (id INTEGER PRIMARY KEY, local TEXT NOT NULL, domain TEXT NOT NULL, UNIQUE (domain, local));
CREATE INDEX account_local ON account (local);
CREATE TABLE route (
    id INTEGER PRIMARY KEY,
    log INTEGER NOT NULL,
    kind TEXT NOT NULL,
    verdict TEXT NOT NULL,
    sender INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    UNIQUE (sender, recipient, kind, verdict, log, conversation)
);
CREATE INDEX route_recipient ON route (recipient);
CREATE INDEX route_conversation ON route (conversation);
CREATE TABLE talk_with (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL, UNIQUE (a, b));
CREATE INDEX talk_with_b ON talk_with (b);
CREATE VIEW submission AS
SELECT entry.idx, route.kind, entry.received_at_ns,
       sender.local AS from_local, sender.domain AS from_domain,
       recipient.local AS to_local, recipient.domain AS to_domain,
       coalesce(thread.name, '') AS thread, route.verdict, entry.segment, entry.route
FROM entry
LEFT JOIN route ON route.id = entry.route
LEFT JOIN account AS sender ON sender.id = route.sender
LEFT JOIN account AS recipient ON recipient.id = route.recipient
LEFT JOIN thread ON thread.id = entry.thread;
"""
TABLES = ("account", "route", "talk_with")

NO_CONVERSATION = 0

_COLUMNS = ("sender", "recipient", "kind", "verdict", "log", "conversation")
_UNUSED = "DELETE FROM route WHERE id = ? AND NOT EXISTS (SELECT 1 FROM counter WHERE route = route.id)"


class Route(NamedTuple):
    """Who wrote to whom, by folded local parts and domains, as what kind of record of a log, with which verdict.

    `parties` are those of the conversation: one bare JID for a room, two for others, none for what belongs to none.
    """

    log: int
    kind: str
    verdict: str
    from_local: str
    from_domain: str
    to_local: str
    to_domain: str
    parties: tuple[str, ...] = ()


def route_word(route: int) -> str:
    """Return the word by which FTS5 finds the entries of a route."""
    return f":r{route}"


def match_routes(routes: Iterable[int]) -> str:
    """Return what FTS5 has to match for the entries of these routes."""
    return match_own(map(route_word, routes))


def keep_routes(db: Connection, wanted: Iterable[Route]) -> dict[Route, int]:
    """Return the number of each route, within the caller's transaction; new ones get the next."""
    accounts: dict[tuple[str, str], int] = {}
    conversations: dict[tuple[str, ...], int] = {(): NO_CONVERSATION}
    found = {}
    for route in wanted:
        ids = []
        for account in ((route.from_local, route.from_domain), (route.to_local, route.to_domain)):
            if account not in accounts:
                accounts[account] = _keep(db, "account", ("local", "domain"), account)
            ids.append(accounts[account])
        if route.parties not in conversations:
            conversations[route.parties] = keep_conversation(db, route.parties)
        way = (route.kind, route.verdict, route.log, conversations[route.parties])
        found[route] = _keep(db, "route", _COLUMNS, (*ids, *way))
    return found


def keep_conversation(db: Connection, parties: tuple[str, ...]) -> int:
    """Return the number of a conversation by its parties, one or two, within the caller's transaction."""
    first, second = (*parties, "")[:2]
    return _keep(db, "talk_with", ("a", "b"), (first, second))


def keep_names(db: Connection, table: str, names: Iterable[str]) -> dict[str, int]:
    """Return the number of each name in a table of names, within the caller's transaction."""
    return {name: _keep(db, table, ("name",), (name,)) for name in names}


def forget_routes(db: Connection, routes: Iterable[int]) -> None:
    """Remove those of these routes that no entry has any more, and addresses and conversations of no other."""
    for route in routes:
        ends = db.execute("SELECT sender, recipient FROM route WHERE id = ?", (route,)).fetchone()
        db.execute(_UNUSED, (route,))
        for account in ends or ():
            db.execute(
                "DELETE FROM account WHERE id = ?1"
                " AND NOT EXISTS (SELECT 1 FROM route WHERE sender = ?1)"
                " AND NOT EXISTS (SELECT 1 FROM route WHERE recipient = ?1)",
                (account,),
            )
    db.execute(
        "DELETE FROM talk_with WHERE NOT EXISTS (SELECT 1 FROM route WHERE conversation = talk_with.id)"
    )


def _keep(db: Connection, table: str, columns: tuple[str, ...], values: tuple[str | int, ...]) -> int:
    named, marks = ", ".join(columns), ", ".join("?" * len(values))
    row = db.execute(
        f"SELECT id FROM {table} WHERE ({named}) = ({marks})",  # noqa: S608 - constant names
        values,
    ).fetchone()
    if row is None:
        row = db.execute(f"INSERT INTO {table} ({named}) VALUES ({marks}) RETURNING id", values).fetchone()  # noqa: S608
    return int(row[0])
