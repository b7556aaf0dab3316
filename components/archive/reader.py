"""Reads a log, also while its writer runs; sealed records stay sealed (see opener.py)."""

from dataclasses import dataclass

from components.archive.errors import LogDamaged
from components.archive.log.leaf import Leaf, LeafError, LeafIndex, is_payload_of, parse_leaf
from components.archive.log.merkle import ProofError, Span, consistency_spans, inclusion_spans
from components.archive.log.tile import TileError, hash_spans, tiles_of_spans
from components.archive.store import CheckpointRow, LogSource, MemoRow, RecordRow
from components.archive.store.open import StoreName, open_source


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as stored; nothing is verified yet, and `payload` is None after it was destroyed."""

    index: LeafIndex
    leaf: Leaf
    payload: bytes | None

    def is_intact(self) -> bool:
        """Return whether leaf, payload and index match; only a proof shows that the tree holds them."""
        fits = self.payload is None or is_payload_of(self.leaf, self.payload)
        return fits and self.leaf.index == self.index


class LogReader:
    """Reads records, checkpoints and proofs. Every method raises LogUnavailable or LogDamaged."""

    def __init__(self, source: LogSource) -> None:
        self.source = source

    @classmethod
    async def open(cls, name: StoreName) -> "LogReader":
        """Open the log in the store of this name for reading; raises LogMissing if there is none."""
        return cls(await open_source(name))

    async def size(self) -> int:
        """Count the records under the newest checkpoint; behind them may be those of the last second."""
        return (await self._newest()).size

    async def checkpoint(self) -> bytes:
        """Return the newest checkpoint, a signed note; the caller has to verify its signature."""
        return (await self._newest()).note.encode()

    async def fetch(self, first: int, count: int) -> list[StoredRecord]:
        """Return up to `count` records from index `first` on, in order."""
        return [_parse_row(row) for row in await self.source.fetch_rows(first, first + count)]

    async def fetch_memos(self, limit: int, before: int = 2**62) -> list[MemoRow]:
        """Return the newest `limit` of the writer's memos about batches before this index, the newest first."""
        return await self.source.fetch_memos(limit, before)

    async def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Return the proof of record `index` in a tree of `size` (RFC 6962, 2.1.1); reads at most two tiles a level.

        Raises ProofError for an index or a size beyond the log.
        """
        return await self._prove(inclusion_spans(index, size))

    async def consistency_proof(self, old_size: int, new_size: int) -> list[bytes]:
        """Return the proof that one tree is a prefix of the other (RFC 6962, 2.1.2); raises ProofError."""
        return await self._prove(consistency_spans(old_size, new_size))

    async def close(self) -> None:
        """Let go of the store."""
        await self.source.close()

    async def _prove(self, spans: list[Span]) -> list[bytes]:
        size = await self.size()
        if any(span.end > size for span in spans):
            raise ProofError(f"the log has {size} records under its checkpoint")
        # Tiles only grow: one that is read a moment later still begins with the hashes of this tree.
        tiles = await self.source.fetch_tiles(tiles_of_spans(spans))
        try:
            return hash_spans(spans, tiles)
        except TileError as error:
            raise LogDamaged(f"a tile of the log is missing or cut short: {error}") from error

    async def _newest(self) -> CheckpointRow:
        row = await self.source.fetch_newest_checkpoint()
        if row is None:
            raise LogDamaged("the log has no checkpoint")
        return row


def _parse_row(row: RecordRow) -> StoredRecord:
    try:
        leaf = parse_leaf(row.leaf)
    except LeafError as error:
        raise LogDamaged(f"record {row.index}: {error}") from error
    return StoredRecord(LeafIndex(row.index), leaf, row.payload)
