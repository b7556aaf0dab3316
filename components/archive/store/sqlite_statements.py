"""The SQL that changes a log in SQLite, for what a commit or a copy brings."""

from collections.abc import Iterator, Sequence

from components.archive.log.tile import TILE_SIZE_BYTES, Tile
from components.archive.store import Change, CheckpointRow, Destruction, Rows, SegmentRow
from components.archive.store.migrations import Migration
from components.archive.store.sqlite_connection import Statement

# A statement of many rows costs less than one for each. So rows are bound to a statement of the next power of two,
# whose other rows stay null, and eleven prepared statements serve batches of every length.
MAX_ROWS_PER_STATEMENT = 1024


def migration_statements(migration: Migration) -> Iterator[Statement]:
    """Yield what applies a migration and notes that it was."""
    yield from ((sql, ()) for sql in migration.statements())
    yield "INSERT INTO migration VALUES (?, ?)", (migration.number, migration.sha256)


def change_statements(change: Change) -> list[Statement]:
    """Return what keeps a change."""
    leaves, payloads = change.leaves, change.payloads
    statements: list[Statement] = []
    if change.forget_memos_before:
        # First: what follows takes the pages that this leaves. They are then written once, not zeroed and written anew.
        statements.append(("DELETE FROM memo WHERE first < ?", (change.forget_memos_before,)))
    if leaves:
        last = change.first + len(leaves) - 1
        if last != change.first:
            statements += _record_statements(range(change.first, last), leaves[:-1], payloads[:-1])
        # A record alone is what most commits on a calm line are of, and what its sender waits for.
        statements.append(
            ("INSERT INTO record VALUES (?,?,?,?)", (last, leaves[-1], payloads[-1], change.mac))
        )
    if change.opened or change.closed:
        statements += _segment_statements(change)
    if change.memo is not None:
        statements.append(("INSERT INTO memo VALUES (?, ?)", (change.memo.first, change.memo.note)))
    for destruction in change.destroyed:
        statements += _destroy_statements(destruction)
    for request in change.answered:
        row = (request.answer, request.id)
        statements.append(("UPDATE request SET body = NULL, answer = ? WHERE id = ?", row))
    if change.tiles:
        statements.append(_tile_statement(change.tiles))
    if change.checkpoint is not None:
        statements.append(checkpoint_statement(change.checkpoint))
    return statements


def _record_statements(
    indexes: Sequence[int], leaves: Sequence[bytes], payloads: Sequence[bytes | None]
) -> Iterator[Statement]:
    for start in range(0, len(leaves), MAX_ROWS_PER_STATEMENT):
        part = leaves[start : start + MAX_ROWS_PER_STATEMENT]
        rows = 1 << (len(part) - 1).bit_length()
        used = 3 * len(part)
        parameters: list[object] = [None] * (3 * rows)
        parameters[0:used:3] = indexes[start : start + len(part)]
        parameters[1:used:3] = part
        parameters[2:used:3] = payloads[start : start + MAX_ROWS_PER_STATEMENT]
        yield _INSERT_RECORDS[rows], parameters


def _segment_statements(change: Change) -> Iterator[Statement]:
    for row in change.opened:
        yield "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?)", _segment_values(row)
    for number, manifest in change.closed:
        yield "UPDATE segment SET manifest = ? WHERE number = ?", (manifest, number)


def _segment_values(row: SegmentRow) -> Sequence[object]:
    return row.number, row.retention_class, row.first, row.opened_at_ns, row.manifest, row.keys


def _destroy_statements(destruction: Destruction) -> Iterator[Statement]:
    yield "UPDATE segment SET keys = ? WHERE number = ?", (destruction.keys, destruction.segment)
    for index in destruction.indexes:
        yield "UPDATE record SET payload = NULL WHERE idx = ?", (index,)


def load_statements(rows: Rows) -> Iterator[Statement]:
    """Yield what keeps rows of another copy."""
    yield from (("INSERT OR REPLACE INTO meta VALUES (?, ?)", entry) for entry in rows.meta.items())
    if rows.records:
        indexes, leaves = [row.index for row in rows.records], [row.leaf for row in rows.records]
        yield from _record_statements(indexes, leaves, [row.payload for row in rows.records])
    for index, mac in rows.macs.items():
        yield "UPDATE record SET mac = ? WHERE idx = ?", (mac, index)
    for index in rows.shredded:
        yield "UPDATE record SET payload = NULL WHERE idx = ?", (index,)
    for row in rows.segments:
        yield "INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?, ?, ?)", _segment_values(row)
    if rows.memos is not None:
        yield "DELETE FROM memo", ()
        yield from (("INSERT INTO memo VALUES (?, ?)", (memo.first, memo.note)) for memo in rows.memos)
    if rows.tiles:
        yield _tile_statement(rows.tiles)
    yield from (checkpoint_statement(checkpoint) for checkpoint in rows.checkpoints)


def _tile_statement(tiles: Sequence[Tile]) -> Statement:
    # SQLite overwrites a value of the same length where it lies, and only the page that differs: half as many pages
    # to write and sync as when the tile grows.
    parameters = [part for tile in tiles for part in (*tile.id, tile.hashes.ljust(TILE_SIZE_BYTES, b"\0"))]
    sql = f"INSERT INTO tile VALUES {_places(3, len(tiles))}"  # noqa: S608 - only ?
    return f"{sql} ON CONFLICT DO UPDATE SET hashes = excluded.hashes", parameters


def checkpoint_statement(checkpoint: CheckpointRow) -> Statement:
    """Return what keeps a checkpoint in place of its second's last."""
    row = (checkpoint.second, checkpoint.size, checkpoint.note)
    return "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)", row


def _places(columns: int, rows: int) -> str:
    row = "(" + ",".join("?" * columns) + ")"
    return ",".join([row] * rows)


def _insert_records(rows: int) -> str:
    if rows == 1:  # of which none stays null
        return "INSERT INTO record (idx, leaf, payload) VALUES (?,?,?)"
    values = _places(3, rows)
    return (
        f"INSERT INTO record (idx, leaf, payload) SELECT * FROM (VALUES {values}) WHERE column1 IS NOT NULL"  # noqa: S608 - only ?
    )


_INSERT_RECORDS = {
    1 << power: _insert_records(1 << power) for power in range(MAX_ROWS_PER_STATEMENT.bit_length())
}
