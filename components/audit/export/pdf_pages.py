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
_TEXT_PT, _SMALL_PT, _TITLE_PT = 9, 7, 12
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
    return "" if unicodedata.category(char) in ("Cf", "Mn") else f"[U+{ord(char):04X}]"


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
        self.alias_nb_pages()
        self.set_title(f"Export {about.id}, file {part.number + 1}")
        self.set_producer(f"Steelyard {about.version}")
        self.set_creation_date(time_in(about.started_at_ns, UTC).replace(microsecond=0))
        self.add_page()
        self._write_head()

    def header(self) -> None:
        """Print what each page is of."""
        self._write(f"{self._about.site}, export {self._about.id}, file {self._part.number + 1}", _SMALL_PT)
        self.set_y(self.y + 2)

    def footer(self) -> None:
        """Print the page's number."""
        self.set_y(-12)
        self.set_font(size=_SMALL_PT)
        self.cell(0, 4, f"Page {self.page_no()} of {{nb}}; times are in {self._about.zone_name}", align="C")
        self.set_font(size=_TEXT_PT)

    def write_title(self, name: str) -> None:
        """Print of which conversation the records are that follow."""
        self.set_y(self.y + 2)
        self._write(name, _TITLE_PT)

    def write_record(self, told: Told) -> None:
        """Print a record."""
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

    def _write_head(self) -> None:
        about = self._about
        self._write(f"Query: {about.query}")
        self._write(f"Matter: {about.matter or 'none'}. Records that matched: {about.matched:,}.")
        self._write(
            f"Exported: {write_time_for_people(about.started_at_ns, about.zone)}, Steelyard {about.version}"
        )
        self.set_y(self.y + 4)

    def _write(self, text: str, size_pt: int = _TEXT_PT, color: str = _BLACK) -> None:
        """Print a text below what is there, on as many lines and pages as it needs."""
        words = self._words.get(size_pt)
        if words is None:
            words = self._words[size_pt] = Words(self._fonts, size_pt)
        limit = self.epw * self.k * EM / size_pt
        for paragraph in printable(text).split("\n"):
            read = words.read(paragraph, limit)
            for line in break_lines(read.words, limit):
                self._write_line(order_pieces(line, read.base), limit if read.base % 2 else 0, size_pt, color)

    def _write_line(self, pieces: list[Piece], right: float, size_pt: int, color: str) -> None:
        """Print one line, and go to the next; it ends at `right`, in thousandths of an em, if that is not 0."""
        height_mm = _LINE_MM * size_pt / _TEXT_PT
        if self.y + height_mm > self.page_break_trigger and not self.in_footer:
            self.add_page(same=True)
        registered = self._registered.setdefault(self.page, set())
        for name in {piece.font for piece in pieces} - registered:
            self._resource_catalog.add(PDFResourceType.FONT, self._numbers[name], self.page)
            registered.add(name)
        indent = max(0.0, right - sum([piece.width for piece in pieces])) if right else 0.0
        x = self.l_margin * self.k + indent * size_pt / EM
        y = (self.h - self.y - 0.5 * height_mm) * self.k - 0.3 * size_pt
        shown = write_pieces(pieces, self._numbers, size_pt)
        self._out(f"{color} BT {x:.2f} {y:.2f} Td {shown} ET")
        self.y += height_mm
