"""Appends records to a log: sealed, durable before `append` returns, and under a signed checkpoint soon after."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from components.archive.bookkeeping import Tombstone, encode_bookkeeping
from components.archive.draft import DEFAULT_CLASS, Addition, AppendPlan, Draft, Entry, LogState
from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.head import EMPTY_HEAD, Head, extend_head, load_head, require_log, sign_head
from components.archive.last_signed import LastSigned
from components.archive.log.handover import sign_handover
from components.archive.log.leaf import LeafIndex
from components.archive.log.note import NoteSigner, VerifierKey
from components.archive.opening import find_departures, require_accepted
from components.archive.record import RecordKind, encode_alarm
from components.archive.seal import Recipient, Seal, prepare_seal
from components.archive.segment import MAX_BATCH_RECORDS, count_segment
from components.archive.store import (
    FORMAT,
    Change,
    Destruction,
    LogStore,
    MemoRow,
    RequestRow,
)
from components.archive.store.open import StoreName, open_store
from components.archive.tail import TailKey
from policy.retention import PERMANENT_CLASS

__all__ = ["DEFAULT_CLASS", "SIGN_AFTER_S", "Entry", "LogWriter"]

SIGN_AFTER_S = 0.5
"""The age of the oldest unsigned record at which `maintain` signs a checkpoint."""


class _Keys(NamedTuple):
    """The signer of the log, and the key of the MACs, which is derived from the signing key."""

    signer: NoteSigner
    tail: TailKey


class _Doubt(NamedTuple):
    """A change with an unknown result: the leaves that it adds, and the log's keys if it was stored."""

    leaves: Sequence[bytes]
    keys: _Keys


