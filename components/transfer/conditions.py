"""Ends the component where its bucket would lose what is written at the same time."""

import asyncio

import structlog

from components.archive.blobs.conditions import find_condition_fault
from components.archive.blobs.errors import BlobUnavailable, VersionConflict
from components.archive.blobs.objects import ObjectStore

log = structlog.get_logger(__name__)

_ASK_AGAIN_S = 60.0


class BucketError(ValueError):
    """The bucket is none that files can be kept in."""


async def require_conditions(objects: ObjectStore, again_s: float = _ASK_AGAIN_S) -> None:
    """Try a bucket's conditional writes as soon as it answers; raises BucketError, or goes on until cancelled."""
    while True:
        try:
            fault = await find_condition_fault(objects)
        except VersionConflict:
            fault = "If-Match, which it takes for wrong where it is right"
        except BlobUnavailable as error:
            # Uploads are refused meanwhile, each by the same error.
            log.error("the bucket could not be tried", reason=str(error))
            await asyncio.sleep(again_s)
            continue
        if fault:
            raise BucketError(
                f"transfer.s3: the server ignores {fault}, so writes at the same time would undo one another;"
                " keep files on one that knows conditional writes (docs/blobs.md, section 6)"
            )
        await asyncio.Event().wait()
