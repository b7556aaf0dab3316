"""Takes files by PUT: counted, hashed and sealed as they come, recorded, and only then answered (XEP-0363, 4)."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable

import structlog
from aiohttp import web

from components.archive.blobs.errors import BlobError
from components.archive.blobs.store import BlobStore
from components.archive.errors import LogUnavailable
from components.transfer.headers import CORS, safe_type
from components.transfer.journal import FileJournal
from components.transfer.linked import LinkedUploads
from components.transfer.state import Stage, Upload
from policy.files.slot import UNTYPED

MAX_UPLOADS_AT_ONCE = 256
"""The next ones are told to come back."""

_STALLED_AFTER_S = 20.0
_RETRY = {"Retry-After": "5"}

log = structlog.get_logger("transfer")


class UploadRefused(Exception):  # noqa: N818 - what became of the upload
    """A PUT that is not taken: the status, and what its client may show."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Receiver:
    """Takes the file of each slot once.

    `is_admitted` says whether an owner may use the line now.
    """

    def __init__(
        self,
        linked: LinkedUploads,
        blobs: BlobStore,
        journal: FileJournal,
        *,
        is_admitted: Callable[[str], bool],
    ) -> None:
        self._linked = linked
        self._blobs = blobs
        self._journal = journal
        self._is_admitted = is_admitted
        # Ids of uploads that are under way: a slot is used once, also by two requests at the same time.
        self._under_way: set[bytes] = set()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a PUT: 201 once its file is stored and recorded, and an error that leaves nothing otherwise."""
        try:
            upload = await self._require_slot(request)
            if len(self._under_way) >= MAX_UPLOADS_AT_ONCE:
                raise UploadRefused(503, "too many files at once")
            self._under_way.add(upload.id)
            try:
                await self._take(request, upload)
            finally:
                self._under_way.discard(upload.id)
        except UploadRefused as refused:
            return _refuse(refused.status, str(refused))
        except (BlobError, LogUnavailable) as error:
            log.error("a file was not stored", reason=str(error))
            return _refuse(503, "files cannot be stored now")
        return web.Response(status=201, headers=CORS)

    async def _require_slot(self, request: web.Request) -> Upload:
        """Return the upload that a request may be for; raises UploadRefused."""
        found = await self._linked.find(request.match_info["token"])
        if found is None:
            raise UploadRefused(404, "there is no such slot")
        link, upload = found
        said = request.headers.get("Authorization", "")
        if not hmac.compare_digest(said.encode(), self._linked.links.authorization(link.id).encode()):
            raise UploadRefused(403, "this is not the slot's authorization")
        if upload.stage is not Stage.ISSUED or upload.id in self._under_way:
            raise UploadRefused(409, "this slot was used")
        if upload.lapses_at_s <= self._linked.clock_s():
            raise UploadRefused(410, "this slot has lapsed")
        if not self._is_admitted(upload.owner):
            raise UploadRefused(403, "your access to this line has ended")
        _require_fit(request, upload)
        return upload

    async def _take(self, request: web.Request, upload: Upload) -> None:
        def note(address: object) -> None:
            self._linked.uploads.mark_stored(upload.id, str(address))

        blob = await self._blobs.put(_read(request, upload.size_bytes), self._journal.file_class, note)
        # Killed here: the blob is there, and no record of it. The next start records that it was cut off.
        await self._journal.received(upload, blob)
        # Killed here: it is recorded, nobody was answered, and nobody can fetch it.
        self._linked.uploads.mark_answered(upload.id)


def _require_fit(request: web.Request, upload: Upload) -> None:
    """Raise UploadRefused unless a request is as long, and of the type, that its slot was given for."""
    length = request.content_length
    if length is None:
        raise UploadRefused(411, "the length of the file is missing")
    if length != upload.size_bytes:
        raise UploadRefused(413 if length > upload.size_bytes else 400, "the slot is for another length")
    given = safe_type(request.headers.get("Content-Type", ""))
    # Some clients know the type when they ask for the slot, and not when they send the file.
    if given not in (UNTYPED, safe_type(upload.media_type)):
        raise UploadRefused(415, "the slot is for another type of file")


async def _read(request: web.Request, size_bytes: int) -> AsyncIterator[bytes]:
    """Yield the file as it comes; raises UploadRefused when it stalls, or ends elsewhere than it should."""
    seen = 0
    while True:
        try:
            async with asyncio.timeout(_STALLED_AFTER_S):
                chunk = await request.content.readany()
        except TimeoutError:
            raise UploadRefused(408, "the file stopped coming") from None
        except (web.HTTPException, ConnectionError, asyncio.IncompleteReadError) as error:
            raise UploadRefused(400, "the file broke off") from error
        if not chunk:
            break
        seen += len(chunk)
        if seen > size_bytes:
            break
        yield chunk
    if seen != size_bytes:
        raise UploadRefused(400, "the file is not as long as it should be")


def _refuse(status: int, text: str) -> web.Response:
    headers = CORS | (_RETRY if status == 503 else {})
    response = web.Response(status=status, text=f"{text}\n", headers=headers)
    # What is left of the file is not read.
    response.force_close()
    return response