class LogWriter:
    """The one writer of a log.

    If `append` returns, its records are durable. If it raises LogUnavailable or LogDamaged, or is cancelled, it is not
    known whether they were stored. Then call `recover()`. It reads the store again, which holds the whole batch or
    nothing of it, and ends the open segments. So the log's size alone does not show whether the batch was stored, but
    the batch's memo does. An `append` without `recover()` recovers first, so that the log cannot fork; but a caller
    that then sends the batch again may record it twice.

    `maintain` signs checkpoints, ends segments that have lasted long enough, and notices a store that was removed:
    call it at least twice a second.
    """

    def __init__(
        self,
        store: LogStore,
        keys: _Keys,
        recipients: Sequence[Recipient],
        head: Head,
        last_segment: int,
        clock_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._keys = keys
        # No other key of the log changes the name.
        self._origin = keys.signer.verifier_key.name
        self._recipients = tuple(recipients)
        self._head = head
        self._state = LogState(head.size, head.time_ns, last_segment + 1)
        self._clock_ns = clock_ns
        # For the next record of each open segment.
        self._prepared: dict[bytes, Seal] = {}
        # Stored leaves that are not in the head's tree yet.
        self._ungrown: list[bytes] = []
        self._unsigned_since_s = time.monotonic()
        self._doubt: _Doubt | None = None
        self._last_signed: LastSigned | None = None
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, name: StoreName, signer: NoteSigner, recipients: Sequence[Recipient]) -> "LogWriter":
        """Open the log in the store of this name, and make it if there is none; the signer's name is its origin.

        Raises LogBusy when another process writes it, LogUnavailable when the store cannot be opened, LogDamaged
        when its newest state does not fit together, is another origin's or not signed by this key.
        """
        return await cls.open_on(await open_store(name), signer, recipients)

    @classmethod
    async def open_on(
        cls,
        store: LogStore,
        signer: NoteSigner,
        recipients: Sequence[Recipient],
        clock_ns: Callable[[], int] = time.time_ns,
        *,
        last_signed: LastSigned | None = None,
    ) -> "LogWriter":
        """Open a writer on the log in `store`, which the writer closes; raises what `open` raises.

        LogDamaged also for what `find_departures` finds, unless that was accepted; KeyFileError as `TailKey.of` does.
        """
        if not recipients:
            await store.close()
            raise ValueError("a log needs a recipient: what nobody can open is no record")
        try:
            keys = _Keys(signer, TailKey.of(signer))
            if meta := await store.fetch_meta():
                # Before the lease is taken: a log of another format may have none.
                require_log(meta, signer.verifier_key.name)
            else:
                await _create(store, signer, last_signed)
            await store.take_lease()
            head = await load_head(store, signer.verifier_key)
            accepted = await find_departures(store, last_signed, keys.tail)
            await require_accepted(accepted, store, last_signed, signer)
            writer = cls(store, keys, recipients, head, await store.fetch_last_segment(), clock_ns)
            if accepted:
                await writer._end_abandoned_segments()
                alarms = [encode_alarm(each.alarm(clock_ns())) for each in accepted]
                await writer.append([Entry(RecordKind.ALARM, alarm) for alarm in alarms])
            # Killed before this is set: it is still accepted, and recorded once more.
            writer._last_signed = last_signed
            # Sign what a crash left, maybe long ago, before anything follows it: a tail spans only a short time.
            await writer._sign()
            await writer._end_abandoned_segments()
        except BaseException:
            await store.close()
            raise
        return writer

    @property
    def verifier_key(self) -> VerifierKey:
        """The public half of the key that signs the log's checkpoints now."""
        return self._keys.signer.verifier_key

    @property
    def size(self) -> int:
        """Count the records known to be durable."""
        return self._state.size

    @property
    def signed_size(self) -> int:
        """Count the records under the newest checkpoint."""
        return self._head.signed_size

    async def append(
        self, entries: Sequence[Entry], *, memo: bytes = b"", forget_memos_before: int = 0
    ) -> LeafIndex:
        """Record payloads in order, in one transaction; returns the first one's index, the others follow it.

        `memo` is kept with them in the clear until a later append says to forget those before its index.
        Raises LogUnavailable, LogDamaged, LogFenced (see the class for what that leaves) and ValueError for no
        entries, or too many.
        """
        if not 0 < len(entries) <= MAX_BATCH_RECORDS:
            raise ValueError(f"an append needs 1 to {MAX_BATCH_RECORDS:,} entries")
        async with self._turn:
            await self._settle()
            return await self._append(Addition(entries, memo=memo, forget_memos_before=forget_memos_before))

    def integrate(self) -> None:
        """Add stored records to the tree, and prepare the next seals, so that an append does not have to do it.

        Call it when nobody waits; otherwise `maintain` has more to do.
        """
        chains = [segment.chain for segment in self._state.segments.values()]
        self._prepared = {chain: self._prepared.get(chain) or prepare_seal(chain) for chain in chains}
        leaves, self._ungrown = self._ungrown, []
        if leaves:
            self._head = extend_head(self._head, leaves, self._state.time_ns)

    async def maintain(self, *, sign_after_s: float = SIGN_AFTER_S) -> None:
        """Sign a checkpoint if the last is too old, and end segments that have lasted long enough.

        Raises as `append` does; if the result of a checkpoint is unknown, the next append resolves it.
        """
        async with self._turn:
            await self._settle()
            self._store.require_present()
            now_ns = self._clock_ns()
            over = [segment for segment in self._state.segments.values() if segment.is_over(now_ns)]
            if over:
                await self._append(Addition(ended=over))
            if time.monotonic() - self._unsigned_since_s >= sign_after_s:
                await self._sign()

    async def sign(self) -> None:
        """Sign a checkpoint of all records now, if the newest is not that already; raises as `append` does."""
        await self.maintain(sign_after_s=0)

    async def rotate_key(self, signer: NoteSigner) -> LeafIndex:
        """Change the log to a new key with the same name; return the index of the record of this change.

        One commit keeps that record and a checkpoint that both keys sign; the new one signs those after it. As one
        checkpoint is kept of each second, let this one end before more is recorded. Raises as `append` does, and
        HandoverError for a key that it cannot be handed to.
        """
        async with self._turn:
            await self._settle()
            self.integrate()
            old = self._keys.signer
            note = sign_handover(old, signer).encode()
            plan = self._plan(Addition([Entry(RecordKind.LOG_KEY, note)]))
            head = extend_head(self._head, plan.change.leaves, plan.state.time_ns)
            change = plan.change._replace(
                tiles=list(head.unsigned_tiles.values()),
                checkpoint=sign_head(head, old, signer),
            )
            # Killed before this, the log has the old key; after it, the new one. Both can be tried on the checkpoint.
            keys = _Keys(signer, TailKey.of(signer))
            await self._commit(change, keys)
            self._keys = keys
            self._state = plan.state
            self._head = Head(head.tree, head.time_ns, head.size, {})
            if self._last_signed is not None and change.checkpoint is not None:
                self._last_signed.keep(change.checkpoint.note)
            return plan.first

    async def recover(self) -> int:
        """Find out whether a failed append was stored, and return the log's true size.

        Raises LogUnavailable while the store cannot be read, and LogDamaged when it holds neither the log before
        the append nor the one after.
        """
        async with self._turn:
            await self._settle()
            return self.size

    async def fetch_memos(self, limit: int, before: int = 2**62) -> list[MemoRow]:
        """Return memos as LogReader does, but from where this writer writes; raises as `recover` does.

        Where a standby has taken the place of a server, a reader may still be connected to the old one.
        """
        async with self._turn:
            await self._settle()
            try:
                return await self._store.fetch_memos(limit, before)
            except LogUnavailable:
                # Nothing is in doubt; but the next call connects again.
                self._doubt = _Doubt((), self._keys)
                raise

    async def record_order(self, order: bytes, details: bytes) -> LeafIndex:
        """Record an order and, directly after it, its details, in one transaction; return the order's index.

        They have a segment of their own, so that a search for orders does not have to read the others. Raises as
        `append` does.
        """
        entries = (
            Entry(RecordKind.ORDER, order),
            Entry(RecordKind.ORDER_DETAILS, details, PERMANENT_CLASS),
        )
        async with self._turn:
            await self._settle()
            return await self._append(Addition(entries, ended_class=PERMANENT_CLASS))

    async def destroy(self, destruction: Destruction, tombstone: Tombstone | None) -> None:
        """Destroy payloads and keys, in the transaction that records their tombstone; raises as `append` does.

        Records that an earlier call's tombstone names need no other tombstone. Until `purge` has returned, files of
        the store may still hold what was destroyed.
        """
        async with self._turn:
            await self._settle()
            if tombstone is None:
                await self._commit(Change(destroyed=[destruction]))
            else:
                entry = Entry(*encode_bookkeeping(tombstone))
                await self._append(Addition([entry], destroyed=[destruction]))

    async def purge(self, *, requests_only: bool = False) -> None:
        """Remove all destroyed data from the files beside the log; raises LogUnavailable while it cannot."""
        await self._store.purge(requests_only=requests_only)

    async def answer(self, id_: str, answer: str) -> None:
        """Answer a request that another process put into the store, and delete its body; raises what `append`
        raises.
        """
        async with self._turn:
            await self._settle()
            await self._commit(Change(answered=[RequestRow(id_, None, answer)]))

    async def close(self) -> None:
        """End all segments, sign, and close the store for the next writer.

        If the first two steps fail, the next writer does them.
        """
        async with self._turn:
            try:
                if self._doubt is None:
                    # Otherwise a checkpoint of a log that nobody reads again would be stored as the last one.
                    self._store.require_present()
                    if self._state.segments:
                        await self._append(Addition(ended=list(self._state.segments.values())))
                    await self._sign()
            finally:
                await self._store.close()

    async def _append(self, addition: Addition) -> LeafIndex:
        plan = self._plan(addition)
        if self._head.signed_size == self._state.size:
            self._unsigned_since_s = time.monotonic()
        await self._commit(plan.change)
        # Killed here: it is recorded, and nobody was told. After a restart the submitter looks at the memos.
        self._state = plan.state
        self._ungrown += plan.change.leaves
        return plan.first

    async def _commit(self, change: Change, keys: _Keys | None = None) -> None:
        """Commit a change, after which the log has these `keys`; if this raises, the result is unknown."""
        self._doubt = _Doubt(change.leaves, keys or self._keys)
        await self._store.commit(change)
        self._doubt = None

    def _plan(self, addition: Addition) -> AppendPlan:
        draft = Draft(self._state, self._clock_ns(), self._origin, self._prepared, self._keys.tail.mac)
        return draft.plan(addition, self._recipients)

    async def _sign(self) -> None:
        """Store the new tiles of the tree, with a checkpoint."""
        self.integrate()
        head = self._head
        if head.size == head.signed_size:
            return
        row = sign_head(head, self._keys.signer)
        # Killed before this: the records are there without a checkpoint, and the next writer signs them.
        await self._commit(Change(tiles=list(head.unsigned_tiles.values()), checkpoint=row))
        # Killed before this: the file outside the log is a second older than the log, and still a state of it.
        if self._last_signed is not None:
            self._last_signed.keep(row.note)
        self._head = Head(head.tree, head.time_ns, head.size, {})

    async def _settle(self) -> None:
        """After a commit with an unknown result, read the store again. No key is used twice: all open segments end."""
        if self._doubt is None:
            return
        await self._store.reopen()
        self.integrate()
        found = await load_head(self._store, self.verifier_key)
        after = extend_head(self._head, self._doubt.leaves, 0)
        if found.tree not in (self._head.tree, after.tree):
            # Another writer may have gone on with the log: then this raises LogFenced, and nothing is damaged.
            await self._store.commit(Change())
            raise LogDamaged(f"the store holds another log than the {self.size} records written to it")
        if found.tree == after.tree:
            self._keys = self._doubt.keys
        self._head = found
        self._state = LogState(found.size, found.time_ns, await self._store.fetch_last_segment() + 1)
        self._doubt = None
        await self._end_abandoned_segments()

    async def _end_abandoned_segments(self) -> None:
        abandoned = [await count_segment(self._store, row) for row in await self._store.fetch_open_segments()]
        if abandoned:
            await self._append(Addition(ended=abandoned))


async def _create(store: LogStore, signer: NoteSigner, last: LastSigned | None) -> None:
    """Make a log in an empty store, unless a lost log there was not accepted as lost; raises LogDamaged."""
    lost = await find_departures(None, last, None)
    await require_accepted(lost, None, last, signer)
    empty = sign_head(EMPTY_HEAD, signer)
    await store.create({"format": FORMAT, "origin": signer.verifier_key.name}, empty)
    # Killed before this: a log without a record, which needs no last checkpoint.
    if last is not None and not lost:
        last.keep(empty.note)
