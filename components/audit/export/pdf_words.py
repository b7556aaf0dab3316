"""The words of printed pages: what stands in them is looked up once, whatever script it is of."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple, TypeVar

from fpdf.fonts import TTFFont

from components.audit.export.pdf_lines import Piece, Word
from components.audit.export.pdf_shape import Shaper, find_directions

K = TypeVar("K")
V = TypeVar("V")

# Scripts whose letters join, stack or run from the right, and what joins signs or turns directions.
_SHAPED = re.compile(
    "[\u0300-\u036f\u0590-\u109f\u135d-\u135f\u1700-\u18af\u1920-\u1cff\u1dc0-\u1dff\u200c-\u200f\u202a-\u202e"
    "\u2066-\u2069\u20d0-\u20ff\u3099\u309a\ua880-\uabff\ufb1d-\ufe0f\ufe20-\ufe2f\ufe70-\ufeff"
    "\U00010800-\U00011fff\U0001e800-\U0001efff]"
)
# A line may be broken behind each of these, but not before what closes, nor behind what opens (UAX #14).
_IDEOGRAPHS = "\u2e80-\ud7ff\uf900-\ufaff\ufe30-\ufe6f\uff00-\uffef\U0001f000-\U0003ffff"
_OPENING = "「『（《〈【〔"
_CLOSING = "，。、！？；：）」』》〉】〕％ー‥…)\\]},.!?:;%"
_CLOSING += "\u0300-\u036f\u200d\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef"
_WORD = re.compile(f" +|[^ {_IDEOGRAPHS}]*[{_OPENING}]*[{_IDEOGRAPHS}][{_CLOSING}]*|[^ {_IDEOGRAPHS}]+")
_JOINERS = "\u200c\u200d"
_MOST_KNOWN = 20_000
_LONGEST_LINE = 200  # a longer text is likely to need several, and is not tried whole
# Shaped letters may be a little wider than the same letters by themselves.
_SHAPED_FILL = 0.9


class Paragraph(NamedTuple):
    """The words of a paragraph; `base` is odd where it runs from the right."""

    words: Iterator[Word]
    base: int = 0


class _Sign(NamedTuple):
    """A character as a document has it: its font, its width in thousandths of an em, its code in hexadecimal."""

    font: str
    width: float
    code: str


class Words:
    """The words of one document at one size; `fonts` are its fonts by name, in the order in which they are asked."""

    def __init__(self, fonts: Mapping[str, TTFFont], size_pt: float) -> None:
        self._fonts = fonts
        self._size_pt = size_pt
        self._shapers = {name: Shaper(font) for name, font in fonts.items()}
        self._first = next(iter(fonts))
        self._signs: dict[str, _Sign] = {}
        # Those of the first font.
        self._widths: dict[str, float] = {}
        self._codes: dict[int, str] = {}
        self._plain: dict[str, Word] = {}
        self._shaped: dict[tuple[str, bool], tuple[Piece, ...]] = {}

    def read(self, text: str, limit: float) -> Paragraph:
        """Return a paragraph of words no wider than `limit`; only letters that have no parts can be wider."""
        if not _SHAPED.search(text):
            return Paragraph(self._read_plain(text, limit))
        levels, base = find_directions(text)
        return Paragraph(self._read_shaped(text, levels, limit), base)

    def _read_plain(self, text: str, limit: float) -> Iterator[Word]:
        if len(text) <= _LONGEST_LINE and (whole := self._make_plain(text)).width <= limit:
            yield whole
            return
        known = self._plain
        for token in _WORD.findall(text):
            word = known.get(token) or _keep(known, token, self._make_plain(token))
            if word.width <= limit or word.is_blank:
                yield word
                continue
            for start, end in self._cut(token, limit):
                yield self._make_plain(token[start:end])

    def _make_plain(self, text: str) -> Word:
        """Return a text as a word; most are of the first font alone, and need only be looked up."""
        is_blank = not text.strip(" ")
        try:
            width = sum(map(self._widths.__getitem__, text))
        except KeyError:
            signs = [self._sign(char) for char in text]
            pieces = tuple(_join(font, list(run)) for font, run in groupby(signs, key=lambda sign: sign.font))
            return Word(sum([piece.width for piece in pieces]), pieces, is_blank)
        return Word(width, (Piece(self._first, width, f"<{text.translate(self._codes)}>"),), is_blank)

    def _sign(self, char: str) -> _Sign:
        found = self._signs.get(char)
        if found is None:
            font, number = self._find_font(char, ""), ord(char)
            code = self._fonts[font].subset.pick(number) or 0
            found = self._signs[char] = _Sign(font, self._fonts[font].cw[number], f"{code:04X}")
            if font == self._first:
                self._widths[char], self._codes[number] = found.width, found.code
        return found

    def _find_font(self, char: str, before: str) -> str:
        """Return the font of a character; of a mark, the one of what it stands on, if that has it."""
        number = ord(char)
        is_mark = unicodedata.category(char)[0] == "M" or char in _JOINERS
        if is_mark and before and (char in _JOINERS or number in self._fonts[before].cmap):
            return before
        return next(
            (name for name, font in self._fonts.items() if number in font.cmap), next(iter(self._fonts))
        )

    def _read_shaped(self, text: str, levels: list[int], limit: float) -> Iterator[Word]:
        for token in _WORD.finditer(text):
            start, end = token.span()
            word = self._make_shaped(text, levels, start, end)
            if word.width <= limit or word.is_blank:
                yield word
                continue
            for first, last in self._cut(token[0], limit * _SHAPED_FILL):
                yield self._make_shaped(text, levels, start + first, start + last)

    def _make_shaped(self, text: str, levels: list[int], start: int, end: int) -> Word:
        pieces: list[Piece] = []
        for level, run in groupby(range(start, end), key=levels.__getitem__):
            places = list(run)
            shaped = self._shape(text[places[0] : places[-1] + 1], from_right=level % 2 == 1)
            pieces += [piece._replace(level=level) for piece in shaped]
        return Word(sum([piece.width for piece in pieces]), tuple(pieces), not text[start:end].strip(" "))

    def _shape(self, text: str, *, from_right: bool) -> tuple[Piece, ...]:
        found = self._shaped.get((text, from_right))
        if found is None:
            pieces = (
                Piece(font, *self._shapers[font].shape(part, self._size_pt, from_right=from_right))
                for font, part in self._split_by_font(text)
            )
            found = _keep(self._shaped, (text, from_right), tuple(pieces))
        return found

    def _split_by_font(self, text: str) -> list[tuple[str, str]]:
        parts: list[tuple[str, str]] = []
        for char in text:
            before = parts[-1][0] if parts else ""
            font = self._find_font(char, before)
            if font == before:
                parts[-1] = font, parts[-1][1] + char
            else:
                parts.append((font, char))
        return parts

    def _cut(self, token: str, limit: float) -> Iterator[tuple[int, int]]:
        """Yield the parts of a word that is wider than a line; no mark is cut off from what it stands on."""
        start, width = 0, 0.0
        for place, char in enumerate(token):
            wide = self._sign(char).width
            if width + wide > limit and place > start and unicodedata.category(char)[0] not in "MC":
                yield start, place
                start, width = place, 0.0
            width += wide
        yield start, len(token)


def _join(font: str, signs: list[_Sign]) -> Piece:
    return Piece(font, sum([sign.width for sign in signs]), f"<{''.join([sign.code for sign in signs])}>")


def _keep(known: dict[K, V], key: K, value: V) -> V:
    """Keep what was found, and return it; it never grows beyond a bound, whatever people write."""
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[key] = value
    return value
