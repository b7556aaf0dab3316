"""Lines of text on printed pages: broken and written by known widths, which takes a tenth of what fpdf2 needs for it.

It is for scripts whose letters stand one after the other from the left; fpdf2 shapes and orders all others.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from fpdf.fonts import TTFFont

_FIRST_IDEOGRAPH = "\u2e80"
# Marks that no line begins with (UAX #14, classes CL and NS).
_NEVER_FIRST = frozenset("，。、！？；：）」』》〉】〕％ー")
_EM = 1000  # in the units of widths (PDF 32000-1, 9.2.4)


class Sign(NamedTuple):
    """A character as a document has it: its font's name, its width in thousandths of an em, its code in hexadecimal."""

    font: str
    width: float
    code: str


class Signs:
    """The characters of one document; `fonts` are its fonts by name, in the order in which they are asked."""

    def __init__(self, fonts: Mapping[str, TTFFont]) -> None:
        self._fonts = fonts
        self._known: dict[str, Sign] = {}

    def read(self, text: str) -> list[Sign]:
        """Return the characters of a text; what no font has is left out."""
        known, signs = self._known, []
        for char in text:
            sign = known.get(char)
            if sign is None:
                sign = known[char] = self._find(char)
            signs.append(sign)
        return signs

    def _find(self, char: str) -> Sign:
        number = ord(char)
        for name, font in self._fonts.items():
            if number in font.cmap and (code := font.subset.pick(number)) is not None:
                return Sign(name, font.cw[number], f"{code:04X}")
        return Sign(next(iter(self._fonts)), 0, "")


def break_lines(text: str, signs: Sequence[Sign], width_em: float) -> Iterator[Sequence[Sign]]:
    """Yield lines no wider than `width_em`: broken behind a blank or an ideograph if there is one, else anywhere."""
    start, last_break, width, limit = 0, 0, 0.0, width_em * _EM
    for place, (char, sign) in enumerate(zip(text, signs, strict=True)):
        width += sign.width
        while width > limit and place > start and char != " ":
            cut = last_break if last_break > start else place
            yield signs[start:cut]
            start, width = cut, sum(each.width for each in signs[cut : place + 1])
        if (char == " " or char >= _FIRST_IDEOGRAPH) and text[place + 1 : place + 2] not in _NEVER_FIRST:
            last_break = place + 1
    yield signs[start:]


def write_runs(line: Sequence[Sign], numbers: Mapping[str, int], size_pt: float) -> str:
    """Return the operators that show a line; `numbers` are those of the fonts in the document."""
    runs = groupby(line, key=lambda sign: sign.font)
    return " ".join(
        f"/F{numbers[font]} {size_pt:.2f} Tf <{''.join(sign.code for sign in signs)}> Tj"
        for font, signs in runs
    )
