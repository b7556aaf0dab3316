"""The files of exported records: opened, checked and laid into the export, each once."""

from collections.abc import Mapping

from components.archive.blobs.errors import BlobDestroyed, BlobError
from components.archive.blobs.reader import BlobReader
from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.seal import SealError
from components.audit.export.folder import FILES, ExportFolder
from components.audit.export.message import ExportFile
from components.audit.export.text import file_name
from components.audit.files.export import KeptContent, write_checked
from components.audit.files.inside import InMemory
from components.audit.files.record import FileRecord, parse_file
from components.audit.index.contents import find_files
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog, find_record
from components.audit.indexed import name_inside
from components.audit.reading.places import files_inside
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from policy.files.carried import Carrier

DESTROYED = "destroyed"
_WITH_FILES = """
SELECT idx FROM link WHERE idx BETWEEN :first AND :last UNION SELECT idx FROM description
WHERE idx BETWEEN :first AND :last UNION SELECT idx FROM carried WHERE idx BETWEEN :first AND :last
"""


class Attachments:
    """Lays files into an export; `blobs` is None where the site takes no files."""

    def __init__(
        self,
        folder: ExportFolder,
        index: Index,
        logs: Mapping[IndexedLog, RecordOpener],
        names: Mapping[IndexedLog, str],
        blobs: BlobReader | None,
    ) -> None:
        self._folder = folder
        self._index = index
        self._logs = logs
        self._names = names
        self._blobs = blobs

    def find_places(self, first: int, last: int) -> set[int]:
        """Return the places of the records with files, from one place to another."""
        with self._index.look() as db:
            return {idx for (idx,) in db.execute(_WITH_FILES, {"first": first, "last": last})}

    async def take(self, place: int, opened: OpenedRecord) -> tuple[ExportFile, ...]:
        """Lay the files of a record into the export, and tell where they are; raises SiteError and LogError."""
        record = f"{self._names[find_record(place)[0]]}/{opened.index}"
        with self._index.look() as db:
            uploads = find_files(db, place)
        taken = [await self._take_upload(each.place, each.name) for each in uploads]
        for number, file in enumerate(files_inside(opened.leaf.kind, opened.payload or b""), 1):
            id_ = name_inside(record, number)
            about = ExportFile(id_, file.name, file.media_type, file.size_bytes, file.sha256.hex())
            if file.content is not None:
                taken.append(await self._lay(about, InMemory(file.content)))
            elif not uploads and file.carrier is not Carrier.LINK:
                taken.append(_without(about, f"it lies elsewhere: {file.url or 'nowhere'}"))
        return tuple(taken)

    async def _take_upload(self, place: int, name: str) -> ExportFile:
        which, number = find_record(place)
        record = f"{self._names[which]}/{number}"
        file = await self._find(which, number)
        if file is None:
            return _without(ExportFile(record, name, "", 0, ""), DESTROYED)
        about = ExportFile(record, file.name, file.media_type, file.size_bytes, file.sha256)
        if self._blobs is None:
            return _without(about, "this site keeps no files")
        try:
            blob = await self._blobs.open(file.blob)
            if file.sha256 and blob.sha256.hex() != file.sha256:
                return _without(about, "the blob holds another content than the record says")
            return await self._lay(about, blob)
        except BlobDestroyed:
            return _without(about, DESTROYED)
        except (BlobError, SealError) as error:
            return _without(about, str(error))

    async def _find(self, which: IndexedLog, number: int) -> FileRecord | None:
        for opened in await self._logs[which].fetch(number, 1) if which in self._logs else ():
            return parse_file(self._names[which], opened)
        return None

    async def _lay(self, about: ExportFile, content: KeptContent) -> ExportFile:
        path = f"{FILES}/{about.record.replace('/', '-')} {file_name(about.name or 'file', 120)}"
        # It has its name only when it is whole, also after a stop.
        if not self._folder.has(path):
            try:
                await write_checked(content, about.record, self._folder.place(path), ignore_progress)
            except SiteError as error:
                return _without(about, str(error))
        digest = content.sha256.hex()
        return ExportFile(about.record, about.name, about.media_type, content.size_bytes, digest, path)


def _without(about: ExportFile, fault: str) -> ExportFile:
    return ExportFile(about.record, about.name, about.media_type, about.size_bytes, about.sha256, "", fault)
