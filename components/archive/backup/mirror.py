"""Mirrors a log as it is, with its faults, into an SQLite file for the verifier, which reads nothing else."""

from pathlib import Path

from components.archive.errors import LogDamaged
from components.archive.log.tile import Tile, TileId, level_count
from components.archive.store import LogSource, LogStore, Rows
from components.archive.store.open import StoreName, open_source, open_store
from components.process.progress import Progress

_AT_ONCE = 1024
_MEMOS = 1_000_000


async def mirror_log(name: StoreName, file: Path, progress: Progress) -> None:
    """Write all rows of the log in this store to a new SQLite file; nothing is checked. Raises LogMissing, LogError."""
    source = await open_source(name)
    try:
        target = await open_store(file)
        try:
            await _mirror(source, target, progress)
        finally:
            await target.close()
    finally:
        await source.close()


async def _mirror(source: LogSource, target: LogStore, progress: Progress) -> None:
    checkpoints = await source.fetch_checkpoints_after(-1, _AT_ONCE)
    if not checkpoints:
        raise LogDamaged("the log has no checkpoint")
    # Taken before the records, so everything that is appended meanwhile is behind it.
    newest = await source.fetch_newest_checkpoint()
    bounds = await source.fetch_bounds()
    records = bounds[1] + 1 if bounds else 0
    await target.create(await source.fetch_meta(), checkpoints[0])
    await target.take_lease()
    while checkpoints and newest is not None:
        await target.load(Rows(checkpoints=[row for row in checkpoints if row.second <= newest.second]))
        checkpoints = await source.fetch_checkpoints_after(checkpoints[-1].second, _AT_ONCE)
    for first in range(0, records, _AT_ONCE):
        end = min(first + _AT_ONCE, records)
        await target.load(Rows(records=await source.fetch_rows(first, end)))
        progress(end, records)
    ids = [
        TileId(level, n)
        for level in range(level_count(records))
        for n in range((records >> 8 * (level + 1)) + 1)
    ]
    for start in range(0, len(ids), 256):
        tiles = await source.fetch_tiles(ids[start : start + 256])
        await target.load(Rows(tiles=[Tile(tile, hashes) for tile, hashes in tiles.items()]))
    for number in range(1, await source.fetch_last_segment() + 1, _AT_ONCE):
        await target.load(Rows(segments=await source.fetch_segments(number, number + _AT_ONCE)))
    await target.load(Rows(memos=await source.fetch_memos(_MEMOS)))
