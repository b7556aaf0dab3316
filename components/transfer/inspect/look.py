"""Looks into a file: what it is, of how many kinds at once, and what each of its kinds shows."""

import time
from collections.abc import Callable

from components.transfer.inspect import signature
from components.transfer.inspect.archive import other
from components.transfer.inspect.archive.compressed import look_into_compressed
from components.transfer.inspect.archive.tarred import look_into_tar
from components.transfer.inspect.archive.zipped import look_into_zip
from components.transfer.inspect.document.mail import is_mail, look_into_mail
from components.transfer.inspect.document.markup import look_into_markup, look_into_rtf
from components.transfer.inspect.document.ole import look_into_ole
from components.transfer.inspect.document.pdf import look_into_pdf
from components.transfer.inspect.document.text import look_into_text
from components.transfer.inspect.ending import PROGRAM_ENDINGS, ending_of, group_of, is_disguised
from components.transfer.inspect.item import CHUNK_BYTES, Data, Item, Work
from components.transfer.inspect.limits import Budget, InspectLimits, TooMuch
from components.transfer.inspect.magic_type import UNKNOWN, guess_type, is_text
from components.transfer.inspect.picture.facts import Picture
from components.transfer.inspect.picture.gif import read_gif
from components.transfer.inspect.picture.jpeg import read_jpeg
from components.transfer.inspect.picture.media import has_place
from components.transfer.inspect.picture.plain import read_bmp, read_heif, read_tiff
from components.transfer.inspect.picture.png import read_png
from components.transfer.inspect.picture.webp import read_webp
from components.transfer.inspect.program import has_program_content, is_program
from policy.files.facts import ContentFacts, FileMark

MAIL = "message/rfc822"
_PICTURES: dict[str, Callable[[Data], Picture]] = {
    "image/png": read_png,
    "image/jpeg": read_jpeg,
    "image/gif": read_gif,
    "image/webp": read_webp,
    "image/bmp": read_bmp,
    "image/tiff": read_tiff,
    "image/heic": read_heif,
    "image/avif": read_heif,
}
_OTHERS: dict[str, Callable[[Item], None]] = {
    signature.ZIP: look_into_zip,
    signature.TAR: look_into_tar,
    signature.OLE: look_into_ole,
    signature.PDF: look_into_pdf,
    signature.RTF: look_into_rtf,
    signature.HTML: look_into_markup,
    signature.SVG: look_into_markup,
    "application/xhtml+xml": look_into_markup,
    MAIL: look_into_mail,
}
_ENDINGS_OF_MARKUP = frozenset({"html", "htm", "xhtml", "svg", "hta"})
_EXACT_GROUPS = frozenset({"picture", "media", "pdf", "rtf"})
"""Groups that libmagic and our signatures ought to agree on. Both know too many names for what lies in a ZIP."""
_SEEN_THROUGH = frozenset({"media", "svg", "html", "rtf", "pdf", "picture"})


def look_into(
    data: Data,
    name: str,
    claimed_type: str,
    limits: InspectLimits,
    clock_s: Callable[[], float] = time.monotonic,
) -> ContentFacts:
    """Return what a file's content shows. It raises nothing for a file, whatever is in it."""
    work = Work(Budget(limits, len(data), clock_s), _look)
    item = Item(data, name, work, claimed_type)
    try:
        _look(item)
    except TooMuch as limit:
        item.marks |= limit.marks
    return ContentFacts(
        item.media_type or UNKNOWN, frozenset(item.marks), tuple(work.names), item.width, item.height
    )


def _look(item: Item) -> None:
    """Look into a file or a member; raises TooMuch."""
    item.work.budget.check_time()
    if not len(item.data):
        item.media_types = [UNKNOWN]
        _judge_name(item)
        return
    item.media_types = kinds = _kinds_of(item)
    try:
        for kind in kinds:
            _look_as(item, kind)
    finally:
        # By what was found out until then.
        _judge_name(item)
    if not _is_known(item):
        item.marks.add(FileMark.UNSCANNABLE)


