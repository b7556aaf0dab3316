"""What looks at a file before anybody can fetch it, and what all of it together is known of the file."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog

from components.archive.blobs.store import StoredBlob
from components.transfer.headers import safe_type
from components.transfer.quarantine import Quarantine
from components.transfer.scan.scanned import NOTHING_FOUND, Scanned, Unscanned
from components.transfer.state import Upload
from policy.files.decide import FileDecision
from policy.files.facts import ContentFacts, FileFacts, FileMark

# Clients wait for 30 seconds (Gajim), and the disk and the record take their part.
_WITHIN_S = 18.5

_Found = TypeVar("_Found")

log = structlog.get_logger("transfer")


class Inspector(Protocol):
    """Looks into a file's content."""

    async def look(self, fd: int, name: str, claimed_type: str) -> ContentFacts:
        """Return what a file's content shows. `fd` is open for reading, at its start, until this returns."""


class Stripper(Protocol):
    """Takes the metadata out of pictures."""

    async def strip(self, fd: int, take: Callable[[bytes], Awaitable[None]]) -> bool:
        """Hand a picture without its metadata to `take`; returns whether all of it was handed. `fd` as above."""


class Scanner(Protocol):
    """Asks a virus scanner."""

    async def scan(self, fd: int, size_bytes: int) -> Scanned:
        """Return the mark MALWARE, UNSCANNED if it could not be asked, or none. `fd` as for an inspector."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What the checks found; `overdue` if one of them was not done in time. `scanned` says more of a mark."""

    content: ContentFacts
    overdue: bool = False
    scanned: Scanned = NOTHING_FOUND


class FileChecks:
    """All checks of a site's files.

    Without an inspector the type that the client says counts as found; without a scanner nothing is scanned.
    `is_denied` tells whether a SHA-256 is one of those that are not sent.
    """

    def __init__(
        self,
        inspector: Inspector | None = None,
        scanner: Scanner | None = None,
        is_denied: Callable[[bytes], bool] = lambda _sha256: False,
    ) -> None:
        self._inspector = inspector
        self._scanner = scanner
        self._is_denied = is_denied
        # Those that were given up, until they have ended.
        self._given_up: set[asyncio.Task[Any]] = set()

    async def look(self, quarantine: Quarantine, upload: Upload, within_s: float) -> Looked:
        """Look at a whole file, for so long at most; what goes wrong with a check is a mark, and never raised."""
        content, scanned = await asyncio.gather(
            self._in_time(self._inspect(quarantine, upload), within_s),
            self._in_time(self._scan(quarantine, upload), within_s),
        )
        overdue = content is None or scanned is None
        marks = frozenset({scanned.mark} if scanned and scanned.mark else ())
        if overdue:
            log.warning("a file was not checked in time", file=upload.id.hex(), size_bytes=upload.size_bytes)
            marks |= {FileMark.UNSCANNABLE}
        content = content or ContentFacts(safe_type(upload.media_type))
        return Looked(replace(content, marks=content.marks | marks), overdue, scanned or NOTHING_FOUND)

    def facts(self, upload: Upload, blob: StoredBlob, looked: Looked) -> FileFacts:
        """Return a file as policy decides upon it."""
        content = looked.content
        if self._is_denied(blob.sha256):
            content = replace(content, marks=content.marks | {FileMark.DENIED_HASH})
        return FileFacts(
            upload.owner, upload.name, safe_type(upload.media_type), upload.size_bytes, blob.sha256, upload.purpose,
            content,
        )  # fmt: skip

    async def _inspect(self, quarantine: Quarantine, upload: Upload) -> ContentFacts:
        claimed = safe_type(upload.media_type)
        if self._inspector is None:
            return ContentFacts(claimed)
        file = quarantine.open_again()
        try:
            return await self._inspector.look(file, upload.name, claimed)
        except Exception as error:
            log.error("a file was not looked into", file=upload.id.hex(), error=type(error).__name__)
            return ContentFacts(claimed, frozenset({FileMark.UNSCANNABLE}))
        finally:
            os.close(file)

    async def _scan(self, quarantine: Quarantine, upload: Upload) -> Scanned:
        if self._scanner is None:
            return NOTHING_FOUND
        file = quarantine.open_again()
        try:
            return await self._scanner.scan(file, upload.size_bytes)
        except Exception as error:
            log.error("a file was not scanned", file=upload.id.hex(), error=type(error).__name__)
            return Scanned(FileMark.UNSCANNED, why=Unscanned.ERROR)
        finally:
            os.close(file)

    async def _in_time(self, check: Coroutine[Any, Any, _Found], within_s: float) -> _Found | None:
        """Return what a check finds, or None if it takes too long: then it is given up."""
        task = asyncio.create_task(check)
        try:
            await asyncio.wait({task}, timeout=within_s)
        finally:
            if not task.done():
                # Not waited for: it keeps its own descriptor of the file until it has ended.
                task.cancel()
                self._given_up.add(task)
                task.add_done_callback(self._given_up.discard)
        return task.result() if task.done() else None


class Decide(Protocol):
    """Decides on a file; `overdue` if it was not checked in time."""

    def __call__(self, facts: FileFacts, *, overdue: bool) -> FileDecision:
        """Return what becomes of it."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What happens to a file before it is answered: it lies in `folder` without a name, is checked and decided on.

    The checks have `within_s` seconds, from the last byte on. Without a `stripper`, no metadata can be taken out.
    `tell_amended` is told what became of a file that was to be amended.
    """

    folder: Path
    checks: FileChecks
    decide: Decide
    within_s: float = _WITHIN_S
    stripper: Stripper | None = None
    tell_amended: Callable[[FileDecision], None] = lambda _decision: None

    async def look(self, quarantine: Quarantine, upload: Upload) -> Looked:
        """Look at a whole file."""
        return await self.checks.look(quarantine, upload, self.within_s)
