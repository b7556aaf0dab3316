"""Verifies checkpoints by the keys that a log has had, and follows it to its next ones."""

from collections.abc import Sequence
from contextlib import suppress

from components.archive.backup import CopyError, Piece
from components.archive.backup.destroyed import KIND_PLACE
from components.archive.log.checkpoint import Checkpoint, CheckpointError, parse_checkpoint, verify_checkpoint
from components.archive.log.handover import HandoverError, verify_handover
from components.archive.log.note import NoteError, VerifierKey
from components.archive.record import RecordKind
from components.archive.store import CheckpointRow


def follow_keys(keys: Sequence[VerifierKey], piece: Piece) -> tuple[VerifierKey, ...]:
    """Return a log's keys with those to which it was handed in a piece, each signed by the one before it."""
    found = list(keys)
    for row in piece.records:
        if row.leaf[KIND_PLACE] == RecordKind.LOG_KEY and row.payload is not None:
            with suppress(HandoverError, NoteError, UnicodeDecodeError):
                found.append(verify_handover(row.payload.decode(), found[-1]))
    return tuple(found)


def find_key(row: CheckpointRow, keys: Sequence[VerifierKey]) -> VerifierKey:
    """Return the newest of a log's keys that signed a checkpoint; raises CopyError."""
    problem = ""
    for key in reversed(keys):
        try:
            verify_checkpoint(row.note, key)
        except (NoteError, CheckpointError) as error:
            problem = problem or str(error)
        else:
            return key
    raise CopyError(
        f"{keys[-1].name}: the checkpoint of {row.size:,} records is not signed with the log's keys ({problem}); where"
        " the log got a new key, put its public file here again"
    )


def verify_signed(row: CheckpointRow, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Return the checkpoint of a row that one of a log's keys signed; raises CopyError."""
    checkpoint = verify_checkpoint(row.note, find_key(row, keys))
    if checkpoint.size != row.size:
        raise CopyError(
            f"{checkpoint.origin}: a checkpoint of {checkpoint.size:,} records, not of {row.size:,}"
        )
    return checkpoint


def parse_row(row: CheckpointRow) -> Checkpoint:
    """Return the checkpoint of a row that was verified before."""
    return parse_checkpoint(row.note.partition("\n\n")[0] + "\n")
