"""Checks a copy of a log while it is read: records, payloads and checkpoints must belong to one tree."""

from components.archive.backup import CopyError, Outline, Piece
from components.archive.log.checkpoint import Checkpoint, CheckpointError, parse_checkpoint, verify_checkpoint
from components.archive.log.leaf import LeafError, is_payload_of, parse_leaf
from components.archive.log.merkle import Frontier, extend, leaf_hash, root_hash
from components.archive.log.note import NoteError, VerifierKey
from components.archive.store import CheckpointRow, RecordRow


class CopyCheck:
    """Takes the pieces of a copy in order. `finish` verifies only the signature of the newest checkpoint.

    The other checkpoints are compared with the tree. The verifier checks their signatures, by all keys of the log.
    """

    def __init__(self, origin: str, frontier: Frontier | None = None, time_ns: int = 0) -> None:
        self._origin = origin
        self.frontier = frontier or Frontier()
        self.time_ns = time_ns
        self._newest: CheckpointRow | None = None

    def add(self, piece: Piece) -> list[bytes]:
        """Check the next piece, and return its leaf hashes; raises CopyError."""
        hashes = [
            self._check_record(row, index) for index, row in enumerate(piece.records, self.frontier.size)
        ]
        taken = 0
        for row in piece.checkpoints:
            step = row.size - self.frontier.size
            if not 0 <= step <= len(hashes) - taken:
                raise CopyError(f"{self._origin}: the checkpoint of {row.size} records is out of place")
            self.frontier, _ = extend(self.frontier, hashes[taken : taken + step])
            taken += step
            self._check_checkpoint(row)
            self._newest = row
        self.frontier, _ = extend(self.frontier, hashes[taken:])
        return hashes

    def finish(self, outline: Outline, key: VerifierKey) -> None:
        """Check that all pieces were seen, and that `key` signed the newest checkpoint; raises CopyError."""
        if self.frontier.size != outline.records or self._newest != outline.checkpoint:
            raise CopyError(
                f"{self._origin}: the copy has {self.frontier.size} records, or another newest checkpoint"
                f" than that of the {outline.records}"
            )
        verify_row(outline.checkpoint, key)

    def _check_record(self, row: RecordRow, index: int) -> bytes:
        try:
            leaf = parse_leaf(row.leaf)
        except LeafError as error:
            raise CopyError(f"{self._origin}: record {index}: {error}") from error
        if (row.index, leaf.index) != (index, index) or leaf.time_ns < self.time_ns:
            raise CopyError(
                f"{self._origin}: record {index} is missing, or does not follow the one before it"
            )
        if row.payload is not None and not is_payload_of(leaf, row.payload):
            raise CopyError(f"{self._origin}: the payload of record {index} is not the one its leaf names")
        self.time_ns = leaf.time_ns
        return leaf_hash(row.leaf)

    def _check_checkpoint(self, row: CheckpointRow) -> None:
        expected = Checkpoint(self._origin, self.frontier.size, root_hash(self.frontier))
        try:
            found = parse_checkpoint(row.note.partition("\n\n")[0] + "\n")
        except CheckpointError as error:
            raise CopyError(f"{self._origin}: the checkpoint of second {row.second}: {error}") from error
        if found != expected:
            raise CopyError(
                f"{self._origin}: the records do not give the root of the checkpoint of {row.size}"
            )


def verify_row(row: CheckpointRow, key: VerifierKey) -> Checkpoint:
    """Verify a checkpoint's signature; raises CopyError."""
    try:
        return verify_checkpoint(row.note, key)
    except (NoteError, CheckpointError) as error:
        raise CopyError(f"{key.name}: the checkpoint of second {row.second}: {error}") from error
