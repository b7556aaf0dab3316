"""What keeps a log: the protocol that every store follows, and the rows that cross it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from components.archive.log.tile import Tile, TileId

FORMAT = "steelyard-log/1"


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record as stored; `payload` is None once it was destroyed."""

    index: int
    leaf: bytes
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A signed checkpoint of the first `size` records, the only one kept of its `second`.

    That is the second of its last record's time (Unix time), and 0 for the empty log.
    """

    second: int
    size: int
    note: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that one append changes; a store keeps all of it or nothing.

    `leaves` and `payloads` are of the records from `first` on; `tiles` are whole and replace their like.
    """

    first: int
    leaves: Sequence[bytes]
    payloads: Sequence[bytes]
    tiles: Sequence[Tile]
    checkpoint: CheckpointRow


class LogSource(Protocol):
    """Reads a log. Every method raises LogUnavailable, or LogDamaged when the store itself is corrupt."""

    async def fetch_meta(self) -> Mapping[str, str]:
        """Give the log's `format` and `origin`; nothing yet in a new store."""

    async def fetch_newest_checkpoint(self) -> CheckpointRow | None:
        """Give the checkpoint with the highest `second`."""

    async def fetch_bounds(self) -> tuple[int, int] | None:
        """Give the lowest and the highest index that is stored."""

    async def fetch_rows(self, first: int, end: int) -> list[RecordRow]:
        """Give the records `first <= index < end` in order, those that exist."""

    async def fetch_tiles(self, ids: Iterable[TileId]) -> dict[TileId, bytes]:
        """Give the hashes of the named tiles, those that exist."""

    async def close(self) -> None:
        """Let go of the store."""


class LogStore(LogSource, Protocol):
    """Writes a log, as the only one who may."""

    async def create(self, meta: Mapping[str, str], checkpoint: CheckpointRow) -> None:
        """Make the log in an empty store, durably."""

    async def append(self, batch: Batch) -> None:
        """Keep a batch, durably and whole; the fate of a batch that raised is unknown until `reopen`."""

    async def reopen(self) -> None:
        """Connect anew, so that what is read next is what a new process would read; keeps the lock."""
