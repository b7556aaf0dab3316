"""Writes a kept file out, opened with an auditors' key and checked; the look is recorded before it is written."""

import errno
import os
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from components.archive.blobs.errors import BlobError
from components.archive.blobs.reader import BlobReader
from components.archive.durable import PRIVATE, sync_folder
from components.archive.keys import KeyFileError
from components.archive.keys.ring import load_key_ring
from components.archive.record import Access
from components.archive.seal import NoKeyError
from components.audit.access import record_access
from components.audit.auditor import Auditor, name_of
from components.audit.files.record import FileRecord, find_transfer, parse_file
from components.audit.files.show import explain_no_file, require_transfer_record
from components.audit.open_log import open_log
from components.audit.owner import check_owner
from components.audit.show import explain_absence
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.blobs import open_objects
from components.settings.site import SiteFile
from policy.files.name import clean_name

# The longest name that common file systems take.
_MAX_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file that was written to `path`, or the copy that was `delivered`; `access_id` is the record of this look."""

    file: FileRecord
    path: Path
    access_id: str
    delivered: bool


async def export_file(
    settings: SiteFile,
    record_id: str,
    folder: Path,
    progress: Progress,
    auditor: Auditor | None = None,
    *,
    delivered: bool = False,
) -> ExportedFile:
    """Write the file that a record refers to into a folder, under the name that it was sent with, made harmless.

    Or what was `delivered` of it: its copy without metadata where there is one, else the file itself.

    It is there as a whole, with the SHA-256 that the record says, or not at all; nothing is overwritten. Raises
    SiteError, also if the look cannot be recorded, and LogError.
    """
    now_ns = time.time_ns()
    file, size = await _find(settings, record_id)
    if not check_owner(settings, auditor)(file.owner):
        raise SiteError(f"there is no record {record_id} among what you may see")
    path = require_free(folder, safe_name(file.name))
    copy = file.delivered if delivered else None
    blob, digest = (copy.blob, copy.sha256) if copy else (file.blob, file.sha256)
    access = Access(name_of(auditor), "files export", f"{record_id} {digest}".rstrip(), now_ns, size, 1)
    access_id = await record_access(settings, access)
    await _write(settings, replace(file, blob=blob, sha256=digest), path, progress)
    return ExportedFile(file, path, access_id, copy is not None)


class KeptContent(Protocol):
    """A content that can be read, and what was recorded of it."""

    @property
    def size_bytes(self) -> int:
        """Its size."""

    @property
    def sha256(self) -> bytes:
        """Its SHA-256."""

    def read(self) -> AsyncIterator[bytes]:
        """Yield it in pieces."""


def safe_name(name: str) -> str:
    """Return one part of a path that shows a file's real ending, and is short enough for a file system."""
    stem, dot, ending = clean_name(name).rpartition(".")
    stem, tail = (stem, f"{dot}{ending}") if stem else (ending, "")
    tail = tail if len(tail.encode()) < _MAX_NAME_BYTES else ""
    room = _MAX_NAME_BYTES - len(tail.encode())
    # Cut between characters, not within one.
    return stem.encode()[:room].decode(errors="ignore") + tail


def require_free(folder: Path, name: str) -> Path:
    """Return the path of a new file in a folder; raises SiteError."""
    if not folder.is_dir():
        raise SiteError(f"{folder}: there is no such folder")
    path = folder / name
    if os.path.lexists(path):
        raise SiteError(
            f"{path}: is there already, and nothing is overwritten; name another folder with --out"
        )
    return path


def _give_name(draft: Path, path: Path) -> None:
    """Give a draft its name, unless that was taken meanwhile, also by a link; raises OSError."""
    try:
        # Killed before this: a draft is left.
        os.link(draft, path)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP):
            raise
        # A file system without hard links. Killed in between: an empty file is left.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        draft.replace(path)


async def _find(settings: SiteFile, record_id: str) -> tuple[FileRecord, int]:
    """Return the file that a record refers to, and the size of the log; raises SiteError."""
    index = require_transfer_record(settings, record_id)
    _transfer, log_settings = find_transfer(settings)
    async with open_log(settings, log_settings) as log:
        size = await log.reader.size()
        for opened in await log.fetch(index, 1) if index < size else ():
            file = parse_file(log_settings.name, opened)
            if file is None:
                raise SiteError(explain_no_file(record_id, destroyed=opened.stored.payload is None))
            if not file.intact:
                raise SiteError(f"{record_id} is not what was recorded: run `steelyard verify`")
            return file, size
    raise SiteError(explain_absence(log_settings.name, index, size))


async def _write(settings: SiteFile, file: FileRecord, path: Path, progress: Progress) -> None:
    transfer, log_settings = find_transfer(settings)
    objects = open_objects(transfer)
    try:
        keys = load_key_ring(settings.audit.key_files)
        blob = await BlobReader(objects, log_settings.origin, keys).open(file.blob)
        if file.sha256 and blob.sha256.hex() != file.sha256:
            raise SiteError(f"{file.id}: the blob holds another content than the record says")
        await write_checked(blob, file.id, path, progress)
    except (BlobError, KeyFileError, NoKeyError) as error:
        raise SiteError(f"{file.id}: {error}") from None
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}") from None
    finally:
        await objects.close()


async def write_checked(blob: KeptContent, record_id: str, path: Path, progress: Progress) -> None:
    """Write a content; it gets its name only when all of it is written, synced and right."""
    draft = path.with_name(f".steelyard-{secrets.token_hex(8)}.part")
    digest, done = sha256(), 0
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as out:
            async for piece in blob.read():
                digest.update(piece)
                out.write(piece)
                done += len(piece)
                progress(done, blob.size_bytes)
            out.flush()
            os.fsync(out.fileno())
        if digest.digest() != blob.sha256:
            raise SiteError(f"{record_id}: the content has another SHA-256 than was recorded")
        _give_name(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
