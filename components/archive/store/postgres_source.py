"""Reads a log in a schema of a PostgreSQL database (docs/archive-format.md, 8.2)."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Self

import asyncpg

from components.archive.errors import LogDamaged, LogMissing, LogUnavailable
from components.archive.log.tile import TileId
from components.archive.store import CheckpointRow, MemoRow, RecordRow, RequestRow, SegmentRow
from components.archive.store.migrations import Migration, find_pending, known_migrations, require_current
from components.archive.store.postgres_connection import (
    close_connection,
    make_session_name,
    open_connection,
    postgres_errors_named,
)
from components.archive.store.postgres_url import PostgresUrl, parse_postgres_url

_SELECT_SEGMENTS = "SELECT number, class, first, opened_at_ns, manifest, keys FROM segment"


class PostgresSource:
    """Reads a log in PostgreSQL, also while its writer runs (LogSource); connects anew when the server was away."""

    def __init__(self, url: PostgresUrl, role: str = "reader") -> None:
        self._url = url
        self._name = make_session_name(role)
        self._connection: asyncpg.Connection | None = None
        # A connection does one thing at a time.
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, name: str) -> Self:
        """Open `postgresql://...#log` for reading; raises LogMissing, LogUnavailable, LogDamaged."""
        source = cls(parse_log_url(name))
        try:
            await source._connect()
            if not await source._has_tables():
                raise LogMissing(f"{source._url.label}: there is no log of this name in the database")
            require_current(await source._find_pending(), source._url.label)
        except BaseException:
            await source.close()
            raise
        return source

    async def fetch_meta(self) -> Mapping[str, str]:
        """See LogSource."""
        rows = await self._fetch("SELECT key, value FROM meta") if await self._has_tables() else []
        return {row["key"]: row["value"] for row in rows}

    async def fetch_newest_checkpoint(self) -> CheckpointRow | None:
        """See LogSource."""
        rows = await self._fetch("SELECT second, size, note FROM checkpoint ORDER BY second DESC LIMIT 1")
        return CheckpointRow(*rows[0]) if rows else None

    async def fetch_checkpoints(self, size: int, limit: int) -> list[CheckpointRow]:
        """See LogSource."""
        sql = "SELECT second, size, note FROM checkpoint WHERE size >= $1 ORDER BY size, second LIMIT $2"
        return [CheckpointRow(*row) for row in await self._fetch(sql, size, limit)]

    async def fetch_checkpoints_after(self, second: int, limit: int) -> list[CheckpointRow]:
        """See LogSource."""
        sql = "SELECT second, size, note FROM checkpoint WHERE second > $1 ORDER BY second LIMIT $2"
        return [CheckpointRow(*row) for row in await self._fetch(sql, second, limit)]

    async def fetch_bounds(self) -> tuple[int, int] | None:
        """See LogSource."""
        ((lowest, highest),) = await self._fetch("SELECT min(idx), max(idx) FROM record")
        return None if lowest is None else (lowest, highest)

    async def fetch_rows(self, first: int, end: int) -> list[RecordRow]:
        """See LogSource."""
        sql = "SELECT idx, leaf, payload FROM record WHERE idx >= $1 AND idx < $2 ORDER BY idx"
        return [RecordRow(*row) for row in await self._fetch(sql, first, end)]

    async def fetch_leaves(self, first: int, end: int) -> list[bytes]:
        """See LogSource."""
        sql = "SELECT leaf FROM record WHERE idx >= $1 AND idx < $2 ORDER BY idx"
        return [leaf for (leaf,) in await self._fetch(sql, first, end)]

    async def fetch_macs(self, first: int, end: int) -> dict[int, bytes]:
        """See LogSource."""
        sql = "SELECT FROM pg_attribute WHERE attrelid = 'record'::regclass AND attname = 'mac' AND NOT attisdropped"
        if not await self._fetch(sql):
            return {}
        rows = await self._fetch(
            "SELECT idx, mac FROM record WHERE idx >= $1 AND idx < $2 AND mac IS NOT NULL", first, end
        )
        return {row["idx"]: row["mac"] for row in rows}

    async def fetch_destroyed(self, first: int, end: int) -> list[int]:
        """See LogSource."""
        sql = "SELECT idx FROM record WHERE idx >= $1 AND idx < $2 AND payload IS NULL ORDER BY idx"
        return [index for (index,) in await self._fetch(sql, first, end)]

    async def fetch_tiles(self, ids: Iterable[TileId]) -> dict[TileId, bytes]:
        """See LogSource."""
        wanted = list(ids)
        sql = (
            "SELECT level, n, hashes FROM tile"
            " JOIN unnest($1::smallint[], $2::bigint[]) AS wanted (level, n) USING (level, n)"
        )
        rows = await self._fetch(sql, [tile.level for tile in wanted], [tile.n for tile in wanted])
        return {TileId(level, n): hashes for level, n, hashes in rows}

    async def fetch_segments(self, first: int = 1, end: int = 2**62) -> list[SegmentRow]:
        """See LogSource."""
        sql = f"{_SELECT_SEGMENTS} WHERE number >= $1 AND number < $2 ORDER BY number"
        return [SegmentRow(*row) for row in await self._fetch(sql, first, end)]

    async def fetch_open_segments(self) -> list[SegmentRow]:
        """See LogSource."""
        rows = await self._fetch(f"{_SELECT_SEGMENTS} WHERE manifest IS NULL ORDER BY number")
        return [SegmentRow(*row) for row in rows]

    async def fetch_last_segment(self) -> int:
        """See LogSource."""
        return int((await self._fetch("SELECT coalesce(max(number), 0) FROM segment"))[0][0])

    async def fetch_memos(self, limit: int, before: int = 2**62) -> list[MemoRow]:
        """See LogSource."""
        sql = "SELECT first, note FROM memo WHERE first < $1 ORDER BY first DESC LIMIT $2"
        return [MemoRow(*row) for row in await self._fetch(sql, before, limit)]

    async def fetch_requests(self) -> list[RequestRow]:
        """See LogSource."""
        rows = await self._fetch("SELECT id, body, answer FROM request ORDER BY number")
        return [RequestRow(*row) for row in rows]

    async def find_standby_problem(self) -> str:
        """Return what is wrong if commits wait for no standby; anybody may ask for this, unlike for the standbys."""
        ((names,),) = await self._fetch("SHOW synchronous_standby_names")
        if names:
            return ""
        return (
            "the server waits for no standby, so one that takes over lacks the newest records; set"
            ' synchronous_standby_names (docs/settings.md, "With a standby")'
        )

    async def close(self) -> None:
        """See LogSource."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with postgres_errors_named(self._url.label):
                await close_connection(connection)

    async def _connect(self) -> None:
        with postgres_errors_named(self._url.label):
            self._connection = await open_connection(self._url, self._name)

    async def _opened(self) -> asyncpg.Connection:
        if self._connection is None:
            raise LogUnavailable(f"{self._url.label}: the database is not open")
        if self._connection.is_closed():
            await self._connect()
        return self._connection

    async def _fetch(self, sql: str, *parameters: object) -> list[Any]:
        async with self._turn:
            connection = await self._opened()
            with postgres_errors_named(self._url.label):
                try:
                    return list(await connection.fetch(sql, *parameters))
                except TimeoutError:
                    # It may never answer again, and another may have taken its place.
                    connection.terminate()
                    raise

    async def _has_tables(self, name: str = "meta") -> bool:
        rows = await self._fetch("SELECT to_regclass($1) IS NOT NULL", f"{self._url.schema}.{name}")
        return bool(rows[0][0])

    async def _find_pending(self) -> tuple[Migration, ...]:
        """Return the migrations that are to be applied to a log that is there; raises LogDamaged."""
        if not await self._has_tables():
            # Nobody made the log yet.
            return ()
        if not await self._has_tables("migration"):
            raise LogDamaged(f"{self._url.label}: it does not say which migrations made its tables")
        applied = {row["number"]: row["sha256"] for row in await self._fetch("SELECT * FROM migration")}
        return find_pending(known_migrations("postgres"), applied, self._url.label)


def parse_log_url(name: str) -> PostgresUrl:
    """Parse the name of a log in PostgreSQL; raises LogUnavailable."""
    try:
        return parse_postgres_url(name)
    except ValueError as error:
        raise LogUnavailable(f"the name of a log in PostgreSQL is wrong: {error}") from None
