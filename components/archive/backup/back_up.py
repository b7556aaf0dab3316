"""Backs a log up into a folder: writes only what is new, and removes what was destroyed since the last time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from components.archive.backup import PIECE_RECORDS, CopyError, Outline, Piece, destroyed, encoding
from components.archive.backup.check import CopyCheck
from components.archive.backup.folder import BackupFolder
from components.archive.backup.saved_log import SavedLog, piece_stem, saved_names
from components.archive.backup.stored_log import StoredLog
from components.archive.log.merkle import Frontier
from components.archive.log.note import VerifierKey, encode_verifier_key
from components.archive.store import LogSource, RecordRow, SegmentRow
from components.process.progress import Progress

_SEGMENTS_TO_A_FILE = 4096


@dataclass(frozen=True, slots=True)
class Saved:
    """The result of a run for one log: what is in the backup now, and how many of its pieces were written."""

    outline: Outline
    written_pieces: int


@dataclass(slots=True)
class _FolderState:
    """The content of the folder: pieces by number, of which the first `whole` are full, and the segments at that time.

    `watched` are destructions that had begun, but whose payloads are still in the folder.
    """

    records: int = 0
    whole: int = 0
    frontier: Frontier = field(default_factory=Frontier)
    time_ns: int = 0
    segments: Sequence[SegmentRow] = ()
    watched: destroyed.Watched = field(default_factory=dict)
    pieces: dict[int, str] = field(default_factory=dict)
    written: int = 0


async def back_up_log(
    source: LogSource, folder: BackupFolder, name: str, key: VerifierKey, progress: Progress
) -> Saved:
    """Write what the folder lacks of a log, also while its writer runs; it takes effect with `folder.complete`.

    Each file is read back from the disk, and the records must give the newest checkpoint's root.
    Raises CopyError, LogError, OSError.
    """
    state = await _read_state(folder, name, key)
    while True:
        # Segments first: everything that is destroyed from here on shows as a difference at the next run.
        segments = await (await StoredLog.of(source)).fetch_segments()
        log = await StoredLog.of(source)
        _require_successor(log.outline, state, key)
        await _add_pieces(log, folder, name, key, state, progress)
        await _remove_destroyed(log, folder, name, state, segments)
        state.segments, state.records = segments, log.outline.records
        after = await log.fetch_segments()
        if not destroyed.changed_segments(segments, after):
            break
    _save_rest(folder, name, key, log.outline, state, after)
    folder.keep(folder.put(f"{name}/memos", "jsonl", encoding.encode_memos(await log.fetch_memos())))
    return Saved(log.outline, state.written)


async def _read_state(folder: BackupFolder, name: str, key: VerifierKey) -> _FolderState:
    if name not in saved_names(folder):
        return _FolderState()
    log = SavedLog.of(folder, name)
    if log.outline.origin != key.name:
        raise CopyError(f"{folder.path}: holds a backup of {log.outline.origin!r}; name another folder")
    saved = log.saved
    segments = await log.fetch_segments()
    return _FolderState(
        saved.outline.records,
        saved.whole,
        saved.frontier,
        saved.time_ns,
        segments,
        saved.watched,
        dict(log.pieces),
    )


def _require_successor(outline: Outline, state: _FolderState, key: VerifierKey) -> None:
    if outline.origin != key.name:
        raise CopyError(
            f"the log is {outline.origin!r}, and the key is of {key.name!r}; name the log's own key"
        )
    if outline.records < state.records:
        raise CopyError(
            f"{outline.origin}: the log has {outline.records} records, and its backup {state.records}: the log was"
            " set back. Keep this backup, and make another in a new folder"
        )


async def _remove_destroyed(
    log: StoredLog, folder: BackupFolder, name: str, state: _FolderState, segments: Sequence[SegmentRow]
) -> None:
    """Write full pieces again that hold payloads destroyed in the log; keep watching for the rest."""
    records = log.outline.records
    begun = {
        number
        for row in destroyed.changed_segments(state.segments, segments)
        for number in destroyed.pieces_of(row, records)
    }
    for number in sorted(begun):
        if number < state.whole:
            await _replace_piece(log, folder, name, state, number)
    left: set[int] = set()
    rows = {row.number: row for row in segments}
    for segment, positions in state.watched.items():
        for number in destroyed.pieces_of(rows[segment], records) if segment in rows else ():
            piece = _read_piece(folder, state, number)
            if number < state.whole and destroyed.holds_destroyed(piece, segment, positions):
                await _replace_piece(log, folder, name, state, number)
                piece = _read_piece(folder, state, number)
            if destroyed.holds_destroyed(piece, segment, positions):
                left.add(segment)
    state.watched = {segment: positions for segment, positions in state.watched.items() if segment in left}


def _read_piece(folder: BackupFolder, state: _FolderState, number: int) -> Piece:
    return encoding.parse_piece(number, folder.read(state.pieces[number]))


async def _replace_piece(
    log: StoredLog, folder: BackupFolder, name: str, state: _FolderState, number: int
) -> None:
    """Write a piece again after payloads in it were destroyed; the leaves must be the same as before."""
    old = _read_piece(folder, state, number)
    new = await log.fetch_piece(number)
    if len(new.records) != PIECE_RECORDS or not all(map(_is_remainder, old.records, new.records)):
        raise CopyError(f"{log.outline.origin}: records of piece {number} are not those that were backed up")
    _put_piece(folder, name, state, Piece(number, new.records, old.checkpoints))


def _is_remainder(old: RecordRow, new: RecordRow) -> bool:
    return (old.index, old.leaf) == (new.index, new.leaf) and new.payload in (None, old.payload)


async def _add_pieces(
    log: StoredLog, folder: BackupFolder, name: str, key: VerifierKey, state: _FolderState, progress: Progress
) -> None:
    """Write the pieces that are new or were not full, and check that they lead to the newest checkpoint."""
    outline = log.outline
    check = CopyCheck(outline.origin, state.frontier, state.time_ns)
    for number in range(state.whole, outline.pieces):
        piece = await log.fetch_piece(number)
        check.add(piece)
        state.watched = destroyed.join_watched(state.watched, destroyed.find_tombstones(piece, state.records))
        _put_piece(folder, name, state, piece)
        # The next run reads the piece with the newest checkpoint again, because the check ends with it.
        if outline.checkpoint.size > (number + 1) * PIECE_RECORDS:
            state.whole, state.frontier, state.time_ns = number + 1, check.frontier, check.time_ns
        progress(check.frontier.size, outline.records)
    check.finish(outline, key)


def _put_piece(folder: BackupFolder, name: str, state: _FolderState, piece: Piece) -> None:
    file = folder.put(piece_stem(name, piece.number), "records", encoding.encode_piece(piece))
    state.written += file != state.pieces.get(piece.number)
    state.pieces[piece.number] = file


def _save_rest(
    folder: BackupFolder,
    name: str,
    key: VerifierKey,
    outline: Outline,
    state: _FolderState,
    segments: Sequence[SegmentRow],
) -> None:
    saved = encoding.SavedOutline(outline, state.whole, state.frontier, state.time_ns, state.watched)
    files = [*state.pieces.values(), folder.put(f"{name}/log", "json", encoding.encode_outline(saved))]
    files.append(folder.put(f"{name}/key", "pub", f"{encode_verifier_key(key)}\n".encode()))
    for start in range(0, len(segments), _SEGMENTS_TO_A_FILE):
        part = encoding.encode_segments(segments[start : start + _SEGMENTS_TO_A_FILE])
        files.append(folder.put(f"{name}/segments/{start // _SEGMENTS_TO_A_FILE:08}", "jsonl", part))
    for file in files:
        folder.keep(file)
