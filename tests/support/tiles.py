"""A log that was published: its tiles in a folder, a checkpoint for each size, proofs of some of its records."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.archive.log.leaf import encode_leaf
from components.archive.log.proof import LogProof, encode_proof
from components.archive.reader import LogReader
from components.tiles.export import export_tiles
from components.tiles.folder import TileFolder
from tests.support.archive import VERIFIER_KEY, entries, open_writer


@dataclass(frozen=True)
class Published:
    """`notes` are the checkpoints that the folder had, by size; the log lies beside it."""

    log: Path
    folder: Path
    notes: dict[int, str]

    @property
    def size(self) -> int:
        return max(self.notes)

    def copy(self, target: Path) -> "Published":
        shutil.copytree(self.folder, target / "tiles")
        return Published(self.log, target / "tiles", self.notes)

    def prove(self, index: int) -> str:
        """Make a .tlog-proof of a record."""
        return asyncio.run(make_proof(self.log, index))


async def make_proof(log: Path, index: int) -> str:
    reader = await LogReader.open(log)
    try:
        size = await reader.size()
        (stored,) = await reader.fetch(index, 1)
        hashes = await reader.inclusion_proof(index, size)
        note = (await reader.checkpoint()).decode()
        return encode_proof(LogProof(index, tuple(hashes), note, encode_leaf(stored.leaf)))
    finally:
        await reader.close()


async def publish(folder: Path, batches: Sequence[int]) -> Published:
    """Append batches of records, and bring the folder up to date after each."""
    log, tiles, notes = folder / "gate.db", folder / "tiles", {}
    writer = await open_writer(log)
    for count in batches:
        await writer.append(entries(0, count))
        await writer.sign()
        size = await export(log, tiles)
        notes[size] = (tiles / "checkpoint").read_text()
    await writer.close()  # ends the segment: behind the last checkpoint that was published are more records
    return Published(log, tiles, notes | {await export(log, tiles): (tiles / "checkpoint").read_text()})


async def export(
    log: Path, tiles: Path, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> int:
    reader = await LogReader.open(log)
    try:
        with TileFolder.open(tiles) as target:
            return (await export_tiles(reader, [VERIFIER_KEY], target, progress)).size
    finally:
        await reader.close()
