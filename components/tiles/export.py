"""Writes a log's new tiles to a folder, and checks them against the signed checkpoint."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from components.archive.errors import LogDamaged
from components.archive.keys.log_key import load_verifier_keys
from components.archive.log.checkpoint import Checkpoint, CheckpointError, parse_checkpoint
from components.archive.log.merkle import (
    Frontier,
    ProofError,
    extend,
    join_subtrees,
    leaf_hash,
    root_hash,
    verify_consistency,
)
from components.archive.log.note import NoteError, VerifierKey, verify_note
from components.archive.log.tile import (
    HASH_SIZE_BYTES,
    TILE_WIDTH,
    TileError,
    restore_tree,
    unfinished_tile,
    unfinished_tiles,
)
from components.archive.reader import LogReader
from components.process.progress import Progress
from components.settings.log import LogSettings
from components.tiles.folder import TileFolder, TileFolderError
from components.tiles.resource import (
    CHECKPOINT_PATH,
    ENTRIES,
    Resource,
    count_new_resources,
    encode_entries,
    encode_path,
    new_resources,
    partial_folder,
)
from components.tiles.source import TileSource

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export: it wrote `files` tiles and bundles, and the folder now has the tree of `size`
    records.
    """

    size: int
    files: int


async def export_log(log: LogSettings, folder: Path, progress: Progress) -> Exported:
    """Bring the folder of one of a site's logs up to date; raises what `export_tiles` raises, and KeyFileError."""
    keys = load_verifier_keys(log.verifier_key_file)
    reader = await LogReader.open(log.store)
    try:
        with TileFolder.open(folder) as target:
            return await export_tiles(reader, keys, target, progress)
    finally:
        await reader.close()


async def export_tiles(
    reader: LogReader,
    keys: Sequence[VerifierKey],
    folder: TileFolder,
    progress: Progress = lambda _done, _total: None,
) -> Exported:
    """Bring a folder up to the log's newest checkpoint; `progress` gets files written and files to write.

    `keys` are all keys that the log has had, the present one last. It writes nothing that the checkpoint does not
    prove. Raises TileFolderError if the folder holds another log or another history, LogUnavailable, LogDamaged and
    OSError. Then all files written so far are right, and the folder's checkpoint is still the old one.
    """
    source = TileSource(reader.source)
    note = (await source.fetch_checkpoint()).note
    try:
        new = _verify(note, keys)
    except (NoteError, CheckpointError) as error:
        raise LogDamaged(f"the newest checkpoint: {error}") from error
    await _verify_top(source, new)
    old = await _check_old(folder, reader, keys, new)
    total = count_new_resources(old.size, new.size)
    resources = new_resources(old.size, new.size)
    done = 0
    progress(done, total)
    while batch := list(islice(resources, _BATCH)):
        files = dict(zip(map(encode_path, batch), await _fetch_proved(source, batch, new.size), strict=True))
        await asyncio.to_thread(folder.write, files)
        done += len(batch)
        progress(done, total)
    # Killed before this: the folder serves the old checkpoint, and has some files too many.
    await asyncio.to_thread(folder.write, {CHECKPOINT_PATH: note.encode()})
    # Killed before this: tiles stay that nobody needs any more, beside the whole ones.
    for resource in _superseded(old.size, new.size):
        await asyncio.to_thread(folder.remove, partial_folder(resource))
    return Exported(new.size, done)


