"""Where the contents of files are: those of uploads in blobs, those inside stanzas in their own records."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from components.archive.blobs.address import BlobAddressError, parse_address
from components.archive.blobs.errors import BlobDamaged, BlobError, BlobUnavailable
from components.archive.blobs.reader import BlobReader
from components.archive.opener import RecordOpener
from components.archive.record import RecordKind, Submission, parse_record
from components.archive.seal import SealError
from components.audit.index.contents import WaitingContent
from components.audit.index.logs import IndexedLog, find_record
from policy.files.carried import CarriedFile, find_carried


class ContentDamaged(Exception):  # noqa: N818 - the condition is the name
    """The content is there, and cannot be opened whole: it never will."""


@dataclass(frozen=True, slots=True)
class OpenContent:
    """A content that can be read once; the pieces raise BlobUnavailable and ContentDamaged."""

    size_bytes: int
    pieces: AsyncIterator[bytes]


class ContentPlaces:
    """Opens contents; `blobs` is None where the site takes no files."""

    def __init__(self, logs: Mapping[IndexedLog, RecordOpener], blobs: BlobReader | None) -> None:
        self._logs = logs
        self._blobs = blobs
        # A log's reader has one connection.
        self._turn = asyncio.Lock()

    async def open(self, content: WaitingContent) -> OpenContent | None:
        """Open a content; None for one that is not there now. Raises BlobUnavailable, ContentDamaged and LogError."""
        if not content.blob:
            return await self._open_inside(content)
        if self._blobs is None:
            return None
        try:
            blob = await self._blobs.open(parse_address(content.blob))
        except BlobUnavailable:
            raise
        except (BlobDamaged, BlobAddressError):
            raise ContentDamaged from None
        except (BlobError, SealError):
            return None
        if content.sha256 and blob.sha256.hex() != content.sha256:
            # Anybody can seal something to the auditors: only the record says what was sent.
            raise ContentDamaged
        return OpenContent(blob.size_bytes, _read_blob(blob.read()))

    async def _open_inside(self, content: WaitingContent) -> OpenContent | None:
        if content.place is None:
            return None
        which, number = find_record(content.place)
        if (log := self._logs.get(which)) is None:
            return None
        async with self._turn:
            records = await log.fetch(number, 1)
        for opened in records:
            for file in files_inside(opened.leaf.kind, opened.payload or b""):
                if file.content is not None and file.sha256.hex() == content.sha256:
                    return OpenContent(file.size_bytes, _read_bytes(file.content))
        return None


def files_inside(kind: int, payload: bytes) -> tuple[CarriedFile, ...]:
    """Return the files of a record, in the order in which they are counted; none of any other than a stanza's."""
    try:
        record = parse_record(RecordKind(kind), payload)
    except ValueError:
        return ()
    is_stanza = isinstance(record, Submission) and record.kind is RecordKind.STANZA
    return find_carried(record.body) if isinstance(record, Submission) and is_stanza else ()


async def _read_blob(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in pieces:
            yield piece
    except BlobUnavailable:
        raise
    except (BlobError, SealError):
        raise ContentDamaged from None


async def _read_bytes(content: bytes) -> AsyncIterator[bytes]:
    yield content
