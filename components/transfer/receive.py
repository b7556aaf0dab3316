"""Takes files by PUT: counted, hashed, sealed as they come, checked, recorded, and then answered (XEP-0363, 4)."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable

import structlog
from aiohttp import HttpVersion11, web

from components.archive.blobs.errors import BlobError
from components.archive.blobs.store import BlobStore, StoredBlob
from components.archive.errors import LogUnavailable
from components.rules.file_facts import encode_facts
from components.transfer.amend import AmendedLate, Amender, Examined
from components.transfer.checks import Examination, Looked
from components.transfer.headers import CORS, safe_type
from components.transfer.journal import FileJournal
from components.transfer.linked import LinkedUploads
from components.transfer.quarantine import Quarantine
from components.transfer.state import Settled, Stage, Upload
from policy.decision import Action
from policy.files.media_type import UNTYPED

MAX_UPLOADS_AT_ONCE = 256
"""The next ones are told to come back."""

_STALLED_AFTER_S = 20.0
# A file that comes a byte at a time would keep its place for hours.
_GRACE_S, _LEAST_BYTES_PER_S = 60.0, 8192
# From the last byte on: clients give up after 30 seconds (Gajim). The rest is for the record.
_STORED_WITHIN_S = 19.5
_STAGES = {Action.RELEASE: Stage.ANSWERED, Action.HOLD: Stage.HELD, Action.REFUSE: Stage.REFUSED}
_RETRY = {"Retry-After": "5"}

log = structlog.get_logger("transfer")


class UploadRefused(Exception):  # noqa: N818 - what became of the upload
    """A PUT that is not taken: the status, and what its client may show."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Receiver:
    """Takes the file of each slot once.

    `is_admitted` says whether an owner may use the line now. A person has `person_at_once` files under way at most.
    `on_stored` is told why a file could not be stored or recorded, and nothing of each that was; `on_durable` how many
    seconds after the last byte the store had each.
    """

    def __init__(
        self,
        linked: LinkedUploads,
        blobs: BlobStore,
        journal: FileJournal,
        examination: Examination,
        *,
        is_admitted: Callable[[str], bool],
        person_at_once: int = MAX_UPLOADS_AT_ONCE,
        on_stored: Callable[[str], None] = lambda _problem: None,
        on_durable: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._linked = linked
        self._blobs = blobs
        self._journal = journal
        self._examination = examination
        self._amender = Amender(examination, blobs, journal.file_class)
        self._is_admitted = is_admitted
        self._person_at_once = person_at_once
        self._on_stored, self._on_durable = on_stored, on_durable
        # Owners by ids of uploads that are under way: a slot is used once, also by two requests at the same time.
        self._under_way: dict[bytes, str] = {}
        # What was decided on blobs whose record is durable, by ids of uploads of which the state could not say so.
        self._recorded: dict[bytes, tuple[str, Settled]] = {}

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a PUT: 201 once its file is stored and recorded, and an error that leaves nothing otherwise."""
        try:
            await self._take_once(request)
        except UploadRefused as refused:
            return _refuse(refused.status, str(refused))
        except AmendedLate:
            return _refuse(503, "the file could not be stored in time")
        except (BlobError, LogUnavailable) as error:
            log.error("a file was not stored", reason=str(error))
            self._on_stored(str(error))
            return _refuse(503, "files cannot be stored now")
        self._on_stored("")
        return web.Response(status=201, headers=CORS)

    async def _take_once(self, request: web.Request) -> None:
        """Take the file of a slot that nobody else is using; raises UploadRefused, BlobError, LogUnavailable."""
        link = self._linked.links.open(request.match_info["token"])
        if link is None:
            raise UploadRefused(404, "there is no such slot")
        if link.id in self._under_way:
            raise UploadRefused(409, "this slot is in use")
        if len(self._under_way) >= MAX_UPLOADS_AT_ONCE:
            raise UploadRefused(503, "too many files at once")
        if sum(owner == link.owner for owner in self._under_way.values()) >= self._person_at_once:
            raise UploadRefused(503, "too many files of yours at once")
        # From here on, before anything is waited for: of two requests at the same time only one goes on.
        self._under_way[link.id] = link.owner
        try:
            await self._take(request, await self._require_slot(request, link.id))
        finally:
            del self._under_way[link.id]

    async def _require_slot(self, request: web.Request, id_: bytes) -> Upload:
        """Return the upload that a request may be for; raises UploadRefused."""
        upload = await self._linked.uploads.find(id_)
        if upload is None:
            raise UploadRefused(404, "there is no such slot")
        # What is no UTF-8 in a header comes as halves of surrogates.
        said = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(said, self._linked.links.authorization(id_).encode()):
            raise UploadRefused(403, "this is not the slot's authorization")
        # A file that was stored and could not be recorded may be put again.
        if upload.stage not in (Stage.ISSUED, Stage.STORED):
            raise UploadRefused(409, "this slot was used")
        if upload.lapses_at_s <= self._linked.clock_s():
            raise UploadRefused(410, "this slot has lapsed")
        if not self._is_admitted(upload.owner):
            raise UploadRefused(403, "your access to this line has ended")
        _require_fit(request, upload)
        return upload

    async def _take(self, request: web.Request, upload: Upload) -> None:
        if upload.stage is Stage.STORED and upload.id not in self._recorded:
            # The record of what was put before failed. What was stored has a record before it is forgotten.
            await self._journal.cut_off(upload)
            self._linked.uploads.mark_issued(upload.id)
        await _ask_to_go_on(request)
        with Quarantine(self._examination.folder, upload.size_bytes) as quarantine:
            blob, looked, over_s = await self._store(request, upload, quarantine)
            # Killed here: the blob is there, and no record of it. The next start records that it was cut off.
            address, settled = self._recorded.get(upload.id, ("", None))
            if settled is None or address != str(blob.address):
                examined = await self._examine(upload, blob, looked, quarantine, over_s)
                # Killed here: a copy without metadata may be there, too. The record of the file refers to both.
                settled = await self._record(upload, blob, examined)
                self._recorded[upload.id] = str(blob.address), settled
        # Killed here: it is recorded, nobody was answered, and nobody can fetch it.
        self._linked.uploads.settle(upload.id, settled)
        del self._recorded[upload.id]
        if settled.stage is Stage.REFUSED:
            raise UploadRefused(403, settled.text)

    async def _store(
        self, request: web.Request, upload: Upload, quarantine: Quarantine
    ) -> tuple[StoredBlob, Looked, float]:
        """Store a file as it comes, and look at it once it is whole; raises as `_take_once` does.

        Returns by when, on the loop's clock, all has to be stored.
        """
        loop = asyncio.get_running_loop()
        looking: asyncio.Task[Looked] | None = None

        async def read() -> AsyncIterator[bytes]:
            nonlocal looking
            async for chunk in _read(request, upload.size_bytes):
                await quarantine.add(chunk)
                yield chunk
            await quarantine.flush()
            limit.reschedule(loop.time() + _STORED_WITHIN_S)
            # While the disk takes the last of it.
            looking = asyncio.create_task(self._examination.look(quarantine, upload))

        def note(address: object) -> None:
            self._linked.uploads.mark_stored(upload.id, str(address))

        try:
            async with asyncio.timeout(None) as limit:
                blob = await self._blobs.put(
                    read(), self._journal.file_class, note, enterprise=upload.enterprise
                )
                if looking is None:
                    raise UploadRefused(503, "the file was not read to its end")
                over_s = limit.when() or loop.time()
                self._on_durable(loop.time() - over_s + _STORED_WITHIN_S)
                return blob, await looking, over_s
        except TimeoutError:
            raise UploadRefused(503, "the file could not be stored in time") from None
        finally:
            if looking is not None:
                looking.cancel()

    async def _examine(
        self, upload: Upload, blob: StoredBlob, looked: Looked, quarantine: Quarantine, over_s: float
    ) -> Examined:
        """Decide on a file that is stored, and make the copy that is delivered, where there is to be one."""
        facts = self._examination.checks.facts(upload, blob, looked)
        decision = self._examination.decide(facts, overdue=looked.overdue)
        examined = Examined(facts, decision, looked.scanned)
        if not decision.amends:
            return examined
        examined = await self._amender.amend(upload, blob, examined, quarantine, over_s)
        self._examination.tell_amended(examined.decision)
        return examined

    async def _record(self, upload: Upload, blob: StoredBlob, examined: Examined) -> Settled:
        """Record a file that is stored; raises LogUnavailable."""
        decision, copy = examined.decision, examined.delivered
        recorded = await self._journal.received(
            upload, blob, examined.facts, decision, examined.scanned, copy
        )
        if decision.action is not Action.RELEASE:
            log.warning("a file was not let through", action=decision.action.value, rules=decision.rules)
        return Settled(
            _STAGES[decision.action], decision.rules, decision.text, recorded.index, recorded.evidence,
            int(self._linked.clock_s()), str(copy.address) if copy else "", encode_facts(examined.facts),
        )  # fmt: skip


def _require_fit(request: web.Request, upload: Upload) -> None:
    """Raise UploadRefused unless a request is as long, and of the type, that its slot was given for."""
    if "Content-Range" in request.headers:  # RFC 9110, 14.5
        raise UploadRefused(400, "a file is put as a whole")
    codings = ",".join(request.headers.getall("Content-Encoding", ["identity"])).lower().split(",")
    if {coding.strip() for coding in codings} != {"identity"}:
        raise UploadRefused(415, "a file is put as it is, without a content coding")
    length = request.content_length
    if length is None:
        raise UploadRefused(411, "the length of the file is missing")
    if length != upload.size_bytes:
        raise UploadRefused(413 if length > upload.size_bytes else 400, "the slot is for another length")
    given, wanted = safe_type(request.headers.get("Content-Type", "")), safe_type(upload.media_type)
    # Some clients know the type only when they ask for the slot, or only when they send the file. XEP-0363, 4 lets a
    # request leave it out; then it goes out as an octet stream.
    if given != wanted and UNTYPED not in (given, wanted):
        raise UploadRefused(415, "the slot is for another type of file")


async def _ask_to_go_on(request: web.Request) -> None:
    """Send 100 to a client that waits for it (RFC 9110, 10.1.1), now that its slot is known to be good."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The answer itself has yet to be written.
        request.writer.output_size = 0


async def _read(request: web.Request, size_bytes: int) -> AsyncIterator[bytes]:
    """Yield the file as it comes; raises UploadRefused when it stalls, is too slow, or has another length."""
    seen = 0
    loop = asyncio.get_running_loop()
    over_s = loop.time() + _GRACE_S + size_bytes / _LEAST_BYTES_PER_S
    while True:
        try:
            async with asyncio.timeout_at(min(loop.time() + _STALLED_AFTER_S, over_s)):
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
