"""A process that backs up, restores or moves a log, to be killed: `python -m tests.support.copying ACT FROM TO`.

It prints `ready` when it begins, and `done` when it has done it, or `failed: ...` with status 1.
"""

import asyncio
import sys
from pathlib import Path

from components.archive.backup.back_up import back_up_log
from components.archive.backup.copy import copy_log
from components.archive.backup.folder import open_backup
from components.archive.backup.move import move_log
from components.archive.backup.saved_log import SavedLog
from components.archive.errors import LogError
from components.archive.store.open import StoreName, open_source, open_store
from tests.support.stores import VERIFIER_KEY


def no_progress(_done: int, _total: int) -> None: ...


async def back_up(log: StoreName, path: Path) -> None:
    source = await open_source(log)
    try:
        with open_backup(path, make=True) as folder:
            await back_up_log(source, folder, "gate", VERIFIER_KEY, no_progress)
            folder.complete()
    finally:
        await source.close()


async def restore(path: Path, log: StoreName) -> None:
    store = await open_store(log)
    try:
        with open_backup(path) as folder:
            await copy_log(SavedLog.of(folder, "gate"), store, VERIFIER_KEY, no_progress)
    finally:
        await store.close()


async def carry_out(act: str, source: str, target: str) -> None:
    print("ready", flush=True)
    if act == "backup":
        await back_up(_store(source), Path(target))
    elif act == "restore":
        await restore(Path(source), _store(target))
    else:
        await move_log(_store(source), _store(target), VERIFIER_KEY, no_progress)
    print("done", flush=True)


def _store(name: str) -> StoreName:
    return name if "://" in name else Path(name)


def main() -> int:
    try:
        asyncio.run(carry_out(*sys.argv[1:]))
    except (LogError, OSError) as error:
        print(f"failed: {error}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
