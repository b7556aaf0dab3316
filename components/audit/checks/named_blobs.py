"""What the records say of blobs, for a check of all of them."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from components.archive.blobs.address import BlobAddress


@dataclass(frozen=True, slots=True)
class NamedBlob:
    """What the records say of a blob: the first that names it and is not destroyed, or else the first."""

    record: int
    live: bool


class NamedBlobs:
    """The blobs that records name, by class and mark: in a file of SQLite's own, so that memory does not grow."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(
            "CREATE TABLE named (class INTEGER, mark BLOB, record INTEGER, live INTEGER, seen INTEGER DEFAULT 0,"
            " PRIMARY KEY (class, mark)) WITHOUT ROWID"
        )
        # By whole addresses, as records say them: a copy that was delivered has the mark of its file.
        self._database.execute(
            "CREATE TABLE content (address TEXT PRIMARY KEY, record INTEGER, sha256 TEXT, seen INTEGER DEFAULT 0)"
            " WITHOUT ROWID"
        )

    def add(self, retention_class: int, mark: bytes, named: NamedBlob) -> None:
        """Add what a record says; the records come in the log's order."""
        self._database.execute(
            "INSERT INTO named (class, mark, record, live) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET record = CASE WHEN excluded.live > live THEN excluded.record ELSE record END,"
            " live = max(live, excluded.live)",
            (retention_class, mark, named.record, named.live),
        )

    def find(self, address: BlobAddress) -> NamedBlob | None:
        """Return what the records say of a blob, and note that it was seen."""
        place = (address.retention_class, address.mark)
        row = self._database.execute(
            "UPDATE named SET seen = 1 WHERE class = ? AND mark = ? RETURNING record, live", place
        ).fetchone()
        return NamedBlob(row[0], bool(row[1])) if row else None

    def add_content(self, address: BlobAddress, record: int, sha256: str) -> None:
        """Add what a record that is not destroyed says of the content of a blob, if it does."""
        sql = "INSERT OR IGNORE INTO content (address, record, sha256) VALUES (?, ?, ?)"
        if sha256:
            self._database.execute(sql, (str(address), record, sha256))

    def find_content(self, address: BlobAddress) -> tuple[int, str] | None:
        """Return the first record that says so of a blob, and the SHA-256 of its content; note that it was seen."""
        sql = "UPDATE content SET seen = 1 WHERE address = ? RETURNING record, sha256"
        row = self._database.execute(sql, (str(address),)).fetchone()
        return (row[0], row[1]) if row else None

    def unseen_contents(self) -> Iterator[tuple[str, int]]:
        """Yield the addresses of blobs that were not seen, and their records."""
        yield from self._database.execute(
            "SELECT address, record FROM content WHERE NOT seen ORDER BY record"
        )

    def unseen(self) -> Iterator[int]:
        """Yield the records of blobs that were not seen, though their record is there."""
        for row in self._database.execute("SELECT record FROM named WHERE live AND NOT seen ORDER BY record"):
            yield row[0]

    def count(self) -> int:
        """Count the blobs."""
        return int(self._database.execute("SELECT count(*) FROM named").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
