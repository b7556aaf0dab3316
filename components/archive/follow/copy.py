"""A copy of a log that is written elsewhere: an ordinary store, which every reader reads (docs/auditor.md)."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from components.archive.backup import CopyError, Piece
from components.archive.backup.check import CopyCheck
from components.archive.backup.destroyed import Watched, find_tombstones, join_watched
from components.archive.errors import LogDamaged, LogMissing
from components.archive.follow import Batch, CopyState, LogForked
from components.archive.follow.signed import find_key, follow_keys, parse_row, verify_signed
from components.archive.head import EMPTY_HEAD, Head, extend_head, load_head, require_log
from components.archive.log.checkpoint import Checkpoint
from components.archive.log.leaf import LeafError, parse_leaf
from components.archive.log.merkle import ProofError, verify_consistency
from components.archive.log.note import VerifierKey
from components.archive.log.tile import Tile
from components.archive.store import FORMAT, Change, LogStore, RequestRow, Rows, SegmentRow
from components.archive.store.open import StoreName, may_exist, open_store, store_label
from components.process.json_text import read_json

_FOLLOWS = "follows"
_DESTROYING = "destroying"


@dataclass(slots=True)
class _Known:
    """The state of the copy: `signed` is its newest checkpoint, None for no copy yet."""

    head: Head = EMPTY_HEAD
    signed: Checkpoint | None = None
    destroying: Watched = field(default_factory=dict)


KeepKeys = Callable[[Sequence[VerifierKey]], None]
"""Keeps all keys that a log has had, durably, after it was handed to another one."""


class LogCopy:
    """Keeps a copy of a log; `keys` are all keys that the log has had, the present one last.

    After an error, it has to be opened again: what was kept is then read from the store.
    """

    def __init__(self, name: StoreName, keys: Sequence[VerifierKey], keep_keys: KeepKeys) -> None:
        self._name = name
        self._keys = tuple(keys)
        self._keep_keys = keep_keys
        self._known = _Known()
        # None until there is something to keep: an empty store would look like a damaged log.
        self._opened: LogStore | None = None

    @classmethod
    async def open(
        cls, name: StoreName, keys: Sequence[VerifierKey], keep_keys: KeepKeys = lambda keys: None
    ) -> "LogCopy":
        """Open the copy in a store, if there is one; raises CopyError for a log of its own, and LogError."""
        copy = cls(name, keys, keep_keys)
        if may_exist(name):
            try:
                await copy._open_store()
            except BaseException:
                await copy.close()
                raise
        return copy

    @property
    def size(self) -> int:
        """Count the records under the copy's newest checkpoint."""
        return self._known.signed.size if self._known.signed else 0

    async def state(self) -> CopyState:
        """Return what the copy has; raises LogError."""
        known = self._known
        if known.signed is None:
            return CopyState()
        opened = await self._store.fetch_open_segments()
        segment = opened[0].number if opened else await self._store.fetch_last_segment() + 1
        return CopyState(known.head.size, known.signed.size, segment, tuple(sorted(known.destroying)))

    async def take(self, batch: Batch) -> int:
        """Verify a batch that follows the copy's state, keep it, and return how many rows it changed.

        Raises LogForked if the log does not continue the copy, CopyError if the batch is not what its checkpoint
        covers, and LogError. Then nothing of it is kept.
        """
        self._follow_keys(batch.piece)
        self._verify_newest(batch)
        if self._known.signed is None:
            self._known.signed = await self._begin(batch)
        known, piece = self._known, batch.piece
        check = CopyCheck(batch.origin, known.head.tree.frontier, known.head.time_ns)
        check.add(piece)
        if piece.checkpoints:
            verify_signed(piece.checkpoints[-1], self._keys)
        head, signed = _grow(known.head, piece, check.time_ns)
        known.destroying = join_watched(known.destroying, find_tombstones(piece, 0))
        tiles = list(signed.unsigned_tiles.values()) if signed else []
        shredded = await self._keep(batch, tiles)
        known.head = head
        if piece.checkpoints:
            known.signed = parse_row(piece.checkpoints[-1])
        known.destroying = await self._find_left(known.destroying)
        return len(piece.records) + len(piece.checkpoints) + shredded

    async def _keep(self, batch: Batch, tiles: Sequence[Tile]) -> int:
        """Keep what was verified, in one transaction, and return how many payloads that destroyed."""
        piece, destroying = batch.piece, self._known.destroying
        shredded = await self._find_shredded(batch.destroyed, destroying)
        rows = Rows(
            records=piece.records,
            shredded=shredded,
            segments=await self._find_segments(batch.segments, destroying),
            tiles=tiles,
            checkpoints=piece.checkpoints,
            meta={_DESTROYING: _encode(destroying)},
        )
        await self._store.load(rows)
        # Killed here: all of the batch is there, and the next one follows it.
        if shredded:
            await self._store.purge()
        return len(shredded)

    async def fetch_requests(self) -> list[RequestRow]:
        """Return the requests that somebody here has put into the copy for the log's writer; raises LogError."""
        return await self._store.fetch_requests() if self._known.signed else []

    async def answer(self, id_: str, answer: str) -> None:
        """Give a request the writer's answer, and delete its body; raises LogError."""
        await self._store.commit(Change(answered=[RequestRow(id_, None, answer)]))

    async def close(self) -> None:
        """Let go of the store."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    @property
    def _store(self) -> LogStore:
        if self._opened is None:
            raise LogMissing(f"{store_label(self._name)}: there is no copy yet")
        return self._opened

    async def _open_store(self) -> LogStore:
        self._opened = store = await open_store(self._name)
        if meta := await store.fetch_meta():
            require_log(meta, self._keys[-1].name)
            if _FOLLOWS not in meta:
                raise CopyError(
                    f"{store_label(self._name)}: is a log of its own and no copy; name another store for the copy"
                )
            await store.take_lease()
            self._known = await _load(store, self._keys, meta)
        return store

    def _follow_keys(self, piece: Piece) -> None:
        """Know the keys to which the log was handed in these records, which the keys before them signed."""
        keys = follow_keys(self._keys, piece)
        if len(keys) > len(self._keys):
            # Killed here: a key is known that signs nothing in the copy yet.
            self._keep_keys(keys)
            self._keys = keys

    def _verify_newest(self, batch: Batch) -> None:
        """Check that the log's newest checkpoint is signed, and continues the copy; raises CopyError, LogForked."""
        if batch.origin != self._keys[-1].name:
            raise CopyError(f"this is the log {batch.origin!r}, not {self._keys[-1].name!r}")
        newest, signed = verify_signed(batch.checkpoint, self._keys), self._known.signed
        if signed is None or not signed.size:
            return
        if newest.size < signed.size:
            raise LogForked(
                f"{batch.origin}: the log has {newest.size:,} records, and the copy {signed.size:,}: it was set back"
            )
        try:
            verify_consistency(signed.size, newest.size, signed.root, newest.root, batch.proof)
        except ProofError:
            raise LogForked(
                f"{batch.origin}: the copy's {signed.size:,} records are not the first of the {newest.size:,} that the"
                " log has signed: one of the two was rewritten. Keep the copy, it is evidence"
            ) from None

    async def _begin(self, batch: Batch) -> Checkpoint:
        """Make the copy, as that of the empty log."""
        first = next(iter(batch.piece.checkpoints), None)
        if first is None or first.size:
            raise CopyError(f"{batch.origin}: the checkpoint of the empty log is missing")
        empty = verify_signed(first, self._keys)
        store = self._opened or await self._open_store()
        await store.create({"format": FORMAT, "origin": batch.origin, _FOLLOWS: "1"}, first)
        # Killed here: a copy without a record.
        await store.take_lease()
        return empty

    async def _find_shredded(self, indexes: Sequence[int], destroying: Watched) -> list[int]:
        """Return those of these records that tombstones name, and whose payloads are still there."""
        if not indexes:
            return []
        first, end = min(indexes), min(max(indexes) + 1, self._known.head.size)
        gone = set(await self._store.fetch_destroyed(first, end))
        leaves = await self._store.fetch_leaves(first, end)
        wanted = set(indexes) - gone
        return [
            index
            for index, leaf in enumerate(leaves, first)
            if index in wanted and _is_named(leaf, destroying)
        ]

    async def _find_segments(self, rows: Sequence[SegmentRow], destroying: Watched) -> list[SegmentRow]:
        """Return rows as they are to be kept: keys of a known segment change only where a tombstone says so."""
        found = []
        for row in rows:
            for old in await self._store.fetch_segments(row.number, row.number + 1):
                is_theirs = row.keys == old.keys or row.number in destroying
                found.append(row if is_theirs else replace(row, keys=old.keys))
                break
            else:
                found.append(row)
        return found

    async def _find_left(self, destroying: Watched) -> Watched:
        """Return what of this the copy still has."""
        left = {}
        for number, positions in destroying.items():
            for row in await self._store.fetch_segments(number, number + 1):
                end = self._known.head.size if row.manifest is None else row.manifest
                gone = set(await self._store.fetch_destroyed(row.first, end))
                leaves = await self._store.fetch_leaves(row.first, end)
                there = (leaf for index, leaf in enumerate(leaves, row.first) if index not in gone)
                if (not positions and row.keys is not None) or any(
                    _is_named(leaf, {number: positions}) for leaf in there
                ):
                    left[number] = positions
        return left


