"""Checks every kept file against the record that names it: as far as it goes without keys, and wholly with them."""

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

from components.archive.blobs.address import BlobAddress, BlobAddressError, parse_head_name
from components.archive.blobs.errors import BlobError
from components.archive.blobs.objects import ObjectStore
from components.archive.blobs.reader import BlobCheck, BlobReader, BlobState
from components.archive.errors import LogMissing
from components.archive.keys.private import is_kept
from components.archive.keys.ring import load_key_ring
from components.archive.log.leaf import NO_CONVERSATION
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader, StoredRecord
from components.archive.record import RecordKind
from components.archive.seal import EnvelopeOpener, NoKeyError
from components.audit.checks.named_blobs import NamedBlob, NamedBlobs
from components.audit.files.record import FileRecord, find_transfer, parse_file
from components.process.errors import SiteError
from components.process.progress import Bars, Progress
from components.settings.blobs import open_objects
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.verifier.report import Problem

_CHUNK_RECORDS = 1024
_MAX_PROBLEMS = 1000
# Where a leaf has its kind (docs/archive-format.md, section 3).
_KIND = 1


@dataclass(slots=True)
class BlobReport:
    """What a check of all files found; of the `problems`, only the first are kept.

    `intact` blobs are as they were put, and `opened` of them hold the content that their records say; `destroyed` ones
    have a tombstone, and no record any more. `unrecorded` ones have no record: what a crash cut off just now.
    """

    log: str
    intact: int = 0
    opened: int = 0
    destroyed: int = 0
    unrecorded: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problem_count

    def add(self, kind: str, index: int | None, detail: str) -> None:
        """Count a problem, and keep it unless there are too many."""
        self.problem_count += 1
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(kind, index, detail))


async def verify_blobs(settings: SiteFile, bars: Bars) -> BlobReport | None:
    """Check all files of a site; None if it has none yet. Raises SiteError, KeyFileError and LogError.

    Without an auditors' key here, contents are not opened: what is stored is checked to be what was put.
    """
    transfer, log = find_transfer(settings)
    # All bytes are read, so that keys which are kept elsewhere are not asked for.
    keys = load_key_ring([key for key in settings.audit.key_files if is_kept(key)])
    try:
        reader = await LogReader.open(log.store)
    except LogMissing:
        return None
    objects = open_objects(transfer)
    try:
        check = _Check(log, reader, objects, keys)
        with closing(check.named):
            with bars("Reading records of files", "records") as progress:
                await check.read_records(RecordOpener(reader, log.origin, keys), progress)
            with bars("Verifying files", "files") as progress:
                await check.check_all(progress)
        return check.report
    except BlobError as error:
        raise SiteError(str(error)) from None
    finally:
        await objects.close()
        await reader.close()


