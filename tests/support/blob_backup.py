"""A process that backs blobs up, or restores them, to be killed: `python -m tests.support.blob_backup ACT FROM TO`."""

import asyncio
import sys
from pathlib import Path

from components.archive.backup.blobs import SavedBlobs, back_up_blobs, check_blobs, restore_blobs, sweep_blobs
from components.archive.backup.folder import open_backup
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.objects import ObjectStore
from tests.support.copying import no_progress


async def back_up(objects: ObjectStore, path: Path) -> SavedBlobs:
    with open_backup(path, make=True) as folder:
        saved = await back_up_blobs(objects, folder, no_progress)
        folder.complete()
        sweep_blobs(folder)
        return saved


async def restore(path: Path, objects: ObjectStore) -> int:
    with open_backup(path) as folder:
        return await restore_blobs(folder, objects, no_progress)


def check(path: Path) -> int:
    """Check the whole backup, and count its blobs."""
    with open_backup(path) as folder:
        for name in folder.sums:
            folder.read(name)
        return check_blobs(folder, no_progress)


if __name__ == "__main__":
    act, source, target = sys.argv[1:]
    if act == "backup":
        asyncio.run(back_up(DirectoryObjects(Path(source)), Path(target)))
    else:
        asyncio.run(restore(Path(source), DirectoryObjects(Path(target))))
