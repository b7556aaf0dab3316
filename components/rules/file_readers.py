"""Who may fetch files, where that depends on sessions: the gate tells it to the transfer component.

The gate writes a small SQLite file, `transfer.sessions_file`, and the transfer component reads it.
The gate writes before it answers, so whoever gets a link is in the file by then. If the file is lost, only those fetch
who log in and are sent a link from then on; nothing of the archive is in it.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from ipaddress import ip_address
from pathlib import Path

import structlog

from components.archive.durable import PRIVATE, make_folder
from components.rules.file_links import FileLink
from policy.address import BareJid

_SCHEMA = """
CREATE TABLE IF NOT EXISTS epoch (name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, person TEXT NOT NULL, address TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS session_address ON session (address);
CREATE TABLE IF NOT EXISTS sent (
    file BLOB NOT NULL, reader TEXT NOT NULL, until_s INTEGER NOT NULL, PRIMARY KEY (file, reader)
) WITHOUT ROWID;
"""
_BUSY_S = 5.0

log = structlog.get_logger("rules")


def canonical_address(text: str) -> str:
    """Return an IP address in its one form, an IPv4 address in IPv6 as IPv4; empty for what is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


class ReaderRegister:
    """Keeps account of sessions and of links that were sent; `clock_s` gives Unix time.

    What cannot be written is logged, and nobody fetches by it: the line goes on. A damaged file is made anew.
    """

    def __init__(self, path: Path, clock_s: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock_s = clock_s
        self._db: sqlite3.Connection | None = None
        self._epoch = ""
        self._works = True

    def begin(self, epoch: str) -> None:
        """Note the server's epoch: sessions of one before have ended."""
        if epoch == self._epoch:
            return
        is_kept = self._write(
            ("DELETE FROM session WHERE NOT EXISTS (SELECT 1 FROM epoch WHERE name = ?)", (epoch,)),
            ("DELETE FROM epoch", ()),
            ("INSERT INTO epoch VALUES (?)", (epoch,)),
            ("DELETE FROM sent WHERE until_s <= ?", (self._clock_s(),)),
        )
        self._epoch = epoch if is_kept else ""

    def arrived(self, session: str, person: BareJid, address: str) -> None:
        """Note that a person's session comes from an address."""
        if found := canonical_address(address):
            self._write(("INSERT OR REPLACE INTO session VALUES (?, ?, ?)", (session, person, found)))

    def left(self, session: str) -> None:
        """Note that a session has ended, or has no connection."""
        self._write(("DELETE FROM session WHERE id = ?", (session,)))

    def sent(self, links: Iterable[FileLink], reader: BareJid) -> None:
        """Note that links were sent to a person or a room."""
        sql = "INSERT OR REPLACE INTO sent VALUES (?, ?, ?)"
        self._write(*((sql, (link.id, reader, link.until_s)) for link in links))

    def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _write(self, *statements: tuple[str, tuple[object, ...]]) -> bool:
        """Carry out all statements or none; return whether it did."""
        try:
            if self._db is None:
                self._db = _open_for_writing(self._path)
            with self._db:
                for sql, values in statements:
                    self._db.execute(sql, values)
        except (sqlite3.Error, OSError) as error:
            if self._works:
                log.error("who may fetch files is not kept", error=type(error).__name__)
            self._works, self._epoch = False, ""
            self.close()
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                _remove(self._path)
            return False
        self._works = True
        return True


class FileReaders:
    """Reads who is at an address, and who was sent a file; what cannot be read is nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find_people(self, address: str) -> frozenset[BareJid]:
        """Return whose sessions come from an address now."""
        return self._find("SELECT person FROM session WHERE address = ?", canonical_address(address))

    def find_sent_to(self, file: bytes) -> frozenset[BareJid]:
        """Return the people and rooms that a link to a file was sent to."""
        return self._find("SELECT reader FROM sent WHERE file = ?", file)

    def _find(self, sql: str, value: str | bytes) -> frozenset[BareJid]:
        try:
            # Not `mode=ro`, by which a WAL that nobody else has open cannot be read.
            uri = f"{self._path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as db:
                db.execute("PRAGMA query_only = ON")
                return frozenset(BareJid(found) for (found,) in db.execute(sql, (value,)))
        except sqlite3.Error as error:
            log.error("who may fetch files is not known", error=type(error).__name__)
            return frozenset()


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _open_for_writing(path: Path) -> sqlite3.Connection:
    make_folder(path.parent)
    path.touch(mode=PRIVATE)
    db = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # After a power cut the newest sessions may be missing: the server that they were with has ended, too.
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db
