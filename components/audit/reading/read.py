"""Reads what a file says, whatever it is: documents, archives, mails, pictures, text."""

import io
import subprocess
import zipfile
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from PIL import Image

from components.audit.query.words import index_words
from components.audit.reading.content import ContentState, ReadContent
from components.audit.reading.decode import decode_text
from components.audit.reading.document import (
    HTML,
    OF_OLD_OFFICE,
    OF_OPEN_XML,
    PDF,
    RTF,
    DocumentError,
    extract_text,
    render_page,
)
from components.audit.reading.limits import Budget
from components.audit.reading.ocr import read_letters
from components.audit.reading.picture import PictureError, hash_picture, open_picture
from components.audit.reading.sound import find_sound
from components.audit.reading.unpack import Member, read_archive, read_mail, read_zip, unpack

if TYPE_CHECKING:
    from components.audit.reading.speech import Listener

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ARCHIVES = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"MSCF")
_MAIL = "message/rfc822"
# A PDF may begin behind some bytes (ISO 32000-1, annex H.3.4.1).
_PDF_WITHIN_BYTES = 1024
_HEAD_BYTES = 2048
_PAGE_DPI = 200
_STANDARD_INPUT = "/proc/self/fd/0"
_SCANNED_BELOW_CHARACTERS = 20
# Smaller ones, such as the previews of 8 x 1 pixels that clients make, all look alike.
_TELLING_PIXELS = 16


def read_file(
    name: str,
    media_type: str,
    data: bytes,
    languages: Sequence[str],
    make_listener: "Callable[[], Listener] | None" = None,
) -> ReadContent:
    """Return what a file says; pictures of text are read in `languages`, if there are any. Sound is heard by what
    `make_listener` makes: loading it takes long, so it is made where there is sound.

    `name` and `media_type` are what its sender says, and count only where its content does not tell.
    """
    reader = _Reader(languages, make_listener)
    try:
        reader.read(Member(name, data, media_type))
    except (DocumentError, PictureError):
        return ReadContent(ContentState.FAILED)
    budget = reader.budget
    text = budget.text
    state = ContentState.READ if text else ContentState.SILENT
    if reader.is_unheard and not text:
        state = ContentState.UNHEARD
    elif budget.is_cut or reader.is_unheard:
        state = ContentState.CUT
    words = index_words(text) if text else ("", "")
    return ReadContent(state, text, words, reader.picture, len(budget.heard), reader.has_sound)


