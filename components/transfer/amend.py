"""Makes the copy of a picture that is delivered without its metadata; the picture itself stays in the archive."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from hashlib import sha256

import structlog

from components.archive.blobs.store import BlobStore, StoredBlob
from components.transfer.checks import Examination
from components.transfer.quarantine import Quarantine
from components.transfer.scan.scanned import Scanned
from components.transfer.state import Upload
from policy.files.decide import FileDecision
from policy.files.facts import FileFacts, FileMark

# Of the time until all has to be stored, so much is left for storing the copy.
_LEFT_TO_STORE_S = 1.0

log = structlog.get_logger("transfer")


class AmendedLate(Exception):  # noqa: N818 - the condition is the name
    """A copy could not be stored in time."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of a file, and what was decided on it; `delivered` is a copy that is handed out in its place."""

    facts: FileFacts
    decision: FileDecision
    scanned: Scanned
    delivered: StoredBlob | None = None


class Amender:
    """Stores copies beside their files, in the retention class of these."""

    def __init__(self, examination: Examination, blobs: BlobStore, file_class: int) -> None:
        self._examination = examination
        self._blobs = blobs
        self._file_class = file_class

    async def amend(
        self, upload: Upload, blob: StoredBlob, examined: Examined, original: Quarantine, over_s: float
    ) -> Examined:
        """Return what becomes of a file whose decision amends it: a copy is stored, or the file is not let through.

        A file without metadata is its own copy. The copy has to be stored by `over_s` on the loop's clock: raises
        AmendedLate; and BlobUnavailable.
        """
        with Quarantine(self._examination.folder, upload.size_bytes) as copy:
            size_bytes = await self._strip(original, copy, examined.facts, over_s)
            if not size_bytes or not await self._is_good(copy, size_bytes, upload, examined.facts, over_s):
                log.warning("metadata were not taken out of a file", file=upload.id.hex())
                return replace(examined, decision=examined.decision.not_amended())
            if await _hash(copy.read()) == blob.sha256:
                return examined
            try:
                async with asyncio.timeout_at(over_s):
                    delivered = await self._blobs.put(
                        copy.read(), self._file_class, enterprise=upload.enterprise, beside=blob.address
                    )
            except TimeoutError:
                raise AmendedLate from None
        return replace(examined, delivered=delivered)

    async def _strip(self, original: Quarantine, copy: Quarantine, facts: FileFacts, over_s: float) -> int:
        """Write a picture without its metadata into `copy`, and return its size in bytes; 0 if that cannot be done."""
        stripper = self._examination.stripper
        # What nobody could look into may be anything.
        if stripper is None or FileMark.UNSCANNABLE in facts.content.marks:
            return 0
        size_bytes = 0

        async def take(piece: bytes) -> None:
            nonlocal size_bytes
            size_bytes += len(piece)
            await copy.add(piece)

        file = original.open_again()
        try:
            async with asyncio.timeout_at(over_s - _LEFT_TO_STORE_S):
                is_whole = await stripper.strip(file, take)
                await copy.flush()
        except TimeoutError:
            return 0
        finally:
            os.close(file)
        return size_bytes if is_whole else 0

    async def _is_good(
        self, copy: Quarantine, size_bytes: int, upload: Upload, facts: FileFacts, over_s: float
    ) -> bool:
        """Return whether a copy is such a file as the original, without its place.

        A file that took over its reader may have written anything.
        """
        within_s = max(0.0, over_s - _LEFT_TO_STORE_S - asyncio.get_running_loop().time())
        looked = await self._examination.checks.look(copy, replace(upload, size_bytes=size_bytes), within_s)
        found, known = looked.content, facts.content
        return (
            not looked.overdue
            and found.found_type == known.found_type
            and (found.width, found.height) == (known.width, known.height)
            and found.marks <= known.marks - {FileMark.LOCATION}
        )


async def _hash(pieces: AsyncIterator[bytes]) -> bytes:
    digest = sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.digest()
