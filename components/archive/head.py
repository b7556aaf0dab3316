"""Reads a log's newest state from its store, and checks it before anything is added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.archive.errors import LogDamaged
from components.archive.log.checkpoint import Checkpoint, CheckpointError, sign_checkpoint, verify_checkpoint
from components.archive.log.leaf import Leaf, LeafError, is_payload_of, parse_leaf
from components.archive.log.merkle import leaf_hash, root_hash
from components.archive.log.note import NoteError, NoteSigner, VerifierKey
from components.archive.log.tile import (
    EMPTY_TREE,
    HASH_SIZE_BYTES,
    TILE_WIDTH,
    Tile,
    TiledTree,
    TileError,
    TileId,
    grow,
    restore_tree,
    unfinished_tiles,
)
from components.archive.store import FORMAT, CheckpointRow, LogSource, RecordRow

NS_PER_SECOND = 1_000_000_000

# What a writer leaves unsigned when it is killed is a second's records; more are read in pieces.
_CHUNK_RECORDS = 4096


@dataclass(frozen=True, slots=True)
class Head:
    """What the next append builds on: the tree of all records, and its last leaf's time (0 for none).

    The newest checkpoint is of the first `signed_size`; `unsigned_tiles` are those that changed since.
    """

    tree: TiledTree
    time_ns: int
    signed_size: int
    unsigned_tiles: dict[TileId, Tile]

    @property
    def size(self) -> int:
        """Count the records."""
        return self.tree.frontier.size


EMPTY_HEAD = Head(EMPTY_TREE, 0, 0, {})


def require_log(meta: Mapping[str, str], origin: str) -> None:
    """Raise LogDamaged unless this is the `meta` of the log of that origin, in the format known here."""
    if meta.get("format") != FORMAT or meta.get("origin") != origin:
        found = f"{meta.get('origin')!r} in format {meta.get('format')!r}"
        advice = "; docs/operations.md, section 5, says what reads it" if meta.get("format") != FORMAT else ""
        raise LogDamaged(f"the log is {found}, not {origin!r} in {FORMAT!r}{advice}")


async def load_head(source: LogSource, key: VerifierKey) -> Head:
    """Read the newest state; raises LogDamaged if checkpoint, tiles and last records do not fit together.

    Records behind the newest checkpoint, which a killed writer leaves, must follow one another, match their leaves,
    and not go back in time.
    """
    require_log(await source.fetch_meta(), key.name)
    row = await source.fetch_newest_checkpoint()
    if row is None:
        raise LogDamaged("the log has no checkpoint")
    checkpoint = _verify_row(row, key)
    tree = await _load_tree(source, checkpoint)
    time_ns = await _check_last_records(source, checkpoint.size)
    if row.second != time_ns // NS_PER_SECOND:
        raise LogDamaged(f"the checkpoint of second {row.second} is not of its last record's second")
    return await _take_up_unsigned(source, Head(tree, time_ns, checkpoint.size, {}))


def _verify_row(row: CheckpointRow, key: VerifierKey) -> Checkpoint:
    try:
        checkpoint = verify_checkpoint(row.note, key)
    except (NoteError, CheckpointError) as error:
        raise LogDamaged(f"the checkpoint of second {row.second}: {error}") from error
    if checkpoint.size != row.size:
        raise LogDamaged(
            f"the checkpoint of second {row.second} is of {checkpoint.size} records, not {row.size}"
        )
    return checkpoint


async def _load_tree(source: LogSource, checkpoint: Checkpoint) -> TiledTree:
    lowest, highest = await source.fetch_bounds() or (0, -1)
    if lowest != 0 or highest < checkpoint.size - 1:
        found = f"records {lowest} to {highest}" if highest >= 0 else "no record"
        raise LogDamaged(f"the checkpoint is of {checkpoint.size} records, but the log holds {found}")
    try:
        tree = restore_tree(checkpoint.size, await source.fetch_tiles(unfinished_tiles(checkpoint.size)))
    except TileError as error:
        raise LogDamaged(str(error)) from error
    if root_hash(tree.frontier) != checkpoint.root:
        raise LogDamaged(f"the tiles do not give the root of the checkpoint of {checkpoint.size} records")
    return tree


async def _check_last_records(source: LogSource, size: int) -> int:
    """Check the records of the last tile against it, and return the last one's time."""
    if not size:
        return 0
    tile = TileId(0, (size - 1) // TILE_WIDTH)
    first = tile.n * TILE_WIDTH
    hashes = (await source.fetch_tiles([tile])).get(tile, b"")
    rows = await source.fetch_rows(first, size)
    if len(rows) != size - first:
        raise LogDamaged(f"{len(rows)} of the {size - first} records from {first} on are there")
    time_ns = 0
    for place, row in enumerate(rows):
        if leaf_hash(row.leaf) != hashes[place * HASH_SIZE_BYTES : (place + 1) * HASH_SIZE_BYTES]:
            raise LogDamaged(f"the leaf of record {row.index} is not the one in the tree")
        time_ns = _check_row(row).time_ns
    return time_ns


async def _take_up_unsigned(source: LogSource, head: Head) -> Head:
    while rows := await source.fetch_rows(head.size, head.size + _CHUNK_RECORDS):
        time_ns = head.time_ns
        for index, row in enumerate(rows, head.size):
            leaf = _check_row(row)
            if (row.index, leaf.index) != (index, index) or leaf.time_ns < time_ns:
                raise LogDamaged(f"record {index} does not follow the one before it")
            time_ns = leaf.time_ns
        head = extend_head(head, [row.leaf for row in rows], time_ns)
    bounds = await source.fetch_bounds()
    if bounds is not None and bounds[1] >= head.size:
        raise LogDamaged(f"record {head.size} is missing, and there are some behind it")
    return head


def extend_head(head: Head, leaves: Sequence[bytes], time_ns: int) -> Head:
    """Add stored leaves; the last has the time `time_ns`."""
    tree, changed = grow(head.tree, [leaf_hash(leaf) for leaf in leaves])
    tiles = head.unsigned_tiles | {tile.id: tile for tile in changed}
    return Head(tree, time_ns, head.signed_size, tiles)


def sign_head(head: Head, *signers: NoteSigner) -> CheckpointRow:
    """Sign a checkpoint of all records; the signers' name is the log's origin."""
    tree = head.tree.frontier
    note = sign_checkpoint(Checkpoint(signers[0].verifier_key.name, tree.size, root_hash(tree)), *signers)
    return CheckpointRow(head.time_ns // NS_PER_SECOND, head.size, note)


def _check_row(row: RecordRow) -> Leaf:
    """Parse a leaf and check its payload, unless that was destroyed."""
    try:
        leaf = parse_leaf(row.leaf)
    except LeafError as error:
        raise LogDamaged(f"record {row.index}: {error}") from error
    if row.payload is not None and not is_payload_of(leaf, row.payload):
        raise LogDamaged(f"the payload of record {row.index} is not the one its leaf names")
    return leaf