class _Reader:
    def __init__(self, languages: Sequence[str], make_listener: "Callable[[], Listener] | None") -> None:
        self.budget = Budget()
        self.picture: bytes | None = None
        self.has_sound = False
        self.is_unheard = False
        self._languages = languages
        self._make_listener = make_listener

    def read(self, file: Member, depth: int = 0) -> None:
        """Add what a file says; raises DocumentError and PictureError for one that cannot be read."""
        kind = _find_kind(file)
        if kind == "zip":
            self._read_zip(file, depth)
        elif kind == PDF:
            self._read_pdf(file.data, depth)
        elif kind == "archive":
            self._read_members(read_archive(file.data, self.budget), depth)
        elif kind == _MAIL:
            self._read_members(read_mail(file.data, self.budget), depth)
        elif kind:
            self.budget.add(extract_text(file.data, kind))
        elif sound := find_sound(file.data[:_HEAD_BYTES]):
            self._hear(file.data, sound)
        elif (members := unpack(file.data, file.name, self.budget)) is not None:
            self._read_members(members, depth)
        elif (picture := open_picture(file.data)) is not None:
            if not depth and min(picture.size) >= _TELLING_PIXELS:
                self.picture = hash_picture(picture)
            if self._languages and self.budget.take_picture():
                self._add_letters(picture)
        else:
            self._read_text(file)

    def _add_letters(self, picture: Image.Image) -> None:
        try:
            self.budget.add(read_letters(picture, self._languages))
        except (OSError, subprocess.SubprocessError):
            self.budget.is_cut = True

    @cached_property
    def _listener(self) -> "Listener | None":
        return self._make_listener() if self._make_listener else None

    def _hear(self, data: bytes, kind: str) -> None:
        self.has_sound = True
        listener = self._listener
        if listener is None:
            self.is_unheard = True
            return
        from components.audit.reading.speech import SoundError

        try:
            heard = listener.hear(data, kind)
        except SoundError as error:
            raise DocumentError(str(error)) from None
        self.budget.add_heard(heard.text)
        self.budget.is_cut |= heard.is_cut

    def _read_members(self, members: Iterable[Member], depth: int) -> None:
        for member in members:
            if member.name:
                self.budget.add(member.name)
            if depth >= self.budget.depth:
                self.budget.is_cut = True
                continue
            try:
                self.read(member, depth + 1)
            except (DocumentError, PictureError):
                self.budget.is_cut = True

    def _read_zip(self, file: Member, depth: int) -> None:
        try:
            archive = zipfile.ZipFile(io.BytesIO(file.data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            raise DocumentError("BadZipFile") from None
        with archive:
            if document := _find_zipped_document(archive):
                self.budget.add(extract_text(file.data, document))
            else:
                self._read_members(read_zip(archive, self.budget), depth)

    def _read_pdf(self, data: bytes, depth: int) -> None:
        text = extract_text(data, PDF)
        self.budget.add(text)
        if not self._languages or len(text.strip()) >= _SCANNED_BELOW_CHARACTERS:
            return
        # A scan: its pages are pictures. The library takes a path, and only the file itself has one.
        if depth:
            self.budget.is_cut = True
            return
        page = 0
        while png := render_page(_STANDARD_INPUT, page, _PAGE_DPI):
            if not self.budget.take_picture():
                break
            if (picture := open_picture(png)) is not None:
                self._add_letters(picture)
            page += 1

    def _read_text(self, file: Member) -> None:
        texts = decode_text(file.data)
        for text in texts:
            shown = extract_text(text.encode(), HTML) if _is_html(file, text) else text
            self.budget.add(shown, max(1, self.budget.characters // len(texts)))


def _find_kind(file: Member) -> str:
    """Return the media type of a document that says itself what it is, `zip`, `archive`, or nothing."""
    head, suffix = file.data[:_HEAD_BYTES], PurePosixPath(file.name).suffix.lower()
    if head.startswith(_ZIP):
        return "zip"
    if b"%PDF-" in head[:_PDF_WITHIN_BYTES]:
        return PDF
    if head.startswith(_OLE):
        return OF_OLD_OFFICE.get(suffix, OF_OLD_OFFICE[".doc"])
    if head.startswith(b"{\\rtf"):
        return RTF
    if head.startswith(_ARCHIVES):
        return "archive"
    if suffix == ".eml" or file.media_type.partition(";")[0].strip().lower() == _MAIL:
        return _MAIL
    return ""


def _find_zipped_document(archive: zipfile.ZipFile) -> str:
    """Return the media type of a document that is a zip; nothing for an archive of other files."""
    names = archive.namelist()
    if "[Content_Types].xml" in names:
        return next(
            (kind for folder, kind in OF_OPEN_XML.items() if any(n.startswith(folder) for n in names)), ""
        )
    if names[:1] == ["mimetype"]:  # OpenDocument 1.3, part 2, 3.3; EPUB 3.3, 4.2.2
        with archive.open("mimetype") as file:
            return file.read(256).decode("ascii", errors="replace").strip()
    return ""


def _is_html(file: Member, text: str) -> bool:
    said = file.media_type.partition(";")[0].strip().lower()
    head = text[:_HEAD_BYTES].lower()
    named = said in (HTML, "application/xhtml+xml") or file.name.lower().endswith((".html", ".htm", ".xhtml"))
    return named or "<!doctype html" in head or "<html" in head
