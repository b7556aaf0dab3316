"""Hands out files by GET: each look is recorded before a byte goes out (docs/files.md, section 5)."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType

import structlog
from aiohttp import web

from components.archive.blobs.address import parse_address
from components.archive.blobs.errors import BlobDestroyed, BlobError, BlobMissing
from components.archive.blobs.reader import BlobReader, OpenBlob
from components.archive.errors import LogUnavailable
from components.transfer.asking import AskedFrom
from components.transfer.headers import COMMON, CORS, content_headers
from components.transfer.journal import FileJournal
from components.transfer.linked import LinkedUploads
from components.transfer.ranges import ByteRange, RangeNotSatisfiable, parse_ranges
from components.transfer.state import Stage, Upload

# So long a reader may take for one piece: whoever takes nothing holds a file open.
_STALLED_AFTER_S = 60.0
_HELD_RETRY = {"Retry-After": "60"}

log = structlog.get_logger("transfer")


class Sender:
    """Hands out the files of links that are still open.

    Only where `may_fetch` says so of the address that it is `asked_from`.
    """

    def __init__(
        self,
        linked: LinkedUploads,
        blobs: BlobReader,
        journal: FileJournal,
        *,
        asked_from: AskedFrom,
        may_fetch: Callable[[Upload, str], bool] = lambda _upload, _address: True,
    ) -> None:
        self._linked = linked
        self._asked_from = asked_from
        self._is_reader = may_fetch
        self._blobs = blobs
        self._journal = journal

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a GET or HEAD with the file or the ranges of it that were asked for (RFC 9110, 14)."""
        address = self._asked_from.address_of(request)
        if not self._asked_from.may(address):
            return _refuse(403, "files are not handed out there")
        upload = await self._find(request)
        if upload is None:
            return _refuse(404, "there is no such file, or no longer")
        if not self._is_reader(upload, address):
            return _refuse(403, "files are handed out to those who were sent them, where they are logged in")
        if upload.stage is Stage.HELD:
            return _refuse(503, "this file waits for a reviewer", _HELD_RETRY)
        try:
            blob = await self._blobs.open(parse_address(upload.delivered or upload.address))
            return await self._hand_out(request, upload, blob, address)
        except (BlobMissing, BlobDestroyed):
            return _refuse(404, "there is no such file, or no longer")
        except (BlobError, LogUnavailable) as error:
            log.error("a file was not handed out", reason=str(error))
            return _refuse(503, "files cannot be fetched now")

    async def _find(self, request: web.Request) -> Upload | None:
        """Return the upload whose file a link opens now, or may open after a review, or None."""
        found = await self._linked.find(request.match_info["token"])
        if found is None:
            return None
        link, upload = found
        # Clients save a file by the name in its link, and the rules saw that of the slot.
        if request.match_info["name"] != upload.name or request.query_string:
            return None
        is_open = link.until_s > self._linked.clock_s() and upload.stage in (Stage.ANSWERED, Stage.HELD)
        return upload if is_open else None

    async def _hand_out(
        self, request: web.Request, upload: Upload, blob: OpenBlob, address: str
    ) -> web.StreamResponse:
        headers = COMMON | CORS | content_headers(upload.name, upload.media_type, blob.sha256)
        if (status := _decide_precondition(request, headers["ETag"])) is not None:
            return web.Response(status=status, headers=headers)
        try:
            ranges = _asked_ranges(request, headers["ETag"], blob.size_bytes)
        except RangeNotSatisfiable:
            outside = {"Content-Range": f"bytes */{blob.size_bytes}"}
            return web.Response(status=416, headers=COMMON | CORS | outside)
        if request.method == "GET":
            sent = ranges or (ByteRange(0, blob.size_bytes),)
            # Killed after this: the record says what was about to be sent.
            first, end = min(each.start for each in sent), max(each.end for each in sent)
            await self._journal.fetched(upload, address, first, end)
        if len(ranges) > 1:
            return await _send_parts(request, blob, headers, ranges)
        return await _send(request, blob, headers, ranges[0] if ranges else None)


def _asked_ranges(request: web.Request, etag: str, size_bytes: int) -> tuple[ByteRange, ...]:
    """Return the ranges that a request is for: none where it is for the whole file; raises RangeNotSatisfiable."""
    header = request.headers.get("Range", "")
    condition = request.headers.get("If-Range", "").strip()
    if not header or request.method != "GET" or (condition and condition != etag):
        return ()
    return parse_ranges(header, size_bytes)


def _decide_precondition(request: web.Request, etag: str) -> int | None:
    """Return the status of a request whose condition is not met, or None (RFC 9110, 13.2.2)."""
    wanted, known = (_list_tags(request, name) for name in ("If-Match", "If-None-Match"))
    if wanted and not wanted & {etag, "*"}:
        return 412
    return 304 if {tag.removeprefix("W/") for tag in known} & {etag, "*"} else None


def _list_tags(request: web.Request, name: str) -> set[str]:
    lines = ",".join(request.headers.getall(name, []))
    return {tag.strip() for tag in lines.split(",") if tag.strip()}


async def _send(
    request: web.Request, blob: OpenBlob, headers: dict[str, str], part: ByteRange | None
) -> web.StreamResponse:
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    part = part or ByteRange(0, blob.size_bytes)
    if response.status == 206:
        response.headers["Content-Range"] = part.content_range(blob.size_bytes)
    response.content_length = part.end - part.start
    await response.prepare(request)
    if request.method == "GET":
        await _write(request, response, blob.read(part.start, part.end))
    return response


async def _write(request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[bytes]) -> None:
    """Write a part of an answer that has begun. What goes wrong now ends the connection, so that nobody takes it for
    a whole file: raises ConnectionError.
    """
    try:
        async for piece in pieces:
            async with asyncio.timeout(_STALLED_AFTER_S):
                await response.write(piece)
    except (BlobError, TimeoutError) as error:
        log.warning("a file was not handed out to its end", reason=str(error) or "its reader stalled")
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the answer was cut off") from error


async def _send_parts(
    request: web.Request, blob: OpenBlob, headers: dict[str, str], ranges: Sequence[ByteRange]
) -> web.StreamResponse:
    """Send several ranges as `multipart/byteranges` (RFC 9110, 14.6)."""
    boundary = secrets.token_hex(16)
    heads = [
        f"--{boundary}\r\nContent-Type: {headers['Content-Type']}\r\n"
        f"Content-Range: {part.content_range(blob.size_bytes)}\r\n\r\n".encode()
        for part in ranges
    ]
    end = f"--{boundary}--\r\n".encode()
    response = web.StreamResponse(
        status=206, headers=headers | {"Content-Type": f"multipart/byteranges; boundary={boundary}"}
    )
    contents = sum(part.end - part.start for part in ranges)
    response.content_length = sum(len(head) + 2 for head in heads) + contents + len(end)
    await response.prepare(request)
    for head, part in zip(heads, ranges, strict=True):
        await _write(request, response, _between(head, blob.read(part.start, part.end), b"\r\n"))
    await response.write(end)
    return response


async def _between(head: bytes, pieces: AsyncIterator[bytes], end: bytes) -> AsyncIterator[bytes]:
    yield head
    async for piece in pieces:
        yield piece
    yield end


def _refuse(status: int, text: str, more: Mapping[str, str] = MappingProxyType({})) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers={**COMMON, **CORS, **more})
