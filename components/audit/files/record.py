"""The record of a file, read from the log `transfer`."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from components.archive.blobs.address import BlobAddress, BlobAddressError, parse_address
from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.record import Event, RecordKind
from components.audit.kinds import parse_event as parse_event_of
from components.audit.kinds import read_kinds
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings

_SHA256_HEX_LENGTH = 64


@dataclass(frozen=True, slots=True)
class DeliveredCopy:
    """A copy of a file, without its metadata, that readers got in its place; `sha256` (hex) is its content's."""

    blob: BlobAddress
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A record that refers to a kept file: `event` is `received`, `cut-off` and the like.

    `file` names the upload, as the records of looks at it do. `sha256` (hex) and `size_bytes` are the content's;
    `sha256` is empty where the record does not say it. `marks` and `rules` are what was found when it came, `action`
    what was done with it. `intact` tells whether the record is as it was recorded.
    """

    id: str
    index: int
    at_ns: int
    event: str
    file: str
    owner: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    blob: BlobAddress
    intact: bool
    purpose: str = ""
    marks: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    action: str = ""
    delivered: DeliveredCopy | None = None


@dataclass(frozen=True, slots=True)
class FileLook:
    """A record that somebody fetched a file: from which address, and which bytes."""

    id: str
    at_ns: int
    address: str
    first_byte: int
    end_byte: int


@dataclass(frozen=True, slots=True)
class FileReview:
    """A record of what a reviewer, the deadline or a rescan did with a file (`release`, `refuse`, `shut`), and why."""

    id: str
    at_ns: int
    act: str
    actor: str
    reason: str


def find_transfer(settings: SiteFile) -> tuple[TransferSettings, LogSettings]:
    """Return the settings of the files of a site, and of their log; raises SiteError if it keeps none."""
    transfer = settings.find(TransferSettings)
    for log in settings.logs:
        if transfer is not None and log.table == TransferSettings.table_name:
            return transfer, log
    raise SiteError(f"{settings.path} has no table [transfer]: this site keeps no files")


def parse_file(log_name: str, opened: OpenedRecord) -> FileRecord | None:
    """Return what a record says of a file that is kept; None for any other record, and for one that cannot be read."""
    event = parse_event(opened)
    details = dict(event.details) if event else {}
    try:
        blob = parse_address(str(details.get("blob", "")))
    except BlobAddressError:
        return None
    return FileRecord(
        f"{log_name}/{opened.index}",
        opened.index,
        opened.leaf.time_ns,
        event.name if event else "",
        str(details.get("file", "")),
        str(details.get("owner", "")),
        str(details.get("file_name", "")),
        str(details.get("media_type", "")),
        _read_size(details.get("size_bytes")),
        _read_sha256(details.get("content_sha256")),
        blob,
        opened.stored.is_intact(),
        str(details.get("purpose", "")),
        tuple(str(details.get("marks", "")).split()),
        tuple(str(details.get("rules", "")).split()),
        str(details.get("action", "")),
        _parse_copy(details),
    )


def _parse_copy(details: dict[str, str | int]) -> DeliveredCopy | None:
    try:
        blob = parse_address(str(details.get("delivered_blob", "")))
    except BlobAddressError:
        return None
    return DeliveredCopy(
        blob, _read_sha256(details.get("delivered_sha256")), _read_size(details.get("delivered_size_bytes"))
    )


def _read_size(value: object) -> int:
    return value if isinstance(value, int) else 0


def _read_sha256(value: object) -> str:
    return value if isinstance(value, str) and len(value) == _SHA256_HEX_LENGTH else ""


def parse_look(log_name: str, opened: OpenedRecord, file: str) -> FileLook | None:
    """Return what a record says of a look at this file; None for any other record."""
    event = parse_event(opened)
    details = dict(event.details) if event else {}
    if event is None or event.name != "fetched" or details.get("file") != file:
        return None
    first, end = (int(details.get(name, 0)) for name in ("first_byte", "end_byte"))
    return FileLook(
        f"{log_name}/{opened.index}", opened.leaf.time_ns, str(details.get("address", "")), first, end
    )


def parse_review(log_name: str, opened: OpenedRecord, record: str) -> FileReview | None:
    """Return what a record says of a decision on the file of this record; None for any other record."""
    event = parse_event(opened, RecordKind.REVIEW)
    details = dict(event.details) if event else {}
    if event is None or details.get("record") != record:
        return None
    actor, reason = (str(details.get(name, "")) for name in ("actor", "reason"))
    return FileReview(f"{log_name}/{opened.index}", opened.leaf.time_ns, event.name, actor, reason)


def read_file_records(
    log: RecordOpener,
    progress: Progress,
    first: int = 0,
    kinds: Collection[RecordKind] = (RecordKind.FILE,),
) -> AsyncIterator[OpenedRecord]:
    """Yield what is recorded of files, as `read_kinds` does."""
    return read_kinds(log, kinds, progress, first)


def parse_event(opened: OpenedRecord, kind: RecordKind = RecordKind.FILE) -> Event | None:
    """Return what a record of a file says; None for any other record, and for one that cannot be read."""
    return parse_event_of(opened, kind)
