"""A log in its SQLite database (docs/archive-format.md, section 8)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from components.verifier.format import HASH_SIZE_BYTES, TILE_WIDTH, Leaf, Row, parse_row
from components.verifier.report import Findings, UsageError
from components.verifier.segment import SegmentRow
from components.verifier.tree import hash_leaf

SELECT_RECORDS = (
    "SELECT idx, coalesce(CAST(leaf AS BLOB), x''), CAST(payload AS BLOB) FROM record"
    " WHERE idx >= ? AND idx < ? ORDER BY idx"
)
SELECT_LEDGER = (
    "SELECT idx, CAST(leaf AS BLOB), CAST(payload AS BLOB) FROM record"
    " WHERE substr(CAST(leaf AS BLOB), 2, 1) IN (x'42', x'43', x'44') ORDER BY idx"
)
SELECT_SEGMENT = (
    "SELECT class, first, opened_at_ns, manifest, CAST(keys AS BLOB) FROM segment WHERE number = ?"
)
SELECT_CHECKPOINTS = "SELECT second, size, coalesce(CAST(note AS BLOB), x'') FROM checkpoint"


class Database:
    """A log's tables, as one snapshot (Source).

    `surplus` names tiles that hold more than they should; `lost_ledger` says that a record about the log itself could
    not be read.
    """

    has_payloads = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.surplus: list[str] = []
        self.lost_ledger = False
        connection.execute("BEGIN")

    def fetch_rows(self, first: int, end: int) -> list[Row]:
        """See Source."""
        return self._connection.execute(SELECT_RECORDS, (first, end)).fetchall()

    def fetch_tile(self, level: int, n: int, width: int) -> bytes:
        """See Source."""
        sql = "SELECT CAST(hashes AS BLOB) FROM tile WHERE level = ? AND n = ?"
        row = self._connection.execute(sql, (level, n)).fetchone()
        tile = bytes(row[0] or b"") if row else b""
        if tile[width * HASH_SIZE_BYTES :].strip(b"\0"):
            self.surplus.append(f"{level}/{n}")
        return tile[: width * HASH_SIZE_BYTES]

    def fetch_meta(self) -> dict[bytes, bytes]:
        """Return the database's description of itself."""
        return dict(self._connection.execute("SELECT key, value FROM meta"))

    def fetch_checkpoints(self, order: str = "second") -> Iterator[tuple[int, int, bytes]]:
        """Return the kept checkpoints as (second, size, note)."""
        return self._connection.execute(f"{SELECT_CHECKPOINTS} ORDER BY {order}")

    def fetch_segment(self, number: int) -> SegmentRow | None:
        """Return the stored row of a segment."""
        row = self._connection.execute(SELECT_SEGMENT, (number,)).fetchone()
        return SegmentRow(*row) if row else None

    def find_leaf(self, index: int) -> Leaf | None:
        """Return the fields of a leaf, None if there is no such leaf."""
        rows = self.fetch_rows(index, index + 1)
        return parse_row(rows[0]) if rows else None

    def read_ledger(self) -> Iterator[tuple[int, int, bytes]]:
        """Return orders, tombstones and log keys that are in the tiles, as (index, kind, payload)."""
        for row in self._connection.execute(SELECT_LEDGER):
            leaf, payload = parse_row(row), row[2]
            if leaf is None or payload is None or not leaf.names(payload):
                self.lost_ledger = True
                continue
            tile = self.fetch_tile(0, row[0] // TILE_WIDTH, TILE_WIDTH)
            place = row[0] % TILE_WIDTH * HASH_SIZE_BYTES
            stored = tile[place : place + HASH_SIZE_BYTES]
            if not any(stored) or stored == hash_leaf(row[1]):
                yield leaf.record_index, leaf.kind, payload
            else:
                self.lost_ledger = True

    def count(self, what: str) -> tuple[int, ...]:
        """Return numbers out of one row."""
        return tuple(self._connection.execute(f"SELECT {what}").fetchone())

    def check_surplus(self, size: int, findings: Findings) -> None:
        """Name tiles that a tree of `size` records does not have."""
        for level, n in self._connection.execute("SELECT CAST(level AS INT), CAST(n AS INT) FROM tile"):
            if not 0 <= level <= 7 or not 0 <= n * TILE_WIDTH < size // 256**level:
                self.surplus.append(f"{level}/{n}")
            del self.surplus[3:]
        if self.surplus:
            detail = f"there are hashes of more than {size} records, as in tile {', '.join(self.surplus)}"
            findings.add("tile-unsigned", None, detail)


def open_database(path: Path) -> sqlite3.Connection:
    """Open for reading only; raises UsageError, or sqlite3.Error if it is not a database."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    uri = path.absolute().as_uri()
    try:
        return connect(f"{uri}?mode=ro")
    except sqlite3.OperationalError as error:
        # Beside a database in WAL mode SQLite makes two files. Where nothing can be written, nobody else writes
        # either, and if the write-ahead log is empty the database is whole without it.
        wal = path.with_name(path.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            raise UsageError(f"{path}: cannot be opened here ({error}); copy it with its -wal file") from None
        return connect(f"{uri}?immutable=1")


def connect(uri: str) -> sqlite3.Connection:
    """Connect, and read something, because SQLite opens its files only then."""
    database = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        database.close()
        raise
    database.text_factory = bytes
    return database
