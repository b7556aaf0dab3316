"""Appends records to a log: hashed, signed and durable before `append` returns."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.errors import LogDamaged
from components.archive.head import NS_PER_SECOND, Head, load_head
from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.archive.log.leaf import LEAF_VERSION, Leaf, LeafIndex, encode_leaf
from components.archive.log.merkle import leaf_hash, root_hash
from components.archive.log.note import Signer, VerifierKey, make_signer, make_verifier_key
from components.archive.log.tile import EMPTY_TREE, TiledTree, grow
from components.archive.record import RecordKind
from components.archive.store import FORMAT, Batch, CheckpointRow, LogStore
from components.archive.store.sqlite import SqliteStore

Entry = tuple[RecordKind, bytes]


@dataclass(frozen=True, slots=True)
class _Growth:
    """An append worked out in full, before anything of it is stored."""

    batch: Batch
    head: Head


class LogWriter:
    """The one writer of a log.

    `append` either returns, and then its records are durable and under a signed checkpoint; or it raises
    LogUnavailable or LogDamaged, or is cancelled, and then their fate is unknown: the commit may have failed on
    its way back. Call `recover()`: it reads the store anew and gives the true size, which is the one before
    (nothing was kept) or the one after the whole batch (all was kept), nothing between. An `append` without it
    recovers first, so that the log cannot fork; but whoever then sends the batch again may record it twice.
    """

    def __init__(self, store: LogStore, signer: Signer, head: Head, clock_ns: Callable[[], int]) -> None:
        self._store = store
        self._signer = signer
        self._head = head
        self._clock_ns = clock_ns
        self._in_doubt: Head | None = None
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, origin: str, signing_key: Ed25519PrivateKey) -> "LogWriter":
        """Open the SQLite log at `path`, making it if it is not there.

        Raises LogBusy when another process writes it, LogUnavailable when the store cannot be opened, LogDamaged
        when its newest state does not fit together, is not `origin`'s or not signed by this key.
        """
        return await cls.open_on(await SqliteStore.open(path), origin, signing_key)

    @classmethod
    async def open_on(
        cls,
        store: LogStore,
        origin: str,
        signing_key: Ed25519PrivateKey,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> "LogWriter":
        """Write to the log in `store`, which is the writer's to close; raises as `open` does."""
        signer = make_signer(origin, signing_key)
        try:
            if not await store.fetch_meta():
                empty = CheckpointRow(0, 0, _sign_tree(EMPTY_TREE, signer))
                await store.create({"format": FORMAT, "origin": origin}, empty)
            head = await load_head(store, _verifier_key(signer))
        except BaseException:
            await store.close()
            raise
        return cls(store, signer, head, clock_ns)

    @property
    def size(self) -> int:
        """Count the records known to be durable."""
        return self._head.tree.frontier.size

    async def append(self, entries: Sequence[Entry]) -> LeafIndex:
        """Record payloads in order, in one transaction; gives the first one's index.

        Raises LogUnavailable, LogDamaged (see the class for what that leaves) and ValueError for no entries.
        """
        if not entries:
            raise ValueError("an append needs an entry")
        async with self._turn:
            if self._in_doubt is not None:
                await self._settle()
            growth = _work_out(self._head, entries, self._clock_ns(), self._signer)
            self._in_doubt = growth.head
            await self._store.append(growth.batch)
            # Killed here: recorded, and nobody was told. Whoever submitted it looks at the tail after a restart.
            self._head, self._in_doubt = growth.head, None
            return LeafIndex(growth.batch.first)

    async def recover(self) -> int:
        """Find out what became of an append that failed, and give the log's true size.

        Raises LogUnavailable while the store cannot be read, and LogDamaged when it holds neither the log before
        the append nor the one after.
        """
        async with self._turn:
            if self._in_doubt is not None:
                await self._settle()
            return self.size

    async def close(self) -> None:
        """Close the store and let the next writer in."""
        async with self._turn:
            await self._store.close()

    async def _settle(self) -> None:
        await self._store.reopen()
        found = await load_head(self._store, _verifier_key(self._signer))
        possible = [head.tree for head in (self._head, self._in_doubt) if head is not None]
        if found.tree not in possible:
            raise LogDamaged(f"the store holds another log than the {self.size} records written to it")
        self._head, self._in_doubt = found, None


def _work_out(head: Head, entries: Sequence[Entry], now_ns: int, signer: Signer) -> _Growth:
    time_ns = max(head.time_ns, now_ns)
    first = head.tree.frontier.size
    payloads = [payload for _kind, payload in entries]
    leaves = [
        encode_leaf(
            Leaf(LEAF_VERSION, kind, LeafIndex(index), time_ns, len(payload), sha256(payload).digest())
        )
        for index, (kind, payload) in enumerate(entries, first)
    ]
    tree, tiles = grow(head.tree, [leaf_hash(leaf) for leaf in leaves])
    checkpoint = CheckpointRow(time_ns // NS_PER_SECOND, tree.frontier.size, _sign_tree(tree, signer))
    return _Growth(Batch(first, leaves, payloads, tiles, checkpoint), Head(tree, time_ns))


def _sign_tree(tree: TiledTree, signer: Signer) -> str:
    return sign_checkpoint(Checkpoint(signer.name, tree.frontier.size, root_hash(tree.frontier)), signer)


def _verifier_key(signer: Signer) -> VerifierKey:
    return make_verifier_key(signer.name, signer.private_key.public_key())
