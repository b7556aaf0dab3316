"""The pages of a PDF: with numbers, each record with its id, in letters of any script that the fonts have."""

import unicodedata
from datetime import UTC

from fpdf import FPDF
from fpdf.enums import PDFResourceType
from fpdf.fonts import TTFFont

from components.audit.export.fonts import find_covered, find_fonts
from components.audit.export.format import About, Part
from components.audit.export.pdf_lines import EM, Piece, break_lines, order_pieces, write_pieces
from components.audit.export.pdf_words import Words
from components.audit.export.story import Told
from components.audit.export.text import clean_xml, time_in, write_time_for_people

_MARGIN_MM, _LINE_MM = 18, 4.6
_NUMBER_MM = 12  # from the end of the page
_TEXT_PT, _SMALL_PT, _TITLE_PT = 9, 7, 12
# A record's head is not parted from the first line of its text, nor a conversation's title from its first record.
_LINES_WITH_HEAD, _LINES_WITH_TITLE = 2, 4
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
        self.set_font(next(iter(self._fonts)), size=_TEXT_PT)
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(True, _MARGIN_MM)
        self.set_title(f"Export {about.id}, file {part.number + 1}")
        self.set_producer(f"Steelyard {about.version}")
        self.set_creation_date(time_in(about.started_at_ns, UTC).replace(microsecond=0))
        self.add_page()
        self._write_head()

    def header(self) -> None:
        """Print what each page is of."""
        self._write(f"{self._about.site}, export {self._about.id}, file {self._part.number + 1}", _SMALL_PT)
        self.set_y(self.y + 2)

    def write_title(self, name: str) -> None:
        """Print of which conversation the records are that follow."""
        self._keep_together(_LINES_WITH_TITLE)
        self.set_y(self.y + 2)
        self._write(name, _TITLE_PT)

    def write_record(self, told: Told) -> None:
        """Print a record."""
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
        # Only now it is known how many pages there are.
        for number in range(1, self.pages_count + 1):
            self.page = number
            self._write_number()
        return bytes(self.output())

    def close_fonts(self) -> None:
        """Close the files of the fonts, which `finish` does as well."""
        for font in self._fonts.values():
            font.close()

    def _write_number(self) -> None:
        """Print a page's number below what is there."""
        text = f"Page {self.page} of {self.pages_count}; times are in {self._about.zone_name}"
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

    def _write(self, text: str, size_pt: int = _TEXT_PT, color: str = _BLACK) -> None:
        """Print a text below what is there, on as many lines and pages as it needs."""
        words, limit = self._words_of(size_pt), self._find_limit(size_pt)
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

    def _find_limit(self, size_pt: int) -> float:
        """Return how wide a line may be, in thousandths of an em."""
        return self.epw * self.k * EM / size_pt

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


def _width_of(pieces: list[Piece]) -> float:
    return sum([piece.width for piece in pieces])
