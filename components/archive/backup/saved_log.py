"""A log in a backup's folder."""

import re
from collections.abc import Mapping
from typing import Self

from components.archive.backup import CopyError, Outline, Piece
from components.archive.backup.check import CopyCheck
from components.archive.backup.encoding import (
    SavedOutline,
    parse_memos,
    parse_outline,
    parse_piece,
    parse_segments,
)
from components.archive.backup.folder import BackupFolder
from components.archive.log.note import NoteError, VerifierKey, parse_verifier_key
from components.archive.store import MemoRow, SegmentRow
from components.process.progress import Progress

_PIECE = re.compile(r".*/records/\d+/(\d+)-[0-9a-f]+\.records")
_PIECES_TO_A_FOLDER = 1000


class SavedLog:
    """What the last complete backup in a folder has of one log (CopySource)."""

    def __init__(
        self, folder: BackupFolder, name: str, saved: SavedOutline, pieces: Mapping[int, str]
    ) -> None:
        self.saved = saved
        self.pieces = pieces
        self._folder = folder
        self._name = name

    @classmethod
    def of(cls, folder: BackupFolder, name: str) -> Self:
        """Find the log of this name; raises CopyError when there is none, or not all of it."""
        saved = parse_outline(folder.read(folder.find_one(f"{name}/log-")))
        pieces = {
            int(match[1]): file
            for file in folder.find(f"{name}/records/")
            if (match := _PIECE.fullmatch(file)) is not None
        }
        if sorted(pieces) != list(range(saved.outline.pieces)):
            raise CopyError(
                f"{folder.path / name}: the list of files does not name every piece of the log once"
            )
        return cls(folder, name, saved, pieces)

    @property
    def outline(self) -> Outline:
        """See CopySource."""
        return self.saved.outline

    async def fetch_piece(self, number: int) -> Piece:
        """See CopySource."""
        return parse_piece(number, self._folder.read(self.pieces[number]))

    async def fetch_segments(self) -> list[SegmentRow]:
        """See CopySource."""
        files = self._folder.find(f"{self._name}/segments/")
        return [row for file in files for row in parse_segments(self._folder.read(file))]

    async def fetch_memos(self) -> list[MemoRow]:
        """See CopySource."""
        return parse_memos(self._folder.read(self._folder.find_one(f"{self._name}/memos-")))

    def verifier_key(self) -> VerifierKey:
        """Return the public key that the log was verified with; raises CopyError."""
        try:
            return parse_verifier_key(
                self._folder.read(self._folder.find_one(f"{self._name}/key-")).decode().strip()
            )
        except (NoteError, ValueError) as error:
            raise CopyError(f"{self._folder.path / self._name}: not a verifier key ({error})") from None


def saved_names(folder: BackupFolder) -> list[str]:
    """Return the names of the logs of a backup."""
    return [
        name.partition("/")[0] for name in folder.sums if re.fullmatch(r"[^/]+/log-[0-9a-f]+\.json", name)
    ]


def piece_stem(name: str, number: int) -> str:
    """Return the beginning of the name of a piece's file."""
    return f"{name}/records/{number // _PIECES_TO_A_FOLDER:05}/{number:08}"


async def check_saved(log: SavedLog, key: VerifierKey, progress: Progress) -> None:
    """Read all of a log in a backup, and verify it; raises CopyError."""
    check = CopyCheck(log.outline.origin)
    for number in range(log.outline.pieces):
        piece = await log.fetch_piece(number)
        check.add(piece)
        progress(check.frontier.size, log.outline.records)
    check.finish(log.outline, key)
    await log.fetch_segments()
    await log.fetch_memos()
