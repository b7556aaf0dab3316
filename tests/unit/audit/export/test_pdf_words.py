"""The words of printed pages: every character is shown, in any script, and none is wider than a line."""

import re
from collections.abc import Iterator
from typing import Any, Self
from unicodedata import normalize

import pytest
from fpdf import FPDF
from fpdf.fonts import TTFFont
from hypothesis import given
from hypothesis import strategies as st

from components.audit.export import pdf_words
from components.audit.export.fonts import find_fonts
from components.audit.export.pdf_lines import Word, break_lines, order_pieces
from components.audit.export.pdf_pages import printable
from components.audit.export.pdf_words import Words

pytestmark = pytest.mark.programs

LINE = 54_000.0


class Document:
    """The fonts of a document, and what its codes stand for."""

    def __init__(self) -> None:
        document = FPDF()
        for font in find_fonts():
            document.add_font(font.name, "", font.path, collection_font_number=font.number)
        self.fonts = {name: font for name, font in document.fonts.items() if isinstance(font, TTFFont)}
        self.words = Words(self.fonts, 9)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for font in self.fonts.values():
            font.close()

    def copied(self, words: list[Word]) -> str:
        """What somebody copies who marks these words: each code's characters."""
        said: dict[str, dict[int, Any]] = {
            name: {code: glyph.unicode for glyph, code in font.subset.items() if glyph}
            for name, font in self.fonts.items()
        }
        return "".join(
            "".join(map(chr, said[piece.font][int(code, 16)]))
            for word in words
            for piece in word.pieces
            for codes in re.findall("<([0-9A-F]+)>", piece.shown)
            for code in re.findall("....", codes)
        )


@pytest.fixture(scope="module")
def document() -> Iterator[Document]:
    with Document() as one:
        yield one


def read(document: Document, text: str, limit: float = LINE) -> list[Word]:
    return list(document.words.read(text, limit).words)


LATIN_AND_IDEOGRAPHS = st.text("abc Wäß.,)(「」铜价，구리 😀", max_size=300)


@given(text=LATIN_AND_IDEOGRAPHS, limit=st.sampled_from([LINE, 3000.0]))
def test_all_of_a_text_is_shown_in_order(document: Document, text: str, limit: float) -> None:
    words = read(document, printable(text), limit)
    assert document.copied(words) == printable(text)
    assert all(word.width <= limit or word.is_blank for word in words)


@given(st.text("مرحبا שלום 12 e\u0301\u0323 \u200d铜", max_size=200))
@pytest.mark.slow
def test_letters_that_are_shaped_are_all_shown(document: Document, text: str) -> None:
    text = printable(text)
    words = read(document, text)
    shown = document.copied(words)
    # Within a word that runs from the right the last letter comes first; and what nobody sees may be left out.
    assert sorted(shown.replace("\u200d", "")) == sorted(text.replace("\u200d", ""))
    assert all(word.width <= LINE or word.is_blank for word in words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("铜价上涨", ["铜价上", "涨"]),
        ("buy 铜价上涨", ["buy ", "铜价上", "涨"]),
        ("铜价上，涨", ["铜价", "上，涨"]),
        ("铜铜「价」", ["铜铜", "「价」"]),
        ("铜铜(价)。", ["铜铜", "(价)。"]),
        ("WWWWWW", ["WWW", "WWW"]),
        ("구리를사요", ["구리를", "사요"]),
    ],
)
def test_lines_of_ideographs_are_broken_between_them(
    text: str, expected: list[str], document: Document
) -> None:
    """A line is three ideographs wide; none begins with what closes, or ends with what opens."""
    limit = 3100.0
    words = read(document, text, limit)
    lines = [document.copied(line) for line in break_lines(words, limit)]
    assert lines == expected


@pytest.mark.parametrize("sign", ["x", "م", "铜", "W", "é", "e\u0301\u0323", "مَ"])
def test_a_word_that_never_ends_is_cut_between_letters(sign: str, document: Document) -> None:
    words = read(document, sign * 2000)
    assert len(words) > 10
    assert max(word.width for word in words) <= LINE
    shown = document.copied(words)
    assert sorted(normalize("NFD", shown)) == sorted(normalize("NFD", sign * 2000))


def test_no_mark_is_cut_off_from_its_letter(document: Document) -> None:
    zalgo = "".join(f"{letter}\u0336\u0303\u0323" for letter in "steelyard" * 40)
    words = read(document, zalgo)
    assert len(words) > 1
    assert all(document.copied([word])[0].isalpha() for word in words)


def test_arabic_letters_join_and_run_from_the_right(document: Document) -> None:
    paragraph = document.words.read("مبيع copper", LINE)
    words = list(paragraph.words)
    assert paragraph.base == 1
    ordered = order_pieces(words, paragraph.base)
    assert [piece.level for piece in ordered] == [2, 1, 1]
    (joined,) = words[0].pieces
    alone = [document.words.read(letter, LINE) for letter in "مبيع"]
    # Joined, they are other glyphs than each alone.
    apart = [piece.shown for each in alone for word in each.words for piece in word.pieces]
    assert not any(each in joined.shown for each in apart[1:3])


def test_what_is_kept_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{number} مرحبا{number % 7} " + "copper " * 40 + str(number) for number in range(60)]
    with Document() as one:
        kept = [read(one, text) for text in texts]
    monkeypatch.setattr(pdf_words, "_MOST_KNOWN", 3)
    with Document() as other:
        assert [read(other, text) for text in texts] == kept
    assert len(other.words._plain) <= 3 and len(other.words._shaped) <= 3


@pytest.mark.slow
def test_there_are_codes_for_more_clusters_than_a_font_can_have(document: Document) -> None:
    """Letters with marks in more ways than two bytes can number are shown; who copies them gets less of some."""
    marks = [chr(number) for number in range(0x300, 0x330)]
    several = [f"x{a}{b}{c}" for a in marks[:22] for b in marks[:22] for c in marks[:22]]
    assert len(several) > 10_000
    for start in range(0, len(several), 500):
        for word in read(document, " ".join(several[start : start + 500])):
            assert all(len(code) == 4 for piece in word.pieces for code in re.findall("<(.*?)>", piece.shown))
    assert len(document.fonts["plain"].subset) < 0x10000
