"""What a witness must never forget: the newest checkpoint of each log that it cosigned (docs/witness.md)."""

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from components.archive.durable import replace_durably
from components.archive.errors import LogBusy, LogDamaged
from components.archive.log.checkpoint import Checkpoint, CheckpointError, parse_checkpoint
from components.archive.log.cosignature import CosignerKey, verify_cosignatures
from components.archive.log.log_signature import LogVerifierKey, verify_log_signatures
from components.archive.log.merkle import EMPTY_ROOT
from components.archive.log.note import NoteError, split_note


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The last cosigned checkpoint of a log, its Unix time, and the note with the log's and the witness's lines."""

    checkpoint: Checkpoint
    timestamp_s: int = 0
    note: str = ""


def hash_origin(origin: str) -> str:
    """Return the name under which clients ask for a log's checkpoint (tlog-witness, Monitor Retrieval Mechanism)."""
    return sha256(origin.encode()).hexdigest()


class WitnessState:
    """A folder with a file for each log; one process at a time uses it."""

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock

    @classmethod
    def open(cls, folder: Path) -> "WitnessState":
        """Lock the folder, and make it if it is missing; raises LogBusy if another process has it, and OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise LogBusy(f"{folder}: another process is this witness") from None
        return cls(folder, lock)

    def load(
        self, origin: str, logs: Sequence[LogVerifierKey], cosigners: Sequence[CosignerKey]
    ) -> Witnessed:
        """Read the last cosigned checkpoint of a log; if there is none, it is the empty tree.

        Raises LogDamaged if no known key of the log or of this witness signed the file, or if it names another log: if
        the witness ignored such a file, the log could go back. Raises OSError.
        """
        path = self._path(origin)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return Witnessed(Checkpoint(origin, 0, EMPTY_ROOT))
        try:
            return _parse(content.decode(), origin, logs, cosigners)
        except (UnicodeDecodeError, NoteError, CheckpointError) as error:
            raise LogDamaged(f"{path}: not what this witness cosigned ({error})") from None

    def keep(self, witnessed: Witnessed) -> None:
        """Store what is cosigned now, durably; raises OSError, and then the file may be the old or the new one."""
        replace_durably(self._path(witnessed.checkpoint.origin), witnessed.note.encode())

    def close(self) -> None:
        """Release the folder for the next process."""
        os.close(self._lock)

    def _path(self, origin: str) -> Path:
        return self._folder / f"{hash_origin(origin)}.checkpoint"


def _parse(
    note: str, origin: str, logs: Sequence[LogVerifierKey], cosigners: Sequence[CosignerKey]
) -> Witnessed:
    text, lines = split_note(note)
    cosignatures = verify_cosignatures(note, cosigners)
    if not cosignatures:  # the witness has other keys by now
        verify_log_signatures(text, lines, logs)
    checkpoint = parse_checkpoint(text)
    if checkpoint.origin != origin:
        raise CheckpointError(f"a checkpoint of {checkpoint.origin!r}")
    return Witnessed(checkpoint, max((each.timestamp_s for each in cosignatures), default=0), note)
