"""Who was who, and when, in the index: as the gate recorded the directory (components/rules/recorded_directory.py)."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from components.archive.record import Event, RecordKind
from components.audit.index.database import Connection
from components.audit.query.words import fold_name
from components.audit.stanza import split_jid
from components.rules.recorded_directory import DETAIL, Listed, ListedChange, parse_listed, write_listed

# `recorded` keeps what each record says, as it stands there. `listed` is made of that: entries, each from one time
# until another (Unix time in nanoseconds), by which everything before the first record is judged, too.
SCHEMA = """
CREATE TABLE recorded (idx INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, name TEXT NOT NULL, lines BLOB NOT NULL);
CREATE TABLE listed (
    kind TEXT NOT NULL, enterprise TEXT NOT NULL, local TEXT NOT NULL, domain TEXT NOT NULL, desk TEXT NOT NULL,
    site TEXT NOT NULL, name TEXT NOT NULL, roles TEXT NOT NULL, id TEXT NOT NULL, address TEXT NOT NULL,
    words TEXT NOT NULL, since_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL
);
CREATE INDEX listed_domain ON listed (domain, local);
CREATE INDEX listed_desk ON listed (kind, enterprise, desk);
CREATE INDEX listed_until ON listed (until_ns);
"""
TABLES = ("recorded", "listed")

_FOREVER_NS = 2**63 - 1
_NO_RECORD = -1
_COLUMNS = "kind, enterprise, address, name, desk, site, roles, id"
_SAME = " AND ".join(f"{each} = ?" for each in _COLUMNS.split(", "))


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """What the record at a place says of the directory; `name` is the record's."""

    idx: int
    at_ns: int
    name: str
    lines: str


def read_directory(place: int, event: Event) -> DirectoryRow | None:
    """Return what a record says of the directory, if anything."""
    lines = dict(event.details).get(DETAIL)
    if event.kind is not RecordKind.RULES or not isinstance(lines, str):
        return None
    return DirectoryRow(place, min(event.at_ns, _FOREVER_NS - 1), event.name, lines)


def insert_directory(db: Connection, rows: Iterable[DirectoryRow]) -> None:
    """Insert rows in the log's order, within the caller's transaction."""
    for row in rows:
        db.execute(
            "INSERT INTO recorded VALUES (?, ?, ?, ?)",
            (row.idx, row.at_ns, row.name, zlib.compress(row.lines.encode())),
        )
        _apply(db, row.at_ns, row.name, row.lines)


def insert_known_directory(db: Connection, file: Path) -> None:
    """Insert the directory as it is now, if no record that opens says who was who; within the caller's transaction.

    An auditor with grants may have none of these records. Without a readable file, nobody is listed.
    """
    if db.execute("SELECT 1 FROM recorded").fetchone():
        return
    # Only now: nearly every index has such records.
    from policy.directory.directory import DirectoryError, parse_usable

    try:
        directory = parse_usable(file.read_text("utf-8")).directory
    except (OSError, UnicodeDecodeError, DirectoryError):
        return
    insert_directory(db, [DirectoryRow(_NO_RECORD, 0, "in-force", write_listed(directory))])


def forget_directory(db: Connection, places: str) -> None:
    """Remove what destroyed records said, within the caller's transaction; `places` is a JSON array."""
    gone = "idx IN (SELECT value FROM json_each(?))"
    if not db.execute(f"SELECT 1 FROM recorded WHERE {gone}", (places,)).fetchone():  # noqa: S608 - constant
        return
    db.execute(f"DELETE FROM recorded WHERE {gone}", (places,))  # noqa: S608 - constant
    db.execute("DELETE FROM listed")
    rows = db.execute("SELECT at_ns, name, lines FROM recorded ORDER BY idx").fetchall()
    for at_ns, name, lines in rows:
        _apply(db, at_ns, name, zlib.decompress(lines).decode())


def _apply(db: Connection, at_ns: int, name: str, lines: str) -> None:
    try:
        change = parse_listed(name, lines)
    except ValueError:
        return  # of a later version: nobody is listed anew, and nobody is gone
    latest = db.execute("SELECT max(since_ns) FROM listed").fetchone()[0]
    # The first record tells of the time before it, too; and no clock goes back.
    since_ns = 0 if latest is None else max(at_ns, int(latest))
    new, gone = _compare(db, change)
    for entry in gone:
        db.execute(
            f"UPDATE listed SET until_ns = ? WHERE until_ns = ? AND {_SAME}",  # noqa: S608 - constant names
            (since_ns, _FOREVER_NS, *_values(entry)),
        )
    db.executemany(
        "INSERT INTO listed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(each, since_ns) for each in new],
    )


def _compare(db: Connection, change: ListedChange) -> tuple[list[Listed], list[Listed]]:
    """Return which entries begin and which end."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM listed WHERE until_ns = ?", (_FOREVER_NS,))  # noqa: S608
    now = {Listed(*row) for row in rows}
    after = set(change.new) if change.is_whole else (now - set(change.gone)) | set(change.new)
    return sorted(after - now), sorted(now - after)


def _values(entry: Listed) -> tuple[str, ...]:
    return (
        str(entry.kind), entry.enterprise, entry.address, entry.name, entry.desk, entry.site, entry.roles, entry.id
    )  # fmt: skip


def _row(entry: Listed, since_ns: int) -> tuple[str | int, ...]:
    local, domain = split_jid(entry.address)
    words = fold_name(f"{entry.name}\n{local}")
    return (
        str(entry.kind), entry.enterprise, local, domain, entry.desk, entry.site, entry.name, entry.roles, entry.id,
        entry.address, words, since_ns, _FOREVER_NS,
    )  # fmt: skip
