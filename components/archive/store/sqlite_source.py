"""Reads an SQLite database of a log (docs/archive-format.md, section 8)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from components.archive.errors import LogDamaged, LogMissing, LogUnavailable
from components.archive.log.tile import TileId
from components.archive.store import FORMAT, CheckpointRow, MemoRow, RecordRow, RequestRow, SegmentRow
from components.archive.store.migrations import Migration, find_pending, known_migrations, require_current
from components.archive.store.sqlite_connection import Connection, open_connection, sqlite_errors_named

_SELECT_SEGMENTS = "SELECT number, class, first, opened_at_ns, manifest, CAST(keys AS BLOB) FROM segment"


class SqliteSource:
    """Reads a log's database, also while its writer runs (LogSource).

    Everything is cast to what it should be, since a hand that tampers may leave a text where a blob belongs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: Connection | None = None
        self._made = False

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open for reading only; raises LogMissing if nobody has begun the log, LogUnavailable, LogDamaged."""
        source = cls(path)
        try:
            _require_file(path)
            await source._connect()
            require_current(await source._find_pending(), str(path))
            if not await source._is_made():
                raise LogMissing(f"{path}: there is no log: nobody has begun it")
        except BaseException:
            await source.close()
            raise
        return source

    async def fetch_meta(self) -> Mapping[str, str]:
        """See LogSource."""
        rows = await self._fetch("SELECT key, CAST(value AS BLOB) FROM meta") if await self._is_made() else []
        return {key: str(value, "utf-8", "replace") for key, value in rows}

    async def fetch_newest_checkpoint(self) -> CheckpointRow | None:
        """See LogSource."""
        sql = "SELECT second, size, CAST(note AS BLOB) FROM checkpoint ORDER BY second DESC LIMIT 1"
        for second, size, note in await self._fetch(sql):
            return CheckpointRow(second, size, str(note, "utf-8", "replace"))
        return None

    async def fetch_checkpoints(self, size: int, limit: int) -> list[CheckpointRow]:
        """See LogSource."""
        sql = (
            "SELECT second, size, CAST(note AS BLOB) FROM checkpoint WHERE size >= ?"
            " ORDER BY size, second LIMIT ?"
        )
        rows = await self._fetch(sql, (size, limit))
        return [CheckpointRow(second, count, str(note, "utf-8", "replace")) for second, count, note in rows]

    async def fetch_checkpoints_after(self, second: int, limit: int) -> list[CheckpointRow]:
        """See LogSource."""
        sql = (
            "SELECT second, size, CAST(note AS BLOB) FROM checkpoint WHERE second > ? ORDER BY second LIMIT ?"
        )
        rows = await self._fetch(sql, (second, limit))
        return [CheckpointRow(second, count, str(note, "utf-8", "replace")) for second, count, note in rows]

    async def fetch_bounds(self) -> tuple[int, int] | None:
        """See LogSource."""
        # Each its own search from an edge of the tree; in one SELECT they would be a scan.
        rows = await self._fetch("SELECT (SELECT min(idx) FROM record), (SELECT max(idx) FROM record)")
        lowest, highest = rows[0]
        return None if lowest is None else (lowest, highest)

    async def fetch_rows(self, first: int, end: int) -> list[RecordRow]:
        """See LogSource."""
        sql = (
            "SELECT idx, CAST(leaf AS BLOB), CAST(payload AS BLOB) FROM record"
            " WHERE idx >= ? AND idx < ? ORDER BY idx"
        )
        return [RecordRow(*row) for row in await self._fetch(sql, (first, end))]

    async def fetch_leaves(self, first: int, end: int) -> list[bytes]:
        """See LogSource."""
        sql = "SELECT CAST(leaf AS BLOB) FROM record WHERE idx >= ? AND idx < ? ORDER BY idx"
        return [leaf for (leaf,) in await self._fetch(sql, (first, end))]

    async def fetch_macs(self, first: int, end: int) -> dict[int, bytes]:
        """See LogSource."""
        if not await self._fetch("SELECT 1 FROM pragma_table_info('record') WHERE name = 'mac'"):
            return {}
        sql = "SELECT idx, CAST(mac AS BLOB) FROM record WHERE idx >= ? AND idx < ? AND mac IS NOT NULL"
        return dict(await self._fetch(sql, (first, end)))

    async def fetch_destroyed(self, first: int, end: int) -> list[int]:
        """See LogSource."""
        sql = "SELECT idx FROM record WHERE idx >= ? AND idx < ? AND payload IS NULL ORDER BY idx"
        return [index for (index,) in await self._fetch(sql, (first, end))]

    async def fetch_tiles(self, ids: Iterable[TileId]) -> dict[TileId, bytes]:
        """See LogSource."""
        wanted = list(ids)
        # One search each; SQLite would scan the table for `(level, n) IN (VALUES ...)`.
        where = " OR ".join(["level = ? AND n = ?"] * len(wanted)) or "FALSE"
        sql = f"SELECT level, n, CAST(hashes AS BLOB) FROM tile WHERE {where}"  # noqa: S608 - only ?
        rows = await self._fetch(sql, [part for tile in wanted for part in tile])
        return {TileId(level, n): hashes for level, n, hashes in rows}

    async def fetch_segments(self, first: int = 1, end: int = 2**62) -> list[SegmentRow]:
        """See LogSource."""
        sql = f"{_SELECT_SEGMENTS} WHERE number >= ? AND number < ? ORDER BY number"
        return [SegmentRow(*row) for row in await self._fetch(sql, (first, end))]

    async def fetch_open_segments(self) -> list[SegmentRow]:
        """See LogSource."""
        # Whatever is open is among the newest: a writer closes what it finds open when it starts.
        sql = f"{_SELECT_SEGMENTS} WHERE manifest IS NULL ORDER BY number"
        return [SegmentRow(*row) for row in await self._fetch(sql)]

    async def fetch_last_segment(self) -> int:
        """See LogSource."""
        return int((await self._fetch("SELECT coalesce(max(number), 0) FROM segment"))[0][0])

    async def fetch_memos(self, limit: int, before: int = 2**62) -> list[MemoRow]:
        """See LogSource."""
        sql = "SELECT first, CAST(note AS BLOB) FROM memo WHERE first < ? ORDER BY first DESC LIMIT ?"
        return [MemoRow(*row) for row in await self._fetch(sql, (before, limit))]

    async def fetch_requests(self) -> list[RequestRow]:
        """See LogSource."""
        sql = "SELECT id, CAST(body AS BLOB), CAST(answer AS TEXT) FROM request ORDER BY number"
        return [RequestRow(*row) for row in await self._fetch(sql)]

    async def close(self) -> None:
        """See LogSource."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with sqlite_errors_named(self._path):
                await connection.close()

    async def _connect(self) -> None:
        with sqlite_errors_named(self._path):
            self._connection = await open_connection(self._path, "ro")

    async def _is_made(self) -> bool:
        # Once it is, it stays so: nothing takes its tables away.
        if not self._made:
            self._made = "meta" in await self._fetch_tables()
        return self._made

    async def _fetch_tables(self) -> set[str]:
        return {name for (name,) in await self._fetch("SELECT name FROM sqlite_schema")}

    async def _find_pending(self) -> tuple[Migration, ...]:
        """Return the migrations that are to be applied: all to a new database; raises LogDamaged."""
        known = known_migrations("sqlite")
        tables = await self._fetch_tables()
        self._made = "meta" in tables
        if not self._made:
            return ()
        if "migration" not in tables:
            if (await self.fetch_meta()).get("format") == FORMAT:
                raise LogDamaged(f"{self._path}: it does not say which migrations made its tables")
            # Of another format, which the caller has to refuse.
            return ()
        rows = await self._fetch("SELECT number, CAST(sha256 AS TEXT) FROM migration")
        return find_pending(known, dict(rows), str(self._path))

    async def _fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        with sqlite_errors_named(self._path):
            return list(await self._opened().execute_fetchall(sql, parameters))

    def _opened(self) -> Connection:
        if self._connection is None:
            raise LogUnavailable(f"{self._path}: the database is not open")
        return self._connection


def require_nothing_left(path: Path) -> None:
    """Check that of a database that is not there nothing is left, either; raises LogDamaged."""
    left = path.with_name(f"{path.name}-wal")
    if left.exists():
        # SQLite would take it for a new database's; and what was recorded must not look as if it had never been.
        raise LogDamaged(f"{path}: is gone, but not {left}; put it back, or move {left} away, too")


def _require_file(path: Path) -> None:
    if not path.exists():
        require_nothing_left(path)
        raise LogMissing(f"{path}: there is no log")