def _kinds_of(item: Item) -> list[str]:
    """Return all kinds that a file is of, at least one; marks a file of several."""
    kinds, guess = signature.find_kinds(item.data), guess_type(item.data)
    if kinds == [signature.HTML] or not kinds:
        return [_kind_of_text(item, guess, has_markup=bool(kinds))]
    first, second = group_of(kinds[0]), group_of(guess)
    is_base_media = item.data[4:8] == b"ftyp" and kinds[0] not in _PICTURES
    if first == "media" and (second == "media" or (second == "picture" and is_base_media)):
        # It looks inside for what the container holds: sound alone, or a film.
        kinds[0], first = guess, second
    if len(kinds) > 1 or (first in _EXACT_GROUPS and second not in (first, "", "text")):
        item.marks.add(FileMark.POLYGLOT)
    return kinds


def _kind_of_text(item: Item, guess: str, *, has_markup: bool) -> str:
    """Return the kind of a file that none of our signatures knows."""
    if is_mail(item.data):
        return MAIL
    if guess in (signature.SVG, "application/xhtml+xml", signature.HTML):
        return guess
    is_called_markup = ending_of(item.name) in _ENDINGS_OF_MARKUP or group_of(item.claimed_type) in (
        "html",
        "svg",
    )
    if (has_markup and (is_called_markup or group_of(guess) != "text")) or (
        is_called_markup and group_of(guess) == "text"
    ):
        return signature.SVG if b"<svg" in item.data[:CHUNK_BYTES].lower() else signature.HTML
    return guess


def _look_as(item: Item, kind: str) -> None:
    """Look into a file as one of its kinds; a broken one is marked. Raises TooMuch."""
    try:
        if kind in _PICTURES:
            _look_at_picture(item, _PICTURES[kind](item.data))
        elif kind in _OTHERS:
            _OTHERS[kind](item)
        elif kind in (signature.GZIP, signature.BZIP2, signature.XZ):
            look_into_compressed(item, kind)
        elif kind in other.KINDS:
            other.look_into_other(item, kind)
        elif kind == signature.ACTIVE_MIME:
            item.marks.add(FileMark.MACROS)
        elif group_of(kind) == "text":
            look_into_text(item)
        elif item.data[4:8] == b"ftyp" and has_place(item.data):
            item.marks.add(FileMark.LOCATION)
    except TooMuch:
        raise
    except Exception:
        item.marks.add(FileMark.UNSCANNABLE)


def _look_at_picture(item: Item, picture: Picture) -> None:
    item.measure(picture.width, picture.height)
    if picture.has_location:
        item.marks.add(FileMark.LOCATION)
    if picture.end is None:
        return
    for at in range(picture.end, len(item.data), CHUNK_BYTES):
        item.work.budget.check_time()
        # Cameras fill up with zeros.
        if item.data[at : at + CHUNK_BYTES].strip(b"\0"):
            item.marks.add(FileMark.TRAILING_BYTES)
            return


def _judge_name(item: Item) -> None:
    """Mark what can be run, and what is not what it is called."""
    if item.is_part:
        if has_program_content(item.data, item.media_types):
            item.marks.add(FileMark.EXECUTABLE)
        return
    ending = ending_of(item.name)
    if is_program(item.data, item.name, item.media_types):
        item.marks.add(FileMark.EXECUTABLE)
        hides = ending not in PROGRAM_ENDINGS and (ending or group_of(item.claimed_type))
        if hides and has_program_content(item.data, item.media_types):
            item.marks.add(FileMark.DISGUISED)
    if len(item.data) and is_disguised(item.name, item.claimed_type, item.media_type):
        item.marks.add(FileMark.DISGUISED)


def _is_known(item: Item) -> bool:
    """Return whether somebody who has seen the marks knows what the file can do."""
    kind = item.media_type
    if group_of(kind) == "picture":
        # How large another one becomes when it is decoded is not known.
        return kind in _PICTURES
    if is_text(item.data):
        return True
    looked_into = kind in _OTHERS or kind in other.KINDS or kind.startswith(("font/", signature.ACTIVE_MIME))
    is_container = group_of(kind) not in ("", "zip", "text") or FileMark.ARCHIVE in item.marks
    return looked_into or group_of(kind) in _SEEN_THROUGH or is_container or FileMark.EXECUTABLE in item.marks