class _Check:
    """One check; `named` is filled by `read_records`, `report` by `check_all`."""

    def __init__(
        self, log: LogSettings, reader: LogReader, objects: ObjectStore, keys: Sequence[EnvelopeOpener]
    ) -> None:
        self.named = NamedBlobs()
        self.report = BlobReport(log.name)
        self._log = log
        self._reader = reader
        self._objects = objects
        self._blobs = BlobReader(objects, log.origin, keys)
        self._keyless = BlobReader(objects, log.origin)

    async def read_records(self, opener: RecordOpener, progress: Progress) -> None:
        """Find out which blobs the records name, also those that no checkpoint covers yet."""
        bounds = await self._reader.source.fetch_bounds()
        first, end = (bounds[0], bounds[1] + 1) if bounds else (0, 0)
        for begin in range(first, end, _CHUNK_RECORDS):
            stop = min(begin + _CHUNK_RECORDS, end)
            leaves = await self._reader.source.fetch_leaves(begin, stop)
            if any(leaf[_KIND] == RecordKind.FILE for leaf in leaves):
                for stored in await self._reader.fetch(begin, stop - begin):
                    if stored.leaf.kind == RecordKind.FILE:
                        await self._read(opener, stored)
            progress(stop, end)

    async def _read(self, opener: RecordOpener, stored: StoredRecord) -> None:
        leaf, file = stored.leaf, None
        if opener.keys:
            with suppress(NoKeyError):
                file = parse_file(self._log.name, await opener.open(stored))
        mark = leaf.conversation
        if file is not None:
            if mark not in (NO_CONVERSATION, file.blob.mark):
                self.report.add("blob-misnamed", leaf.index, f"the leaf names another blob than {file.blob}")
            mark = file.blob.mark
            self._read_contents(file)
        if mark != NO_CONVERSATION:
            named = NamedBlob(leaf.index, stored.payload is not None)
            self.named.add(leaf.retention_class, mark, named)

    def _read_contents(self, file: FileRecord) -> None:
        self.named.add_content(file.blob, file.index, file.sha256)
        if copy := file.delivered:
            if copy.blob.mark != file.blob.mark:
                self.report.add(
                    "blob-misnamed", file.index, f"the leaf does not refer to the copy {copy.blob}"
                )
            self.named.add_content(copy.blob, file.index, copy.sha256)

    async def check_all(self, progress: Progress) -> None:
        """Check all blobs that are there, and name those that are not."""
        done, expected = 0, self.named.count()
        late: list[tuple[BlobAddress, NamedBlob]] = []
        async for each in self._objects.list("head/"):
            with suppress(BlobAddressError):  # what is called otherwise is no head
                address = parse_head_name(each.name)
                named = self.named.find(address)
                checked = await self._check(address)
                if named is not None and not named.live and checked.state is not BlobState.DESTROYED:
                    late.append((address, named))
                else:
                    await self._judge(checked, named)
                done += 1
                progress(done, max(done, expected))
        # What was just being destroyed is so by now.
        for address, named in late:
            await self._judge(await self._check(address), named)
        gone = set(self.named.unseen())
        for record in gone:
            if await self._is_live(record):
                self.report.add("blob-missing", record, "the file that this record names is not there")
        for lost, record in self.named.unseen_contents():
            # A file whose head is gone, and whose copy is there; or the copy.
            if record not in gone and await self._is_live(record):
                self.report.add("blob-missing", record, f"blob {lost} that this record names is not there")

    async def _check(self, address: BlobAddress) -> BlobCheck:
        """Check a blob with the keys that are here, or without one if it is sealed to others."""
        try:
            return await self._blobs.check(address)
        except NoKeyError:
            return await self._keyless.check(address)

    async def _judge(self, checked: BlobCheck, named: NamedBlob | None) -> None:
        record, said = named.record if named else None, self.named.find_content(checked.address)
        match checked.state:
            case BlobState.ALTERED:
                self.report.add("blob-altered", record, checked.detail)
            case BlobState.MISSING:
                self.report.add("blob-missing", record, checked.detail)
            case BlobState.DESTROYED if checked.detail:
                self.report.add("blob-not-destroyed", record, f"blob {checked.address}: {checked.detail}")
            case BlobState.DESTROYED if (
                named is not None and named.live and await self._is_live(named.record)
            ):
                detail = f"blob {checked.address} is destroyed, and this record of it is not"
                self.report.add("blob-destroyed", record, detail)
            case BlobState.DESTROYED:
                self.report.destroyed += 1
            case BlobState.INTACT if named is None:
                self.report.unrecorded += 1
            case BlobState.INTACT if not named.live:
                detail = f"all records of blob {checked.address} are destroyed, and it is not"
                self.report.add("blob-not-destroyed", record, detail)
            case BlobState.INTACT:
                self._compare(checked, said)

    def _compare(self, checked: BlobCheck, said: tuple[int, str] | None) -> None:
        """Compare an intact blob with the record that says what it holds, and the SHA-256 that it says."""
        self.report.intact += 1
        if checked.sha256 and said is not None:
            self.report.opened += 1
            record, content_sha256 = said
            if checked.sha256.hex() != content_sha256:
                detail = f"blob {checked.address} holds another content than this record says"
                self.report.add("blob-altered", record, detail)

    async def _is_live(self, record: int) -> bool:
        """Return whether a record is still not destroyed: the site may be running."""
        return not await self._reader.source.fetch_destroyed(record, record + 1)
