"""Copies of logs: into another store, into a folder (a backup) and out of it (docs/backup.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from components.archive.errors import LogError
from components.archive.store import CheckpointRow, MemoRow, RecordRow, SegmentRow

PIECE_RECORDS = 4096


class CopyError(LogError):
    """A copy cannot be made, or is wrong; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a copy holds: the first `records` of a log; `checkpoint` covers all except those of the last second.

    `macs` are those of the last second, by index.
    """

    origin: str
    records: int
    checkpoint: CheckpointRow
    macs: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def pieces(self) -> int:
        """Count the pieces; an empty log has one."""
        return max(1, -(-self.records // PIECE_RECORDS))


@dataclass(frozen=True, slots=True)
class Piece:
    """Up to 4,096 records from `number * 4096` on, and the checkpoints whose last record is among them.

    The first piece also has the checkpoint of the empty log.
    """

    number: int
    records: Sequence[RecordRow]
    checkpoints: Sequence[CheckpointRow]

    @property
    def first(self) -> int:
        """The index of its first record."""
        return self.number * PIECE_RECORDS


class CopySource(Protocol):
    """The source of a copy. Every method raises LogError."""

    @property
    def outline(self) -> Outline:
        """The outline of the log to copy."""

    async def fetch_piece(self, number: int) -> Piece:
        """Return a piece."""

    async def fetch_segments(self) -> list[SegmentRow]:
        """Return all segments in order, as they were when the log had that many records."""

    async def fetch_memos(self) -> list[MemoRow]:
        """Return all memos about these records."""
