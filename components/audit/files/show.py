"""Shows one file's record, with its proof, the state of its blob and who fetched it; the look is recorded first."""

from dataclasses import dataclass

from components.archive.blobs.errors import BlobUnavailable
from components.archive.blobs.reader import BlobCheck, BlobReader, BlobState
from components.archive.record import RecordKind
from components.audit.auditor import Auditor
from components.audit.files.record import (
    FileLook,
    FileRecord,
    FileReview,
    find_transfer,
    parse_file,
    parse_look,
    parse_review,
    read_file_records,
)
from components.audit.open_log import open_log
from components.audit.show import RecordDetail, parse_record_id, show
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.blobs import open_objects
from components.settings.site import SiteFile

_KINDS = (RecordKind.FILE, RecordKind.REVIEW)


@dataclass(frozen=True, slots=True)
class FileDetail:
    """A file's record with its proof, what a check of its blob without keys found, all looks at it, and reviews.

    `copy` is the same of the copy that was delivered in its place, if there is one.
    """

    record: RecordDetail
    file: FileRecord
    blob: BlobCheck
    looks: tuple[FileLook, ...]
    reviews: tuple[FileReview, ...] = ()
    copy: BlobCheck | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all that is kept of it is there, as it was put."""
        return all(each.state is BlobState.INTACT for each in (self.blob, self.copy or self.blob))


async def show_file(
    settings: SiteFile, record_id: str, progress: Progress, auditor: Auditor | None = None
) -> FileDetail:
    """Show the file that a record refers to, such as `transfer/17`.

    Raises SiteError if it is no record of a file, or the look cannot be recorded, and LogError.
    """
    transfer, log_settings = find_transfer(settings)
    require_transfer_record(settings, record_id)
    detail = await show(settings, record_id, progress, auditor)
    file = parse_file(log_settings.name, detail.view.opened)
    if file is None:
        raise SiteError(explain_no_file(record_id, destroyed=detail.view.destroyed))
    looks, reviews = [], []
    async with open_log(settings, log_settings) as log:
        async for opened in read_file_records(log, progress, file.index + 1, _KINDS):
            if (look := parse_look(log_settings.name, opened, file.file)) is not None:
                looks.append(look)
            if (review := parse_review(log_settings.name, opened, file.id)) is not None:
                reviews.append(review)
    objects = open_objects(transfer)
    try:
        blobs = BlobReader(objects, log_settings.origin)
        checked = await blobs.check(file.blob)
        copy = await blobs.check(file.delivered.blob) if file.delivered else None
    except BlobUnavailable as error:
        raise SiteError(str(error)) from None
    finally:
        await objects.close()
    return FileDetail(detail, file, checked, tuple(looks), tuple(reviews), copy)


def require_transfer_record(settings: SiteFile, record_id: str) -> int:
    """Return the index that the id of a record of the files' log names; raises SiteError."""
    _transfer, log_settings = find_transfer(settings)
    log, index = parse_record_id(settings, record_id)
    if log != log_settings:
        raise SiteError(f"{record_id!r} is no record of a file: one looks like {log_settings.name}/17")
    return index


def explain_no_file(record_id: str, *, destroyed: bool) -> str:
    """Return why there is no file to see."""
    if destroyed:
        return (
            f"{record_id} was destroyed by an order, and so was its file unless another record refers to it"
        )
    return f"{record_id} refers to no file; see `steelyard files list`"
