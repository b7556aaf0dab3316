"""PDF to print: pages with numbers, each record with its id, in letters of any script that the fonts have."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import groupby

from fpdf import FPDF
from fpdf.enums import PDFResourceType, XPos, YPos
from fpdf.fonts import TTFFont

from components.audit.export.fonts import find_covered, find_fonts
from components.audit.export.format import About, FileContents, Format, Part, Shelved
from components.audit.export.pdf_lines import Sign, Signs, break_lines, write_runs
from components.audit.export.story import Told, tell
from components.audit.export.text import clean_xml, time_in, write_time_for_people

# Scripts whose letters join, stack or run from the right: they need shaping, which costs four times as much.
_SHAPED = re.compile(
    "[\u0300-\u036f\u0590-\u08ff\u0900-\u109f\u1780-\u17ff\u200c-\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufeff]"
)
_MARGIN_MM, _LINE_MM = 18, 4.6
_LARGEST_RUN = 60
# Where fpdf2 breaks lines, a word longer than one is broken where it has to be.
_LONG_WORD = re.compile(rf"[!-~]{{{_LARGEST_RUN}}}(?=[!-~])")


class Pdf(Format):
    """The format `pdf`."""

    name = "pdf"
    most_in_part = 4000
    across_shelves = True
    cannot_carry = (
        "A character that no font here can print stands as its number, such as [U+1F9FF]: the records have it.",
        "Skin tones and joined emoji are printed as the single signs that they are made of.",
        "The stanza itself is not in it; it is in records/.",
        "Files lie beside it, in files/, and are named in it.",
    )

    def name_part(self, part: Part) -> str:
        """See Format."""
        return f"pages-{part.number + 1:05}.pdf"

    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, contents: FileContents
    ) -> Iterator[bytes]:
        """See Format."""
        pages = _Pages(part, about)
        for shelf, told in groupby(entries, key=lambda each: each.shelf):
            pages.write_title(shelf.name.replace(" ", " and ") or "Acts on the line")
            for each in told:
                pages.write_record(tell(each.entry, about.zone))
        yield bytes(pages.output())


def printable(text: str) -> str:
    """Return a text with the numbers of characters instead of those that the fonts do not have."""
    covered = find_covered()
    text = unicodedata.normalize("NFC", clean_xml(text).replace("\t", "    ").replace("\r", ""))
    return "".join(each if ord(each) in covered or each == "\n" else _number(each) for each in text)


def _number(char: str) -> str:
    return "" if unicodedata.category(char) in ("Cf", "Mn") else f"[U+{ord(char):04X}]"


class _Pages(FPDF):
    """The pages of one file: the same bytes each time."""

    def __init__(self, part: Part, about: About) -> None:
        super().__init__()
        self._part = part
        self._registered: set[str] = set()
        self._registered_page = 0
        self._about = about
        for font in find_fonts():
            self.add_font(font.name, "", font.path, collection_font_number=font.number)
        first, *others = (font.name for font in find_fonts())
        self.set_fallback_fonts(others)
        fonts = {name: found for name in (first, *others) if isinstance(found := self.fonts[name], TTFFont)}
        self._signs = Signs(fonts)
        self._numbers = {name: font.i for name, font in fonts.items()}
        self.set_font(first, size=9)
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
        self.set_font(size=7)
        self._line(f"{self._about.site}, export {self._about.id}, file {self._part.number + 1}", 4)
        self.ln(2)
        self.set_font(size=9)

    def footer(self) -> None:
        """Print the page's number."""
        self.set_y(-12)
        self.set_font(size=7)
        # A page may end within a line that is shaped; the number of pages, which comes later, must not be.
        shaping, self.text_shaping = self.text_shaping, None
        self.cell(0, 4, f"Page {self.page_no()} of {{nb}}; times are in {self._about.zone_name}", align="C")
        self.text_shaping = shaping

    def write_title(self, name: str) -> None:
        """Print of which conversation the records are that follow."""
        self.ln(2)
        self.set_font(size=12)
        self._line(name, 6)
        self.set_font(size=9)

    def write_record(self, told: Told) -> None:
        """Print a record."""
        self.set_text_color(90)
        self._line(f"{told.time}   {told.who}   {told.record}")
        self.set_text_color(0)
        self._line(told.text or "(no text)")
        self.set_text_color(90)
        for note in told.notes:
            self._line(f"– {note}")
        for file in told.files:
            where = file.path or file.fault
            self._line(f"– File {file.name}, {file.size_bytes:,} bytes, SHA-256 {file.sha256}: {where}")
        self.set_text_color(0)
        self.ln(2)

    def _write_head(self) -> None:
        about = self._about
        self._line(f"Query: {about.query}")
        self._line(f"Matter: {about.matter or 'none'}. Records that matched: {about.matched:,}.")
        self._line(
            f"Exported: {write_time_for_people(about.started_at_ns, about.zone)}, Steelyard {about.version}"
        )
        self.ln(4)

    def _line(self, text: str, height_mm: float = _LINE_MM) -> None:
        if _SHAPED.search(text):
            self.set_text_shaping(True)
            text = _LONG_WORD.sub(lambda found: found[0] + " ", printable(text))
            self.multi_cell(0, height_mm, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
            self.set_text_shaping(False)
            return
        width_em = (self.epw - 2 * self.c_margin) * self.k / self.font_size_pt
        for paragraph in printable(text).split("\n"):
            for line in break_lines(paragraph, self._signs.read(paragraph), width_em):
                self._write(line, height_mm)

    def _write(self, line: Sequence[Sign], height_mm: float) -> None:
        """Print one line, and go to the next."""
        if self.will_page_break(height_mm):
            self.add_page(same=True)
        self._register({sign.font for sign in line})
        x = (self.x + self.c_margin) * self.k
        y = (self.h - self.y - 0.5 * height_mm - 0.3 * self.font_size) * self.k
        shown = write_runs(line, self._numbers, self.font_size_pt)
        color = "" if self.text_color is None else self.text_color.serialize().lower()
        self._out(f"q {color} BT {x:.2f} {y:.2f} Td {shown} ET Q")
        self.set_y(self.y + height_mm)

    def _register(self, fonts: set[str]) -> None:
        """Have the page know fonts, once each."""
        if self.page != self._registered_page:
            self._registered, self._registered_page = set(), self.page
        for name in fonts - self._registered:
            self._resource_catalog.add(PDFResourceType.FONT, self._numbers[name], self.page)
        self._registered |= fonts
