"""The pages of a PDF: with numbers, each record with its id, in letters of any script that the fonts have."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC

from fpdf import FPDF
from fpdf.enums import PageMode, PDFResourceType
from fpdf.fonts import TTFFont

from components.audit.export.fonts import find_covered, find_fonts
from components.audit.export.format import About, Part, Shelf
from components.audit.export.pdf_lines import EM, Piece, break_lines, order_pieces, write_pieces
from components.audit.export.pdf_words import Words
from components.audit.export.story import MOST_LISTED, Told, count_records, list_people, times_of
from components.audit.export.text import clean_xml, time_in, write_time_for_people

_MARGIN_MM, _LINE_MM = 18, 4.6
_NUMBER_MM = 12  # from the end of the page
_TEXT_PT, _SMALL_PT, _TITLE_PT = 9, 7, 12
# A record's head is not parted from the first line of its text, nor a conversation's title from its first record.
_LINES_WITH_HEAD, _LINES_WITH_TITLE, _LINES_IN_CONTENTS = 2, 5, 2
_PLACE_MM = 12  # for the number of a page beside what is in the contents
_BLACK, _GREY = "0 g", "0.353 g"


class _Printable(dict[int, str]):
    """What is printed for each character: itself, or its number if no font has it."""

    def __missing__(self, number: int) -> str:
        char = chr(number)
        shown = char if number in find_covered() or char == "\n" else _number(char)
        self[number] = shown
        return shown


_PRINTABLE = _Printable()


def printable(text: str) -> str:
    """Return a text with the numbers of characters instead of those that the fonts do not have."""
    if text.isascii() and text.isprintable():
        return text
    text = clean_xml(text).replace("\t", "    ").replace("\r", "")
    return unicodedata.normalize("NFC", text).translate(_PRINTABLE)


def _number(char: str) -> str:
    category = unicodedata.category(char)
    # Of an emoji the number says nothing to who reads it; the names of letters would bury what they spell.
    name = f" {unicodedata.name(char, '').lower()}".rstrip() if category in ("So", "Sk") else ""
    return "" if category in ("Cf", "Mn") else f"[U+{ord(char):04X}{name}]"


@dataclass(slots=True)
class _Listed:
    """A conversation of this file: on which page it begins, and how many of its records are here, from when to when.

    `link` leads there.
    """

    shelf: Shelf
    page: int
    link: int
    count: int = 0
    first: str = ""
    last: str = ""


class Pages(FPDF):
    """The pages of one file: the same bytes each time."""

    def __init__(self, part: Part, about: About) -> None:
        super().__init__()
        self._part, self._about = part, about
        for font in find_fonts():
            self.add_font(font.name, "", font.path, collection_font_number=font.number)
        self._fonts = {
            font.name: found for font in find_fonts() if isinstance(found := self.fonts[font.name], TTFFont)
        }
        self._numbers = {name: font.i for name, font in self._fonts.items()}
        self._words: dict[float, Words] = {}
        self._registered: dict[int, set[str]] = {}
        self._listed: list[_Listed] = []
        self.set_font(next(iter(self._fonts)), size=_TEXT_PT)
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(True, _MARGIN_MM)
        self.set_title(f"Export {about.id}, file {part.number + 1}")
        self.set_producer(f"Steelyard {about.version}")
        self.set_creation_date(time_in(about.started_at_ns, UTC).replace(microsecond=0))
        self.page_mode = PageMode.USE_OUTLINES
        self.add_page()
        self._write_head()
        # The contents go on behind this page if they need more: only `finish` knows what is in them.
        self.insert_toc_placeholder(self._write_contents, allow_extra_pages=True)

    def header(self) -> None:
        """Print what each page is of."""
        self._write(f"{self._about.site}, export {self._about.id}, file {self._part.number + 1}", _SMALL_PT)
        self.set_y(self.y + 2)

    def write_title(self, shelf: Shelf) -> None:
        """Print of which conversation the records are that follow."""
        self._keep_together(_LINES_WITH_TITLE)
        self.set_y(self.y + 2)
        title = _title_of(shelf)
        self.start_section(clean_xml(title))
        self._listed.append(_Listed(shelf, self.page, self.add_link(y=self.y, page=self.page)))
        self._write(title, _TITLE_PT)
        first, last = times_of(shelf, self._about)
        self._write(
            f"{first} to {last}, {count_records(shelf.count)}.{list_people(shelf, shelf.call)}", color=_GREY
        )
        self.set_y(self.y + 1)

    def write_record(self, told: Told) -> None:
        """Print a record."""
        if self._listed:
            self._count(self._listed[-1], told.time)
        self._keep_together(_LINES_WITH_HEAD)
        # Names come last: one that turns the direction of text around turns nothing but itself.
        self._write(f"{told.time}   {told.record}   {told.who}", color=_GREY)
        self._write(told.text or "(no text)")
        for note in told.notes:
            self._write(f"– {note}", color=_GREY)
        for file in told.files:
            where = file.path or file.fault
            self._write(
                f"– File {file.name}, {file.size_bytes:,} bytes, SHA-256 {file.sha256}: {where}", color=_GREY
            )
        self.set_y(self.y + 2)

    def finish(self) -> bytes:
        """Return the whole file; nothing can be printed after this."""
        return bytes(self.output())

    def close_fonts(self) -> None:
        """Close the files of the fonts, which `finish` does as well."""
        for font in self._fonts.values():
            font.close()

    def _count(self, listed: _Listed, time: str) -> None:
        listed.count += 1
        listed.first, listed.last = listed.first or time, time

    def _write_contents(self, *_: object) -> None:
        """Print the contents, and all numbers of pages: only now it is known how many there are.

        Pages that are added meanwhile come last here, and right behind the first page in the file.
        """
        before, places = self.pages_count, list[tuple[int, float]]()
        self._write("Contents", _TITLE_PT)
        for each in self._listed:
            self._keep_together(_LINES_IN_CONTENTS)
            places.append((self.page, self.y))
            self.link(self.l_margin, self.y, self.epw, _LINE_MM, each.link)
            self._write(_title_of(each.shelf), right_mm=_PLACE_MM)
            self._write(_describe(each), color=_GREY, right_mm=_PLACE_MM)
        added = self.pages_count - before
        for each, (page, y) in zip(self._listed, places, strict=True):
            self.page, self.y = page, y
            self._write_beside(str(each.page + added))
        for number in range(1, self.pages_count + 1):
            self.page = number
            self._write_number(number - before + 1 if number > before else number + added * (number > 1))

    def _write_beside(self, text: str) -> None:
        """Print a number of a page at the end of a line."""
        limit = self._find_limit(_TEXT_PT)
        pieces = order_pieces(next(break_lines(self._words_of(_TEXT_PT).read(text, limit).words, limit)), 0)
        self._show(limit - _width_of(pieces), pieces, _TEXT_PT, _BLACK)

    def _write_number(self, number: int) -> None:
        """Print a page's number below what is there."""
        text = f"Page {number} of {self.pages_count}; times are in {self._about.zone_name}"
        limit = self._find_limit(_SMALL_PT)
        read = self._words_of(_SMALL_PT).read(printable(text), limit)
        pieces = order_pieces(next(break_lines(read.words, limit)), read.base)
        self.y = self.h - _NUMBER_MM
        self._show((limit - _width_of(pieces)) / 2, pieces, _SMALL_PT, _BLACK)

    def _write_head(self) -> None:
        about = self._about
        at = write_time_for_people(about.started_at_ns, about.zone)
        self._write(f"Query: {about.query}")
        self._write(
            f"Matter: {about.matter or 'none'}. Records that matched: {about.matched:,}; exceptions.jsonl says "
            "which of them are left out, and why."
        )
        self._write(f"Exported: {at}, Steelyard {about.version}, by {about.auditor}")
        self.set_y(self.y + 4)

    def _write(self, text: str, size_pt: int = _TEXT_PT, color: str = _BLACK, right_mm: float = 0) -> None:
        """Print a text below what is there, on as many lines and pages as it needs; `right_mm` stay free beside it."""
        words, limit = self._words_of(size_pt), self._find_limit(size_pt, right_mm)
        for paragraph in printable(text).split("\n"):
            read = words.read(paragraph, limit)
            for line in break_lines(read.words, limit):
                pieces = order_pieces(line, read.base)
                # A paragraph that runs from the right begins there.
                indent = max(0.0, limit - _width_of(pieces)) if read.base % 2 else 0.0
                self._write_line(indent, pieces, size_pt, color)

    def _keep_together(self, lines: int) -> None:
        """Go to the next page if this one has no room for so many lines of text."""
        if self.y + lines * _LINE_MM > self.page_break_trigger:
            self.add_page(same=True)

    def _words_of(self, size_pt: int) -> Words:
        words = self._words.get(size_pt)
        if words is None:
            words = self._words[size_pt] = Words(self._fonts, size_pt)
        return words

    def _find_limit(self, size_pt: int, right_mm: float = 0) -> float:
        """Return how wide a line may be, in thousandths of an em."""
        return (self.epw - right_mm) * self.k * EM / size_pt

    def _write_line(self, indent: float, pieces: list[Piece], size_pt: int, color: str) -> None:
        """Print one line, and go to the next, on another page if this one is full."""
        height_mm = _LINE_MM * size_pt / _TEXT_PT
        if self.y + height_mm > self.page_break_trigger:
            self.add_page(same=True)
        self._show(indent, pieces, size_pt, color)
        self.y += height_mm

    def _show(self, indent: float, pieces: list[Piece], size_pt: int, color: str) -> None:
        """Print a line where the page is; `indent` is in thousandths of an em."""
        registered = self._registered.setdefault(self.page, set())
        for name in {piece.font for piece in pieces} - registered:
            self._resource_catalog.add(PDFResourceType.FONT, self._numbers[name], self.page)
            registered.add(name)
        x = self.l_margin * self.k + indent * size_pt / EM
        y = (self.h - self.y - 0.5 * _LINE_MM * size_pt / _TEXT_PT) * self.k - 0.3 * size_pt
        shown = write_pieces(pieces, self._numbers, size_pt)
        self._out(f"{color} BT {x:.2f} {y:.2f} Td {shown} ET")


def _title_of(shelf: Shelf) -> str:
    # The number comes first, with a word: no name can turn it around.
    return f"Conversation {shelf.number}: {shelf.title}"


def _describe(listed: _Listed) -> str:
    shelf = listed.shelf
    count = count_records(listed.count)
    if listed.count != shelf.count:
        count = f"{listed.count:,} of its {count_records(shelf.count)}"
    return f"{listed.first} to {listed.last}, {count}.{list_people(shelf, shelf.call, MOST_LISTED)}"


def _width_of(pieces: list[Piece]) -> float:
    return sum([piece.width for piece in pieces])
