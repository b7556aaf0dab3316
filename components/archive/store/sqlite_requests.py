"""Requests to the writer of a log in SQLite, from a process that is not the writer (RequestBox)."""

from pathlib import Path

from components.archive.errors import LogUnavailable
from components.archive.store.sqlite_connection import Connection, open_connection, sqlite_errors_named

# A request may say who is suspected of what: nothing of it may stay in a free page.
# And it may have to wait longer than others: a writer that commits all the while leaves short gaps only.
_PRAGMAS = ("synchronous = FULL", "secure_delete = ON", "busy_timeout = 10000")


class SqliteRequests:
    """Asks the writer of the log at `path`; it shares the database with it for a moment at a time (RequestBox)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: Connection | None = None

    @classmethod
    async def open(cls, path: Path) -> "SqliteRequests":
        """Open the database of a log; raises LogUnavailable if there is none."""
        requests = cls(path)
        with sqlite_errors_named(path):
            requests._connection = await open_connection(path, "rw", _PRAGMAS)
        return requests

    async def submit_request(self, id_: str, body: bytes) -> None:
        """See RequestBox."""
        # Of one that was answered before, nothing is left but the answer: it may be asked again.
        sql = (
            "INSERT INTO request (id, body) VALUES (?, ?) ON CONFLICT (id)"
            " DO UPDATE SET body = excluded.body, answer = NULL WHERE answer IS NOT NULL"
        )
        await self._execute(sql, (id_, body))

    async def fetch_answer(self, id_: str) -> str | None:
        """See RequestBox."""
        rows = await self._execute("SELECT answer FROM request WHERE id = ?", (id_,))
        return str(rows[0][0]) if rows and rows[0][0] is not None else None

    async def withdraw_request(self, id_: str) -> None:
        """See RequestBox."""
        await self._execute("DELETE FROM request WHERE id = ?", (id_,))

    async def close(self) -> None:
        """See RequestBox."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with sqlite_errors_named(self._path):
                await connection.close()

    async def _execute(self, sql: str, parameters: tuple[object, ...]) -> list[tuple[object, ...]]:
        if self._connection is None:
            raise LogUnavailable(f"{self._path}: the database is not open")
        with sqlite_errors_named(self._path):
            return [tuple(row) for row in await self._connection.execute_fetchall(sql, parameters)]
