"""Copies a log into a store, checks it and reads it back. No writer and no reader accepts an unfinished copy."""

from components.archive.backup import PIECE_RECORDS, CopyError, CopySource, Piece
from components.archive.backup.check import CopyCheck, verify_row
from components.archive.backup.stored_log import StoredLog
from components.archive.head import load_head
from components.archive.log.note import VerifierKey
from components.archive.log.tile import EMPTY_TREE, Tile, TiledTree, grow
from components.archive.store import FORMAT, CheckpointRow, LogStore, RecordRow, Rows
from components.process.progress import Progress

UNFINISHED = f"{FORMAT} (unfinished copy)"
"""The format of a store until its copy is complete: no writer and no reader accepts it."""


async def copy_log(source: CopySource, target: LogStore, key: VerifierKey, progress: Progress) -> None:
    """Make `target` hold what `source` holds; `progress` counts each record twice, because it is read back.

    If interrupted, it leaves an unfinished copy, and the next call continues it. A target that holds an earlier state
    of the same log is brought up to date. Raises CopyError for one that holds anything else, and LogError.
    """
    outline = source.outline
    if outline.origin != key.name:
        raise CopyError(
            f"the log is {outline.origin!r}, and the key is of {key.name!r}; name the log's own key"
        )
    verify_row(outline.checkpoint, key)
    await _begin(source, target)
    check, tree, shredded = CopyCheck(outline.origin), EMPTY_TREE, False
    for number in range(outline.pieces):
        piece = await source.fetch_piece(number)
        tree, tiles = _grow_signed(tree, check.add(piece), outline.checkpoint.size)
        rows = await _find_missing(target, piece, tiles)
        await target.load(rows)
        # Killed here: the copy is unfinished, and the next call compares its pieces when it continues.
        shredded = shredded or bool(rows.shredded)
        progress(min(piece.first + PIECE_RECORDS, outline.records), 2 * outline.records)
    check.finish(outline, key)
    segments, memos = await source.fetch_segments(), await source.fetch_memos()
    await target.load(Rows(segments=segments, memos=memos, macs=outline.macs))
    if shredded:
        await target.purge()
    await _read_back(source, target, key, progress)
    await target.load(Rows(meta={"format": FORMAT}))
    await load_head(target, key)


async def _begin(source: CopySource, target: LogStore) -> None:
    outline = source.outline
    meta = await target.fetch_meta()
    if not meta:
        # A note that nobody accepts, until the first piece brings the true one.
        placeholder = CheckpointRow(0, 0, "unfinished copy\n")
        await target.create({"format": UNFINISHED, "origin": outline.origin}, placeholder)
    elif meta.get("origin") != outline.origin or meta.get("format") not in (FORMAT, UNFINISHED):
        raise CopyError(
            f"the target holds {meta.get('origin')!r} in format {meta.get('format')!r};"
            " name one that is empty, or holds an earlier copy of this log"
        )
    bounds = await target.fetch_bounds()
    if bounds is not None and bounds[1] >= outline.records:
        raise CopyError(
            f"the target holds {bounds[1] + 1} records of {outline.origin!r}, and the source only {outline.records};"
            " is it the other way round?"
        )
    if meta.get("format") == FORMAT:  # a log that may be in use: checked as a whole before it is changed
        for number in range(-(-(bounds[1] + 1) // PIECE_RECORDS) if bounds else 0):
            await _find_missing(target, await source.fetch_piece(number), [])
    await target.take_lease()
    await target.load(Rows(meta={"format": UNFINISHED}))


def _grow_signed(tree: TiledTree, hashes: list[bytes], signed: int) -> tuple[TiledTree, list[Tile]]:
    """Add what the newest checkpoint covers: tiles end with it."""
    return grow(tree, hashes[: max(0, signed - tree.frontier.size)])


async def _find_missing(target: LogStore, piece: Piece, tiles: list[Tile]) -> Rows:
    """Return what the target lacks of a piece."""
    present = await target.fetch_rows(piece.first, piece.first + len(piece.records))
    shredded = []
    for wanted, found in zip(piece.records, present, strict=False):
        if found == wanted:
            continue
        if found != RecordRow(wanted.index, wanted.leaf, found.payload) or wanted.payload is not None:
            raise CopyError(f"the target holds another record {wanted.index}; name an empty one")
        shredded.append(wanted.index)
    return Rows(
        records=piece.records[len(present) :],
        shredded=shredded,
        tiles=tiles,
        checkpoints=piece.checkpoints,
    )


async def _read_back(source: CopySource, target: LogStore, key: VerifierKey, progress: Progress) -> None:
    outline = source.outline
    copy = await StoredLog.of(target, (UNFINISHED,))
    if copy.outline != outline:
        raise CopyError(
            f"{outline.origin}: the end of the copy is not the log's; make it again, into an empty store"
        )
    check, tree = CopyCheck(outline.origin), EMPTY_TREE
    for number in range(outline.pieces):
        piece = await copy.fetch_piece(number)
        tree, tiles = _grow_signed(tree, check.add(piece), outline.checkpoint.size)
        await _require_tiles(target, tiles)
        done = outline.records + min(piece.first + PIECE_RECORDS, outline.records)
        progress(done, 2 * outline.records)
    check.finish(outline, key)
    if await copy.fetch_segments() != await source.fetch_segments():
        raise CopyError(
            f"{outline.origin}: the copy has other segments than the log; make it again, into an empty store"
        )


async def _require_tiles(target: LogStore, tiles: list[Tile]) -> None:
    found = await target.fetch_tiles([tile.id for tile in tiles])
    for tile in tiles:
        # A later piece may have made it longer.
        if not found.get(tile.id, b"").startswith(tile.hashes):
            raise CopyError(
                f"tile {tile.id.level}/{tile.id.n} of the copy is not the log's; make the copy again"
            )