async def _load(store: LogStore, keys: Sequence[VerifierKey], meta: Mapping[str, str]) -> _Known:
    row = await store.fetch_newest_checkpoint()
    if row is None:
        raise LogDamaged("the copy has no checkpoint")
    key = find_key(row, keys)
    return _Known(await load_head(store, key), parse_row(row), _decode(meta.get(_DESTROYING, "{}")))


def _grow(head: Head, piece: Piece, time_ns: int) -> tuple[Head, Head | None]:
    """Return the state with a piece's records, and that under its last checkpoint, with the tiles to keep."""
    leaves = [row.leaf for row in piece.records]
    if not piece.checkpoints:
        return extend_head(head, leaves, time_ns), None
    covered = piece.checkpoints[-1].size - head.size
    signed = extend_head(head, leaves[:covered], time_ns)
    bare = Head(signed.tree, time_ns, signed.size, {})
    return extend_head(bare, leaves[covered:], time_ns), signed


def _is_named(leaf: bytes, destroying: Watched) -> bool:
    try:
        found = parse_leaf(leaf)
    except LeafError as error:
        raise CopyError(str(error)) from error
    positions = destroying.get(found.segment)
    return positions is not None and (not positions or found.position in positions)


def _encode(destroying: Watched) -> str:
    return json.dumps({str(number): sorted(places) for number, places in sorted(destroying.items())})


def _decode(text: str) -> dict[int, frozenset[int]]:
    return {int(number): frozenset(places) for number, places in read_json(text).items()}
