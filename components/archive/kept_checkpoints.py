"""The cosigned and the time-stamped checkpoints of one log, as files in a folder beside it (docs/witness.md)."""

import datetime as dt
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from components.archive.durable import make_folder, replace_durably, sync_folder
from components.archive.log.checkpoint import CheckpointError, parse_checkpoint
from components.archive.log.note import NoteError, SignatureLine, encode_signature_line, split_note

_HOUR_S = 3600


def kept_folder(log: Path) -> Path:
    """Return the folder of a log's witnessed checkpoints: `gate.witnessed` for `gate.db`."""
    return log.with_suffix(".witnessed")


@dataclass(frozen=True, slots=True)
class Stamped:
    """The newest time stamp there is: of how many records, and when it was got (Unix time)."""

    size: int
    at_s: float


class KeptCheckpoints:
    """Keeps of a log the newest cosigned checkpoint, the last of each hour, and what was time-stamped.

    An older one that has a signature by a key which the newer has not is kept too. The folder has one writer.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._newest_file = folder / "newest.checkpoint"

    def newest(self) -> str | None:
        """Return the newest cosigned checkpoint, a note, or None; raises OSError."""
        try:
            return self._newest_file.read_text("utf-8")
        except FileNotFoundError:
            return None

    def keep(self, note: str, now_s: float) -> None:
        """Make a cosigned checkpoint the newest, durably; raises OSError."""
        make_folder(self._folder)
        before = self.newest()
        if before is not None and self._has_to_stay(before, note, now_s):
            self._file_away(before)
        # Killed before this: the one before is there twice, and this one is asked for again.
        replace_durably(self._newest_file, note.encode())

    def keep_stamped(self, note: str, token: bytes, now_s: float) -> None:
        """Keep a checkpoint, a note, with the answer of a time stamp authority about it; raises OSError."""
        path = self._place("stamps", note, now_s)
        replace_durably(path, note.encode())
        # Killed here: a checkpoint without a time stamp, which proves what any kept one does.
        replace_durably(path.with_suffix(".tsr"), token)

    def last_stamped(self) -> Stamped | None:
        """Find the newest time stamp; raises OSError."""
        days = sorted((self._folder / "stamps").glob("*/"), reverse=True)
        for day in days:
            stamps = [(token.stat().st_mtime, token) for token in day.glob("*.tsr")]
            if stamps:
                at_s, token = max(stamps)
                return Stamped(int(token.name.partition("-")[0]), at_s)
        return None

    def _has_to_stay(self, before: str, note: str, now_s: float) -> bool:
        try:
            (old_text, old_lines), (text, lines) = split_note(before), split_note(note)
        except NoteError:
            return True  # somebody altered it: that is for a verifier to see
        kept_at_s = self._newest_file.stat().st_mtime
        is_last_of_hour = old_text != text and kept_at_s // _HOUR_S != now_s // _HOUR_S
        return is_last_of_hour or not _signers(old_lines) <= _signers(lines)

    def _file_away(self, before: str) -> None:
        path = self._place("history", before, self._newest_file.stat().st_mtime)
        path.unlink(missing_ok=True)
        os.link(self._newest_file, path)
        sync_folder(path.parent)

    def _place(self, kind: str, note: str, at_s: float) -> Path:
        """Return a checkpoint's file, named by size and content: two of one size are a fork, and both have to stay."""
        try:
            size = parse_checkpoint(split_note(note)[0]).size
        except (NoteError, CheckpointError):
            size = 0
        day = self._folder / kind / f"{dt.datetime.fromtimestamp(at_s, dt.UTC):%Y-%m-%d}"
        make_folder(day)
        return day / f"{size}-{sha256(note.encode()).hexdigest()[:8]}.checkpoint"


def merge_signatures(note: str, kept: str | None, added: list[SignatureLine]) -> str:
    """Return a checkpoint with its own signatures, those that `kept` has if it is of the same text, and `added`.

    Of two by one key the later one stays. Raises NoteError.
    """
    text, lines = split_note(note)
    kept_lines: list[SignatureLine] = []
    if kept is not None:
        kept_text, found = split_note(kept)
        kept_lines = found if kept_text == text else []
    merged = {(line.name, line.key_id): line for line in (*lines, *kept_lines, *added)}
    return f"{text}\n{''.join(encode_signature_line(line) for line in merged.values())}"


def _signers(lines: list[SignatureLine]) -> set[tuple[str, bytes]]:
    return {(line.name, line.key_id) for line in lines}