def _verify(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Parse a checkpoint that one of the log's keys signed; raises NoteError or CheckpointError."""
    checkpoint = parse_checkpoint(verify_note(note, keys))
    if checkpoint.origin != keys[-1].name:
        raise CheckpointError(f"a checkpoint of {checkpoint.origin!r}, not of {keys[-1].name!r}")
    return checkpoint


async def _check_old(
    folder: TileFolder, reader: LogReader, keys: Sequence[VerifierKey], new: Checkpoint
) -> Checkpoint:
    """Return the folder's checkpoint, or the empty log's, after checking that the log continues from it."""
    content = folder.read(CHECKPOINT_PATH)
    if content is None:
        return Checkpoint(keys[-1].name, 0, b"")
    try:
        old = _verify(content.decode(), keys)
    except ValueError as error:  # NoteError, CheckpointError, or no text
        reason = f"its checkpoint is not one of {keys[-1].name}: {error}"
        raise TileFolderError(f"{folder.path}: {reason}; name another folder") from None
    if old.size > new.size:
        reason = f"it has {old.size:,} records, and the log {new.size:,}: the log was set back"
        raise TileFolderError(f"{folder.path}: {reason}; run `steelyard verify`, and keep the folder")
    try:
        if old.size:
            proof = await reader.consistency_proof(old.size, new.size)
            verify_consistency(old.size, new.size, old.root, new.root, proof)
    except ProofError:
        reason = f"its first {old.size:,} records are not those of the log: one of the two was rewritten"
        raise TileFolderError(f"{folder.path}: {reason}; keep the folder, it is evidence") from None
    return old


async def _verify_top(source: TileSource, checkpoint: Checkpoint) -> None:
    """Check that the unfinished tiles give the root, because they prove the tiles below them."""
    found = await source.source.fetch_tiles(unfinished_tiles(checkpoint.size))
    cut = {
        tile: hashes[: unfinished_tile(tile.level, checkpoint.size)[1] * HASH_SIZE_BYTES]
        for tile, hashes in found.items()  # the log may have grown since
    }
    try:
        root = root_hash(restore_tree(checkpoint.size, cut).frontier)
    except TileError as error:
        raise LogDamaged(str(error)) from error
    if root != checkpoint.root:
        raise LogDamaged(f"the tiles do not give the root of the checkpoint of {checkpoint.size:,} records")


async def _fetch_proved(source: TileSource, batch: Sequence[Resource], size: int) -> list[bytes]:
    """Fetch resources of one tree; raises LogDamaged for a resource that does not belong to the tree."""
    hashes = await source.fetch_hashes(batch)
    parents = sorted({parent for each in batch if (parent := _parent(each, size)) is not None})
    above = dict(zip(parents, await source.fetch_hashes(parents), strict=True))
    contents = []
    for resource, tile in zip(batch, hashes, strict=True):
        parent = _parent(resource, size)
        if parent is not None and _hash_at(above[parent], resource.n % TILE_WIDTH) != _tile_root(tile):
            raise LogDamaged(f"tile {resource.tile.level}/{resource.n} is not the tree's")
        contents.append(await _fetch_entries(source, resource, tile) if resource.level == ENTRIES else tile)
    return contents


async def _fetch_entries(source: TileSource, resource: Resource, tile: bytes) -> bytes:
    leaves = await source.fetch_leaves(resource)
    for place, leaf in enumerate(leaves):
        if leaf_hash(leaf) != _hash_at(tile, place):
            index = resource.n * TILE_WIDTH + place
            raise LogDamaged(f"the leaf of record {index} is not the one in the tree")
    return encode_entries(leaves)


def _parent(resource: Resource, size: int) -> Resource | None:
    """Return the tile that holds a whole tile's root; the checkpoint's root proves the others."""
    if not resource.is_whole:
        return None
    level, n = resource.tile.level + 1, resource.n // TILE_WIDTH
    last, width = unfinished_tile(level, size)
    return Resource(level, n, width if n == last else TILE_WIDTH)


def _hash_at(hashes: bytes, place: int) -> bytes:
    return hashes[place * HASH_SIZE_BYTES : (place + 1) * HASH_SIZE_BYTES]


def _tile_root(hashes: bytes) -> bytes:
    row = [hashes[start : start + HASH_SIZE_BYTES] for start in range(0, len(hashes), HASH_SIZE_BYTES)]
    return join_subtrees(extend(Frontier(), row)[0].nodes)


def _superseded(old_size: int, size: int) -> list[Resource]:
    """Return the unfinished tiles and the bundle of the old tree that are whole in the new one."""
    found = []
    levels = {tile.level for tile in unfinished_tiles(old_size)}
    for level in sorted(levels | {ENTRIES}):
        n, width = unfinished_tile(max(level, 0), old_size)
        whole = Resource(level, n)
        if width and whole.is_in_tree(size):
            found.append(whole)
    return found
