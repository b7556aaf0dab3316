"""Moves a log from one store to another; nobody may write to it meanwhile."""

from dataclasses import dataclass

from components.archive.backup import CopyError
from components.archive.backup.copy import copy_log
from components.archive.backup.stored_log import StoredLog
from components.archive.head import load_head
from components.archive.log.merkle import root_hash
from components.archive.log.note import VerifierKey
from components.archive.store import LogStore
from components.archive.store.open import StoreName, open_source, open_store, store_label
from components.process.progress import Progress


@dataclass(frozen=True, slots=True)
class Moved:
    """A log in its new store: its records, those behind the newest checkpoint included, and their root."""

    records: int
    root: bytes


async def move_log(source: StoreName, target: StoreName, key: VerifierKey, progress: Progress) -> Moved:
    """Copy the log in `source` to `target`, as `copy_log` does, and compare the tree heads.

    Raises LogBusy if a process writes either of them, CopyError and LogError.
    """
    if source == target:
        raise CopyError(f"{store_label(source)}: is both; name another store to copy to")
    # Opening a store for writing makes it if there is none.
    await (await open_source(source)).close()
    locked = await open_store(source)
    try:
        await locked.take_lease()
        other = await open_store(target)
        try:
            return await _move(locked, other, key, progress)
        except CopyError as error:
            raise CopyError(f"{store_label(source)} to {store_label(target)}: {error}") from error
        finally:
            await other.close()
    finally:
        await locked.close()


async def _move(source: LogStore, target: LogStore, key: VerifierKey, progress: Progress) -> Moved:
    log = await StoredLog.of(source)
    await copy_log(log, target, key, progress)
    before, after = await load_head(source, key), await load_head(target, key)
    if (before.tree, before.signed_size) != (after.tree, after.signed_size):
        raise CopyError("the copy has another tree head than the log; make it again, into an empty store")
    return Moved(after.size, root_hash(after.tree.frontier))
