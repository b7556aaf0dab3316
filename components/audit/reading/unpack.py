"""Files within a file: members of archives, attachments of mails. What is damaged or encrypted is passed over."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import IO, NamedTuple

from components.audit.reading.limits import Budget

_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    LookupError,
    zlib.error,
    lzma.LZMAError,
)
_PIECE_BYTES = 1 << 20
_Packed = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
_PACKED: dict[bytes, Callable[[IO[bytes]], _Packed]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_OFFSET_OF_TAR = 257


class Member(NamedTuple):
    """A file within a file."""

    name: str
    data: bytes
    media_type: str = ""


def read_zip(archive: zipfile.ZipFile, budget: Budget) -> Iterator[Member]:
    """Yield the members of a zip, without content where it cannot be had: the names are in the clear."""
    for info in archive.infolist():
        if info.is_dir():
            continue
        if not budget.take_member():
            return
        try:
            with archive.open(info) as file:
                data = _read(file, budget)
        except (*_ERRORS, zipfile.BadZipFile):
            budget.is_cut, data = True, b""
        yield Member(info.filename, data)


def unpack(data: bytes, name: str, budget: Budget) -> list[Member] | None:
    """Return what is in a packed file or a tar; None for what is neither."""
    unpacked = None
    for magic, opener in _PACKED.items():
        if data.startswith(magic):
            unpacked = _unpack_whole(opener, data, budget)
    inside = data if unpacked is None else unpacked
    if inside[_OFFSET_OF_TAR : _OFFSET_OF_TAR + 5] == b"ustar":
        return list(_read_tar(inside, budget))
    return None if unpacked is None else [Member(name.rpartition(".")[0], unpacked)]


def read_archive(data: bytes, budget: Budget) -> Iterator[Member]:
    """Yield the members of a 7z, RAR or CAB archive, where libarchive is installed; without content as of a zip."""
    try:
        import libarchive
    except (ImportError, OSError, AttributeError, TypeError):  # the package, or the library that it looks for
        budget.is_cut = True
        return
    try:
        with libarchive.memory_reader(data) as entries:
            for entry in entries:
                if not entry.isfile:
                    continue
                if not budget.take_member():
                    return
                try:
                    data = _join(entry.get_blocks(), budget)
                except (*_ERRORS, libarchive.ArchiveError):
                    # What follows may be read all the same; if not, the next step says so.
                    budget.is_cut, data = True, b""
                yield Member(entry.pathname, data)
    except (*_ERRORS, libarchive.ArchiveError):
        budget.is_cut = True


def read_mail(data: bytes, budget: Budget) -> Iterator[Member]:
    """Yield the parts of a mail (RFC 5322), its headers first."""
    mail = message_from_bytes(data, policy=policy.default)
    if not isinstance(mail, EmailMessage):
        return
    yield Member("", "\n".join(_headers(mail)).encode(), "text/plain")
    for part in mail.walk():
        if part.is_multipart():
            continue
        if not budget.take_member():
            return
        try:
            name, kind = part.get_filename() or "", part.get_content_type()
            content = part.get_content()
            if isinstance(content, EmailMessage):
                content = content.as_bytes()
            yield Member(name, content.encode() if isinstance(content, str) else bytes(content), kind)
        except _ERRORS:
            budget.is_cut = True


def _headers(mail: EmailMessage) -> Iterator[str]:
    for name in ("Subject", "From", "To", "Cc", "Date"):
        try:
            yield from (f"{name}: {value}" for value in mail.get_all(name, ()))
        except _ERRORS:
            continue


def _read_tar(data: bytes, budget: Budget) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for info in archive:
                if not budget.take_member():
                    return
                file = archive.extractfile(info) if info.isfile() else None
                if file is not None:
                    yield Member(info.name, _read(file, budget))
    except (*_ERRORS, tarfile.TarError):
        budget.is_cut = True


def _unpack_whole(opener: Callable[[IO[bytes]], _Packed], data: bytes, budget: Budget) -> bytes:
    try:
        with opener(io.BytesIO(data)) as file:
            return _read(file, budget)
    except _ERRORS:
        budget.is_cut = True
        return b""


def _read(file: IO[bytes] | _Packed, budget: Budget) -> bytes:
    """Read a member, no further than the budget goes, whatever its header says of its size."""
    return _join(iter(partial(file.read, _PIECE_BYTES), b""), budget)


def _join(read: Iterable[bytes], budget: Budget) -> bytes:
    pieces = []
    for piece in read:
        budget.unpacked_bytes -= len(piece)
        if budget.unpacked_bytes < 0:
            budget.is_cut = True
            break
        pieces.append(piece)
    return b"".join(pieces)
