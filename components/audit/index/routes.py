"""Routes: who wrote to whom, as what kind of record and with which verdict; each once, and entries name it.

There are few of them beside entries: people write to the same ones again. So an entry takes a number instead of four
texts, conditions on people are worked out on this table, and counters are kept for each (index/facets.py).
"""

from collections.abc import Iterable
from typing import NamedTuple

from components.audit.index.database import Connection

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
    UNIQUE (sender, recipient, kind, verdict, log)
);
CREATE INDEX route_recipient ON route (recipient);
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
TABLES = ("account", "route")

_UNUSED = "DELETE FROM route WHERE id = ? AND NOT EXISTS (SELECT 1 FROM counter WHERE route = route.id)"


class Route(NamedTuple):
    """Who wrote to whom, by folded local parts and domains, as what kind of record of a log, with which verdict."""

    log: int
    kind: str
    verdict: str
    from_local: str
    from_domain: str
    to_local: str
    to_domain: str


def route_word(route: int) -> str:
    """Return the word by which FTS5 finds the entries of a route."""
    return f":r{route}"


def keep_routes(db: Connection, wanted: Iterable[Route]) -> dict[Route, int]:
    """Return the number of each route, within the caller's transaction; new ones get the next."""
    accounts: dict[tuple[str, str], int] = {}
    found = {}
    for route in wanted:
        ids = []
        for account in ((route.from_local, route.from_domain), (route.to_local, route.to_domain)):
            if account not in accounts:
                accounts[account] = _keep(db, "account", ("local", "domain"), account)
            ids.append(accounts[account])
        columns = ("sender", "recipient", "kind", "verdict", "log")
        found[route] = _keep(db, "route", columns, (*ids, route.kind, route.verdict, route.log))
    return found


def keep_names(db: Connection, table: str, names: Iterable[str]) -> dict[str, int]:
    """Return the number of each name in a table of names, within the caller's transaction."""
    return {name: _keep(db, table, ("name",), (name,)) for name in names}


def forget_routes(db: Connection, routes: Iterable[int]) -> None:
    """Remove those of these routes that no entry has any more, and addresses of nobody else."""
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


def _keep(db: Connection, table: str, columns: tuple[str, ...], values: tuple[str | int, ...]) -> int:
    named, marks = ", ".join(columns), ", ".join("?" * len(values))
    row = db.execute(
        f"SELECT id FROM {table} WHERE ({named}) = ({marks})",  # noqa: S608 - constant names
        values,
    ).fetchone()
    if row is None:
        row = db.execute(f"INSERT INTO {table} ({named}) VALUES ({marks}) RETURNING id", values).fetchone()  # noqa: S608
    return int(row[0])
