"""The SQL that changes a log in PostgreSQL, for what a commit or a copy brings; within the caller's transaction."""

from collections.abc import Iterable, Sequence

import asyncpg

from components.archive.log.tile import Tile
from components.archive.store import Change, CheckpointRow, Destruction, Rows, SegmentRow
from components.archive.store.migrations import Migration

_RECORD_COLUMNS = ("idx", "leaf", "payload", "mac")


async def migrate(connection: asyncpg.Connection, migrations: Iterable[Migration]) -> None:
    """Apply migrations, and note that they were."""
    for migration in migrations:
        await connection.execute(migration.sql)
        await connection.execute("INSERT INTO migration VALUES ($1, $2)", migration.number, migration.sha256)


async def keep_change(connection: asyncpg.Connection, change: Change) -> None:
    """Keep a change."""
    if change.leaves:
        indexes = range(change.first, change.first + len(change.leaves))
        macs = [*[None] * (len(change.leaves) - 1), change.mac]
        await _copy_records(connection, zip(indexes, change.leaves, change.payloads, macs, strict=True))
    await _keep_segments(connection, change)
    await _keep_memos(connection, change)
    for destruction in change.destroyed:
        await _destroy(connection, destruction)
    for request in change.answered:
        sql = "UPDATE request SET body = NULL, answer = $1 WHERE id = $2"
        await connection.execute(sql, request.answer, request.id)
    await _keep_tiles(connection, change.tiles)
    if change.checkpoint is not None:
        await keep_checkpoints(connection, [change.checkpoint])


async def _copy_records(connection: asyncpg.Connection, records: Iterable[Sequence[object]]) -> None:
    await connection.copy_records_to_table("record", columns=_RECORD_COLUMNS, records=records)


async def _keep_segments(connection: asyncpg.Connection, change: Change) -> None:
    if change.opened:
        rows = [_segment_values(row) for row in change.opened]
        await connection.executemany("INSERT INTO segment VALUES ($1, $2, $3, $4, $5, $6)", rows)
    if change.closed:
        await connection.executemany("UPDATE segment SET manifest = $2 WHERE number = $1", change.closed)


def _segment_values(row: SegmentRow) -> tuple[object, ...]:
    return row.number, row.retention_class, row.first, row.opened_at_ns, row.manifest, row.keys


async def _keep_memos(connection: asyncpg.Connection, change: Change) -> None:
    if change.memo is not None:
        await connection.execute("INSERT INTO memo VALUES ($1, $2)", change.memo.first, change.memo.note)
    if change.forget_memos_before:
        await connection.execute("DELETE FROM memo WHERE first < $1", change.forget_memos_before)


async def _destroy(connection: asyncpg.Connection, destruction: Destruction) -> None:
    await connection.execute(
        "UPDATE segment SET keys = $1 WHERE number = $2", destruction.keys, destruction.segment
    )
    await _shred(connection, destruction.indexes)


async def _shred(connection: asyncpg.Connection, indexes: Sequence[int]) -> None:
    if indexes:
        await connection.execute("UPDATE record SET payload = NULL WHERE idx = ANY($1)", list(indexes))


async def _keep_tiles(connection: asyncpg.Connection, tiles: Sequence[Tile]) -> None:
    if tiles:
        sql = (
            "INSERT INTO tile VALUES ($1, $2, $3)"
            " ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes"
        )
        await connection.executemany(sql, [(*tile.id, tile.hashes) for tile in tiles])


async def keep_checkpoints(connection: asyncpg.Connection, rows: Sequence[CheckpointRow]) -> None:
    """Keep checkpoints, each in place of its second's last."""
    if rows:
        sql = (
            "INSERT INTO checkpoint VALUES ($1, $2, $3)"
            " ON CONFLICT (second) DO UPDATE SET size = excluded.size, note = excluded.note"
        )
        await connection.executemany(sql, [(row.second, row.size, row.note) for row in rows])


async def load_rows(connection: asyncpg.Connection, rows: Rows) -> None:
    """Keep rows of another copy."""
    if rows.records:
        await _copy_records(connection, [(row.index, row.leaf, row.payload, None) for row in rows.records])
    if rows.macs:
        sql = "UPDATE record SET mac = $2 WHERE idx = $1"
        await connection.executemany(sql, list(rows.macs.items()))
    for entry in rows.meta.items():
        sql = "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        await connection.execute(sql, *entry)
    await _shred(connection, rows.shredded)
    if rows.segments:
        sql = (
            "INSERT INTO segment VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (number)"
            " DO UPDATE SET manifest = excluded.manifest, keys = excluded.keys"
        )
        await connection.executemany(sql, [_segment_values(row) for row in rows.segments])
    if rows.memos is not None:
        await connection.execute("DELETE FROM memo")
        memos = [(memo.first, memo.note) for memo in rows.memos]
        await connection.executemany("INSERT INTO memo VALUES ($1, $2)", memos)
    await _keep_tiles(connection, rows.tiles)
    await keep_checkpoints(connection, rows.checkpoints)


async def rewrite_table(connection: asyncpg.Connection, table: str) -> None:
    """Move a table's rows to a new file, so that nothing of what they were before is left in one."""
    await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    await connection.execute(f"CREATE TEMPORARY TABLE kept_{table} ON COMMIT DROP AS TABLE {table}")
    await connection.execute(f"TRUNCATE {table}")
    await connection.execute(f"INSERT INTO {table} TABLE kept_{table}")
