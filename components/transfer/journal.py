"""The log `transfer`: every file that was taken, and every look that somebody took at one, before it happens."""

import asyncio
import time

from components.archive.blobs.address import parse_address
from components.archive.blobs.store import StoredBlob
from components.archive.log.leaf import NO_CONVERSATION, LeafIndex
from components.archive.record import Event, RecordKind, encode_event
from components.archive.writer import Entry, LogWriter
from components.transfer.state import Upload
from policy.retention import RecordedKind, RetentionPolicy, assign_class

MOST_MEMOS = 10_000
"""Of so many records of files that were cut off, the log says in the clear which they are."""


def memo_of(upload: Upload) -> bytes:
    """Return the log's memo that an upload, with the blob that it has now, is recorded as cut off."""
    return b"cut-off\n" + upload.id + upload.address.encode()


class FileJournal:
    """Appends records of files. What it returns from is durable.

    Every method raises LogUnavailable, and then what was to be recorded must not happen; LogDamaged and LogFenced.
    """

    def __init__(self, writer: LogWriter, retention: RetentionPolicy) -> None:
        self._writer = writer
        self.file_class = assign_class(retention, RecordedKind.MESSAGE)
        """The retention class of files and of their records."""
        self._look_class = assign_class(retention, RecordedKind.ACCESS)
        self._turn = asyncio.Lock()

    @property
    def size(self) -> int:
        """How many records the log has."""
        return self._writer.size

    async def received(self, upload: Upload, blob: StoredBlob) -> LeafIndex:
        """Record that a file was received whole: whose it is, what it is called, its content's hash and its blob.

        Returns the record's index.
        """
        return await self._append(
            "received",
            self.file_class,
            blob.address.mark,
            **_describe(upload),
            blob=str(blob.address),
            content_sha256=blob.sha256.hex(),
            available_until_s=upload.until_s,
        )

    async def cut_off(self, upload: Upload) -> None:
        """Record that a file was stored, and its sender not answered: this component ended, or its disk was full."""
        mark = parse_address(upload.address).mark
        entry = self._entry("cut-off", self.file_class, mark, **_describe(upload), blob=upload.address)
        async with self._turn:
            old = max(0, self._writer.size - MOST_MEMOS)
            await self._writer.append([entry], memo=memo_of(upload), forget_memos_before=old)

    async def fetched(self, upload: Upload, by: str, first: int, end: int) -> None:
        """Record that bytes `first` to `end` of a file are about to be sent to an address, `by`."""
        details: dict[str, str | int] = {"address": by, "first_byte": first, "end_byte": end}
        # It names no blob: a look at a file does not keep it.
        await self._append(
            "fetched", self._look_class, NO_CONVERSATION, file=upload.id.hex(), owner=upload.owner, **details
        )

    async def _append(self, name: str, retention_class: int, mark: bytes, **details: str | int) -> LeafIndex:
        async with self._turn:
            return await self._writer.append([self._entry(name, retention_class, mark, **details)])

    def _entry(self, name: str, retention_class: int, mark: bytes, **details: str | int) -> Entry:
        """Make a record; `mark` is that of the blob that it refers to, which is kept as long as the record is."""
        event = Event(RecordKind.FILE, name, tuple(details.items()), time.time_ns())
        return Entry(RecordKind.FILE, encode_event(event), retention_class, mark)


def _describe(upload: Upload) -> dict[str, str | int]:
    return {
        "file": upload.id.hex(),
        "owner": upload.owner,
        "file_name": upload.name,
        "media_type": upload.media_type,
        "size_bytes": upload.size_bytes,
        "purpose": upload.purpose.value,
    }
