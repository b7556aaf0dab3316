"""The files that people sent, in a site's backup: from a folder always, from a bucket if that is asked for."""

import asyncio

from components.archive.backup.blobs import SavedBlobs, back_up_blobs, has_blobs, restore_blobs
from components.archive.backup.folder import BackupFolder
from components.archive.blobs.objects import ObjectStore
from components.process.errors import SiteError
from components.process.progress import Bars, Progress
from components.settings.blobs import open_objects
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings


def find_left_bucket(settings: SiteFile, *, with_bucket: bool) -> str:
    """Return the name of the bucket whose files a backup leaves out; empty if there is none."""
    transfer = settings.find(TransferSettings)
    return "" if transfer is None or transfer.s3 is None or with_bucket else transfer.s3.bucket


def back_up_files_kept(
    settings: SiteFile, folder: BackupFolder, bars: Bars, *, with_bucket: bool
) -> SavedBlobs | None:
    """Back up all blobs of a site; None if it keeps none, or they are left in their bucket.

    Raises SiteError, LogError, BlobError and OSError.
    """
    transfer = settings.find(TransferSettings)
    if transfer is None or find_left_bucket(settings, with_bucket=with_bucket):
        if has_blobs(folder):
            raise SiteError(
                f"{folder.path} holds files that would be left out now: say --with-bucket,"
                " or make the next backup in a new folder"
            )
        return None
    with bars("Backing up files", "groups") as progress:
        return asyncio.run(_back_up(open_objects(transfer), folder, progress))


def restore_files_kept(settings: SiteFile, folder: BackupFolder, bars: Bars) -> int:
    """Put back the blobs that a site lacks, and return how many; raises SiteError, BlobError, LogError and OSError."""
    if not has_blobs(folder):
        return 0
    transfer = settings.find(TransferSettings)
    if transfer is None:
        raise SiteError(f"the backup has files, and {settings.path} has no table [transfer]")
    with bars("Restoring files", "groups") as progress:
        return asyncio.run(_restore(open_objects(transfer), folder, progress))


async def _back_up(objects: ObjectStore, folder: BackupFolder, progress: Progress) -> SavedBlobs:
    try:
        return await back_up_blobs(objects, folder, progress)
    finally:
        await objects.close()


async def _restore(objects: ObjectStore, folder: BackupFolder, progress: Progress) -> int:
    try:
        return await restore_blobs(folder, objects, progress)
    finally:
        await objects.close()
