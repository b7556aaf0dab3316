"""Copies a log while it grows, batch by batch, each verified before it is kept (docs/decisions/0217)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from components.archive.backup import CopyError, Piece
from components.archive.store import CheckpointRow, SegmentRow

MAX_BATCH_BYTES = 8 * 1024 * 1024
"""So many bytes of payloads are in one batch at most, unless one alone is larger."""

MAX_DESTROYING = 8
"""In so many segments is looked for destroyed payloads at once."""


class LogForked(CopyError):  # noqa: N818 - the condition is the name
    """What a log's owner has signed does not continue what the copy has: it was set back, or there are two."""


@dataclass(frozen=True, slots=True)
class CopyState:
    """What a copy has: so many `records`, of which the newest checkpoint covers `signed` (-1: there is no copy yet).

    `segment` is the number of the first segment that is open in it, or not there yet. Of `destroying`, it still has
    payloads that tombstones name.
    """

    records: int = 0
    signed: int = -1
    segment: int = 1
    destroying: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What follows a copy's state: records that `checkpoint`, the log's newest, covers.

    `proof` is that of consistency between the copy's newest checkpoint and this one. `segments` are those that these
    records began or ended, and those in which something is destroyed; `destroyed` are indexes of records there.
    """

    origin: str
    checkpoint: CheckpointRow
    proof: Sequence[bytes] = ()
    piece: Piece = field(default_factory=lambda: Piece(0, (), ()))
    segments: Sequence[SegmentRow] = ()
    destroyed: Sequence[int] = ()

    @property
    def is_new(self) -> bool:
        """Return whether it has records or checkpoints that the copy lacks."""
        return bool(self.piece.records or self.piece.checkpoints)
