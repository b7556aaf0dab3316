"""Lines of printed pages: words side by side, broken where a reader expects it, each in the order of its directions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

EM = 1000  # in the units of widths (PDF 32000-1, 9.2.4)


class Piece(NamedTuple):
    """Some letters of one font and one direction: `shown` is what stands between the brackets of `[] TJ`.

    `level` is odd where they run from the right (UAX #9); `width` is in thousandths of an em.
    """

    font: str
    width: float
    shown: str
    level: int = 0


class Word(NamedTuple):
    """What no line is broken within; `is_blank` where it is of blanks alone, which may stand out of a line's end."""

    width: float
    pieces: tuple[Piece, ...]
    is_blank: bool


def break_lines(words: Iterable[Word], limit: float) -> Iterator[list[Word]]:
    """Yield lines of words, each not wider than `limit` but for blanks at its end, or of one word."""
    line, width = list[Word](), 0.0
    for word in words:
        if line and width + word.width > limit and not word.is_blank:
            yield line
            line, width = [], 0.0
        line.append(word)
        width += word.width
    yield line


def order_pieces(line: Sequence[Word], base: int) -> list[Piece]:
    """Return a line's pieces from the left to the right (UAX #9, L1 and L2); `base` is the level of its paragraph."""
    pieces = [piece for word in line for piece in word.pieces]
    highest = max((piece.level for piece in pieces), default=0)
    if not highest:
        return pieces
    trailing = len(pieces) - sum(len(word.pieces) for word in _blanks_at_end(line))
    pieces[trailing:] = [piece._replace(level=base) for piece in pieces[trailing:]]
    for level in range(max(highest, base), 0, -1):
        runs = groupby(pieces, key=lambda piece, level=level: piece.level >= level)  # type: ignore[misc]
        pieces = [piece for is_turned, run in runs for piece in (reversed(list(run)) if is_turned else run)]
    return pieces


def _blanks_at_end(line: Sequence[Word]) -> Iterator[Word]:
    for word in reversed(line):
        if not word.is_blank:
            return
        yield word


def write_pieces(pieces: Iterable[Piece], numbers: Mapping[str, int], size_pt: float) -> str:
    """Return the operators that show a line; `numbers` are those of the fonts in the document."""
    runs = groupby(pieces, key=lambda piece: piece.font)
    return " ".join(
        f"/F{numbers[font]} {size_pt:.2f} Tf [{''.join([piece.shown for piece in run])}] TJ"
        for font, run in runs
    )
