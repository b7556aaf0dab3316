"""The log `transfer`: every file that was taken, and every look that somebody took at one, before it happens."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from components.archive.blobs.address import parse_address
from components.archive.blobs.store import StoredBlob
from components.archive.log.leaf import NO_CONVERSATION
from components.archive.record import Event, RecordKind, encode_event
from components.archive.writer import Entry, LogWriter
from components.link.review_request import ReviewRequest, ShutRequest, prove_reading
from components.transfer.scan.scanned import NOTHING_FOUND, Scanned
from components.transfer.state import Upload
from policy.decision import Action
from policy.files.decide import FileDecision
from policy.files.facts import FileFacts
from policy.retention import RecordedKind, RetentionPolicy, assign_class

MOST_MEMOS = 10_000
"""Of so many records of files that were cut off, the log says in the clear which they are."""


def memo_of(upload: Upload) -> bytes:
    """Return the log's memo that an upload, with the blob that it has now, is recorded as cut off."""
    return b"cut-off\n" + upload.id + upload.address.encode()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record of a file: its index, and what only somebody knows who has read it (`prove_reading`)."""

    index: int
    evidence: str


class FileJournal:
    """Appends records of files. What it returns from is durable.

    Every method raises LogUnavailable, and then what was to be recorded must not happen; LogDamaged and LogFenced.
    """

    def __init__(self, writer: LogWriter, retention: RetentionPolicy, log_name: str = "transfer") -> None:
        self._writer = writer
        self.log_name = log_name
        self.file_class = assign_class(retention, RecordedKind.MESSAGE)
        """The retention class of files and of their records."""
        self._look_class = assign_class(retention, RecordedKind.ACCESS)
        self._turn = asyncio.Lock()

    @property
    def size(self) -> int:
        """How many records the log has."""
        return self._writer.size

    async def received(
        self,
        upload: Upload,
        blob: StoredBlob,
        facts: FileFacts,
        decision: FileDecision,
        scanned: Scanned = NOTHING_FOUND,
        delivered: StoredBlob | None = None,
    ) -> Recorded:
        """Record a file that was received whole, what was found in it, and what was decided on it.

        `delivered` is a copy without its metadata that is handed out in its place.
        """
        entry = self._entry(
            "refused" if decision.action is Action.REFUSE else "received",
            self.file_class,
            blob.address.mark,
            **_describe(upload),
            blob=str(blob.address),
            content_sha256=blob.sha256.hex(),
            available_until_s=upload.until_s,
            action=decision.action.value,
            found_type=facts.content.found_type,
            marks=" ".join(sorted(facts.content.marks)),
            rules=" ".join(decision.rules),
            **_describe_scan(scanned),
            **_describe_copy(delivered),
        )
        async with self._turn:
            index = await self._writer.append([entry])
        return Recorded(index, prove_reading(upload.id.hex(), 0, entry.payload))

    async def reviewed(
        self, request: ReviewRequest, others: Sequence[str] = (), *, is_proposed: bool = False
    ) -> None:
        """Record who decided what on the file of a record, and why; `others` had decided the same before.

        `is_proposed`: it waits for another person.
        """
        name = f"{self.log_name}/{request.record}"
        details = [("actor", request.actor), ("reason", request.reason), ("record", name)]
        # What does not say anything is left out, as it was before there was any.
        more = (
            ("with", " ".join(others)),
            ("statement", request.statement),
            ("act", is_proposed * request.act),
        )
        details += [(key, value) for key, value in more if value]
        done = "proposed" if is_proposed else request.act
        event = Event(RecordKind.REVIEW, done, tuple(details), time.time_ns())
        async with self._turn:
            await self._writer.append([Entry(RecordKind.REVIEW, encode_event(event), self._look_class)])

    async def shut(self, request: ShutRequest) -> None:
        """Record who had the file of a record shut, by which rules, and why."""
        name = f"{self.log_name}/{request.record}"
        details = (
            ("actor", request.actor), ("reason", request.reason), ("record", name),
            ("action", request.action), ("rules", " ".join(request.rules)),
        )  # fmt: skip
        event = Event(RecordKind.REVIEW, "shut", details, time.time_ns())
        async with self._turn:
            await self._writer.append([Entry(RecordKind.REVIEW, encode_event(event), self._look_class)])

    async def answer(self, request_id: str, answer: str) -> None:
        """Answer the request of another process, and remove what it said."""
        async with self._turn:
            await self._writer.answer(request_id, answer)
            await self._writer.purge(requests_only=True)

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
        entry = self._entry(
            "fetched", self._look_class, NO_CONVERSATION, file=upload.id.hex(), owner=upload.owner, **details
        )
        async with self._turn:
            await self._writer.append([entry])

    def _entry(self, name: str, retention_class: int, mark: bytes, **details: str | int) -> Entry:
        """Make a record; `mark` is that of the blob that it refers to, which is kept as long as the record is."""
        event = Event(RecordKind.FILE, name, tuple(details.items()), time.time_ns())
        return Entry(RecordKind.FILE, encode_event(event), retention_class, mark)


def _describe_scan(scanned: Scanned) -> dict[str, str]:
    """Return the signature that knows a file, or why it was not scanned."""
    details = {"signature": scanned.signature, "unscanned": scanned.why.value if scanned.why else ""}
    return {name: value for name, value in details.items() if value}


def _describe_copy(delivered: StoredBlob | None) -> dict[str, str | int]:
    if delivered is None:
        return {}
    return {
        "delivered_blob": str(delivered.address),
        "delivered_sha256": delivered.sha256.hex(),
        "delivered_size_bytes": delivered.size_bytes,
    }


def _describe(upload: Upload) -> dict[str, str | int]:
    return {
        "file": upload.id.hex(),
        "owner": upload.owner,
        "file_name": upload.name,
        "media_type": upload.media_type,
        "size_bytes": upload.size_bytes,
        "purpose": upload.purpose.value,
    }
