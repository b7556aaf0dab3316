"""Whether a store takes a write only where its condition holds: some servers that speak S3 take each, and say so."""

import secrets

from components.archive.blobs.errors import VersionConflict
from components.archive.blobs.objects import ObjectStore

TRIALS = "trial/"
"""The folder of objects with which a store is tried; each is deleted at once."""


async def find_condition_fault(objects: ObjectStore) -> str:
    """Try a store with a small object of its own; return which condition it ignores, or nothing.

    Heads of blobs are replaced by `ObjectStore.swap`. Where a server ignores its condition (RFC 9110, 13.1), two
    writers undo one another's work, and neither is told: a reader's envelope is lost, or a destroyed blob comes
    back. Raises BlobUnavailable.
    """
    name = f"{TRIALS}{secrets.token_hex(16)}"
    await objects.swap(name, b"1", None)
    try:
        first = await objects.read(name)
        version = first.version if first else ""
        await objects.swap(name, b"2", version)
        for condition, expected in (("If-None-Match", None), ("If-Match", version)):
            if await _takes(objects, name, expected):
                return condition
    finally:
        # Killed before this: an object of one byte is left, which nobody looks for.
        await objects.delete(name)
    return ""


async def _takes(objects: ObjectStore, name: str, expected: str | None) -> bool:
    """Return whether a store takes a write that it must refuse."""
    try:
        await objects.swap(name, b"3", expected)
    except VersionConflict:
        return False
    return True
