"""Letters that join, stack or run from the right: shaped by HarfBuzz, their directions found by UAX #9."""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import uharfbuzz
from fpdf.bidi import BidiParagraph
from fpdf.fonts import TTFFont

# A character for each class in which more than one in a row is no other than one: a run of them is looked at as one.
_STANDS_FOR = {"L": "a", "R": "א", "AL": "ا", "WS": " ", "EN": "1", "AN": "٠", "NSM": "\u0300"}
_MOST_KNOWN = 4096
# So many glyphs of a font may stand for several characters each; behind them, what is copied has only the first.
_MOST_LIGATURES = 8192


class Directions(NamedTuple):
    """The level of each character of a paragraph, and of the paragraph itself; odd ones run from the right."""

    levels: list[int]
    base: int


def find_directions(text: str) -> Directions:
    """Return the directions of a paragraph, whose first strong letter says its own (UAX #9, P2)."""
    runs = [(each, len(list(run))) for (each, _), run in groupby(enumerate(text), key=_stand_in)]
    levels, base = _resolve("".join(each for each, _ in runs))
    return Directions(
        [level for level, (_, count) in zip(levels, runs, strict=True) for _ in range(count)], base
    )


def _stand_in(placed: tuple[int, str]) -> tuple[str, int]:
    """Return what stands for a character, and its place if it stands for no run."""
    place, char = placed
    found = _STANDS_FOR.get(unicodedata.bidirectional(char))
    return (char, place) if found is None else (found, -1)


@lru_cache(_MOST_KNOWN)
def _resolve(text: str) -> tuple[tuple[int, ...], int]:
    paragraph = BidiParagraph(text)
    base = int(paragraph.base_embedding_level)
    known = {char.character_index: int(char.embedding_level) for char in paragraph.get_characters()}
    levels, level = [], base
    for place in range(len(text)):
        # What only says a direction is no character any more (X9).
        level = known.get(place, level)
        levels.append(level)
    return tuple(levels), base


class Shaped(NamedTuple):
    """Shaped letters: how wide they are in thousandths of an em, and what shows them within `[] TJ`."""

    width: float
    shown: str


class Shaper:
    """Shapes with one font of a document."""

    def __init__(self, font: TTFFont) -> None:
        self._font = font
        self._names: dict[int, tuple[str, int]] = {}
        self._codes: dict[tuple[int, str], int] = {}
        self._ligatures = 0

    def shape(self, text: str, size_pt: float, *, from_right: bool) -> Shaped:
        """Shape letters of one direction."""
        buffer: Any = uharfbuzz.Buffer()
        buffer.cluster_level = 1
        buffer.add_str(text)
        buffer.guess_segment_properties()
        # Its guess is the machine's.
        buffer.language = "und"
        buffer.direction = "rtl" if from_right else "ltr"
        uharfbuzz.shape(self._font.hbfont, buffer, {})
        clusters = _texts_of([info.cluster for info in buffer.glyph_infos], text)
        width, shown = 0.0, list[str]()
        for info, position, said in zip(buffer.glyph_infos, buffer.glyph_positions, clusters, strict=True):
            if info.codepoint:
                width += self._show(shown, info.codepoint, said, position, size_pt)
        return Shaped(width, "".join(shown))

    def _show(self, shown: list[str], glyph_id: int, said: str, position: Any, size_pt: float) -> float:
        """Add what shows a glyph, and return how far it moves on."""
        scale = self._font.scale
        name, own_width = self._name(glyph_id)
        code = self._pick(glyph_id, said, name, own_width)
        advance, x, y = (
            round(scale * each) for each in (position.x_advance, position.x_offset, position.y_offset)
        )
        before = f"{-x}" if x else ""
        after = f"{own_width + x - advance}" if own_width + x != advance else ""
        glyph = f"{before}<{code:04X}>{after}"
        # Marks stand above or below: the text's rise is set, and taken back.
        shown.append(f"] TJ {y * size_pt / 1000:.3f} Ts [{glyph}] TJ 0 Ts [" if y else glyph)
        return float(advance)

    def _name(self, glyph_id: int) -> tuple[str, int]:
        found = self._names.get(glyph_id)
        if found is None:
            name = self._font.ttfont.getGlyphName(glyph_id)
            width = round(self._font.scale * self._font.ttfont["hmtx"].metrics[name][0])
            found = self._names[glyph_id] = (name, width)
        return found

    def _pick(self, glyph_id: int, said: str, name: str, width: int) -> int:
        """Return the code of a glyph; that one which stands for these characters, for who copies or searches."""
        if len(said) > 1 and (glyph_id, said) not in self._codes and self._ligatures >= _MOST_LIGATURES:
            said = said[:1]
        found = self._codes.get((glyph_id, said))
        if found is None:
            found = self._codes[glyph_id, said] = self._new_code(glyph_id, said, name, width)
        return found

    def _new_code(self, glyph_id: int, said: str, name: str, width: int) -> int:
        self._ligatures += len(said) > 1
        subset = self._font.subset
        glyph = subset.get_glyph(
            glyph=glyph_id, unicode=tuple(map(ord, said)), glyph_name=name, glyph_width=width
        )
        return int(subset.pick_glyph(glyph) or 0)


def _texts_of(clusters: list[int], text: str) -> Iterator[str]:
    """Yield for each glyph the characters of its cluster; a cluster's first glyph stands for all of them."""
    starts = sorted(set(clusters))
    ends = dict(zip(starts, [*starts[1:], len(text)], strict=True))
    for cluster in clusters:
        yield text[cluster : ends.pop(cluster, cluster)]
