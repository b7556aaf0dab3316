"""What became of uploaded files, as the gate sees it: read from the transfer component's own file, never written.

The component has stored what was decided before it answers whoever uploads, so that a link that is sent after is
decided on by what is true (docs/decisions/0171).
"""

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import structlog

from components.rules.file_facts import parse_facts
from components.rules.file_links import FileLink
from policy.files.facts import FileFacts
from policy.files.standing import FileStanding, FileState

# The stages of uploads (components.transfer.state).
_STATES = {
    "issued": FileState.ABSENT,
    "stored": FileState.ABSENT,
    "answered": FileState.OPEN,
    "held": FileState.HELD,
    "refused": FileState.REFUSED,
}
_SQL = "SELECT stage, rules, text FROM upload LEFT JOIN decided USING (id) WHERE upload.id = ?"
_FACTS_SQL = "SELECT facts FROM known WHERE id = ?"
_BUSY_MS = 100
_UNKNOWN = FileStanding(FileState.UNKNOWN)

log = structlog.get_logger("rules")


class FileStates:
    """Reads how files stand, one look-up by its key for each; `path` is `transfer.state_file`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def read(self, links: Iterable[FileLink], now_s: float) -> list[FileStanding]:
        """Return how the files of links stand that are still open at a Unix time; what cannot be read is unknown."""
        return [self._read(link.id) for link in links if link.until_s > now_s]

    def read_facts(self, link: FileLink) -> FileFacts | None:
        """Return what is known of the file of a link; None if that cannot be read, or was never written."""
        try:
            row = self._connect().execute(_FACTS_SQL, (link.id,)).fetchone()
            return parse_facts(row[0]) if row else None
        except (sqlite3.Error, OSError, ValueError) as error:
            log.error("what is known of a file cannot be read", error=type(error).__name__)
            self.close()
            return None

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _read(self, id_: bytes) -> FileStanding:
        try:
            row = self._connect().execute(_SQL, (id_,)).fetchone()
        except (sqlite3.Error, OSError) as error:
            log.error("how a file stands is not known", error=type(error).__name__)
            self.close()
            return _UNKNOWN
        if row is None:
            return FileStanding(FileState.ABSENT)
        stage, rules, text = row
        return FileStanding(_STATES.get(stage, FileState.UNKNOWN), tuple((rules or "").split()), text or "")

    def _connect(self) -> sqlite3.Connection:
        # One that was put back or made anew is another file.
        status = self._path.stat()
        seen = (status.st_dev, status.st_ino)
        if self._connection is None or seen != self._opened:
            self.close()
            # Not `mode=ro`, by which a WAL that nobody else has open cannot be read; but nothing is changed.
            connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=rw",
                uri=True,
                isolation_level=None,
                timeout=_BUSY_MS / 1000,
            )
            connection.execute("PRAGMA query_only = ON")
            self._connection, self._opened = connection, seen
        return self._connection
