"""The shelves of the spool: who and what is on each, and what people and rooms were called there."""

from collections.abc import Iterator
from sqlite3 import Connection

from components.audit.export.format import Shelf
from components.audit.export.spooled import decode_message

_ON_SHELF = "SELECT data FROM held JOIN message USING (place) WHERE shelf = ? ORDER BY at_ns, place"


def read_shelves(db: Connection) -> Iterator[Shelf]:
    """Yield all shelves that have messages, in order."""
    for (number,) in db.execute("SELECT number FROM shelf ORDER BY number"):
        if (shelf := read_shelf(db, number)).count:
            yield shelf


def read_shelf(db: Connection, number: int) -> Shelf:
    """Return a shelf."""
    sql = "SELECT name, first_ns, last_ns FROM shelf WHERE number = ?"
    name, first_ns, last_ns = db.execute(sql, (number,)).fetchone()
    people = db.execute("SELECT jid FROM person WHERE shelf = ? ORDER BY jid", (number,))
    (count,) = db.execute("SELECT count(*) FROM held WHERE shelf = ?", (number,)).fetchone()
    return Shelf(
        number, name, tuple(jid for (jid,) in people), first_ns, last_ns, count, _read_names(db, number)
    )


def _read_names(db: Connection, number: int) -> dict[str, str]:
    names: dict[str, str] = {}
    # In the order in which they had these names.
    for jid, name in db.execute("SELECT jid, name FROM named WHERE shelf = ? ORDER BY rowid", (number,)):
        names[jid] = f"{names[jid]}, later {name}" if jid in names else name
    return names


def measure_shelf(db: Connection, number: int) -> None:
    """Find again who is on a shelf and when it begins and ends, now that a message of it is gone.

    Within the caller's transaction.
    """
    left = [decode_message(data, frozenset()) for (data,) in db.execute(_ON_SHELF, (number,))]
    times = [each.at_ns for each in left] or [0]
    for table in ("person", "named"):
        db.execute(f"DELETE FROM {table} WHERE shelf = ?", (number,))  # noqa: S608 - constant
    db.execute(
        "UPDATE shelf SET first_ns = ?, last_ns = ? WHERE number = ?", (min(times), max(times), number)
    )
    people = [(number, jid) for jid in dict.fromkeys(jid for each in left for jid in each.people)]
    db.executemany("INSERT INTO person VALUES (?, ?)", people)
    named = [(number, *pair) for each in left for pair in each.named]
    db.executemany("INSERT OR IGNORE INTO named VALUES (?, ?, ?)", named)
