"""Requests to the writer of a log in PostgreSQL, from a process that is not the writer (RequestBox)."""

from typing import Any

import asyncpg

from components.archive.errors import LogUnavailable
from components.archive.store.postgres_connection import (
    close_connection,
    make_session_name,
    open_connection,
    postgres_errors_named,
)
from components.archive.store.postgres_url import PostgresUrl, parse_postgres_url


class PostgresRequests:
    """Asks the writer of the log `postgresql://...#log` (RequestBox)."""

    def __init__(self, url: PostgresUrl, connection: asyncpg.Connection) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = connection

    @classmethod
    async def open(cls, name: str) -> "PostgresRequests":
        """Connect to the database of a log; raises LogUnavailable."""
        try:
            url = parse_postgres_url(name)
        except ValueError as error:
            raise LogUnavailable(str(error)) from None
        with postgres_errors_named(url.label):
            return cls(url, await open_connection(url, make_session_name("request")))

    async def submit_request(self, id_: str, body: bytes) -> None:
        """See RequestBox."""
        sql = (
            "INSERT INTO request (id, body) VALUES ($1, $2) ON CONFLICT (id)"
            " DO UPDATE SET body = excluded.body, answer = NULL WHERE request.answer IS NOT NULL"
        )
        await self._fetch(sql, id_, body)

    async def fetch_answer(self, id_: str) -> str | None:
        """See RequestBox."""
        rows = await self._fetch("SELECT answer FROM request WHERE id = $1", id_)
        return rows[0]["answer"] if rows else None

    async def withdraw_request(self, id_: str) -> None:
        """See RequestBox."""
        await self._fetch("DELETE FROM request WHERE id = $1", id_)

    async def close(self) -> None:
        """See RequestBox."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with postgres_errors_named(self._url.label):
                await close_connection(connection)

    async def _fetch(self, sql: str, *parameters: object) -> list[Any]:
        if self._connection is None:
            raise LogUnavailable(f"{self._url.label}: the database is not open")
        with postgres_errors_named(self._url.label):
            return list(await self._connection.fetch(sql, *parameters))
