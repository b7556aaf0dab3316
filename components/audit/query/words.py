"""What a word is: the one definition that the index, the queries and the highlighting share."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from policy.address import fold_address

# Scripts that put no blanks between words: each character is a word, and a search is a phrase of them,
# so that a term of two characters is found exactly (FTS5's trigram tokenizer finds none).
_UNSPACED_SCRIPTS = (
    "CJK ", "IDEOGRAPHIC ", "HIRAGANA ", "KATAKANA", "HANGUL ", "BOPOMOFO ", "YI ",
    "THAI ", "LAO ", "KHMER ", "MYANMAR ", "TIBETAN ",
)  # fmt: skip

# Marks that people type or leave out: Latin, Greek and Cyrillic accents, Hebrew points, Arabic vowels; and
# variation selectors. Other marks, such as Devanagari's vowels, are letters to those who read them.
_OPTIONAL_MARKS = frozenset(
    code
    for first, last in (
        (0x0300, 0x036F), (0x0591, 0x05C7), (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670),
        (0xFE00, 0xFE0F), (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)  # fmt: skip


def fold_words(text: str) -> str:
    """Return the words of a text, in order, with blanks between them: what a search compares.

    Case, accents, width and other compatibility forms (NFKC) do not count; invisible format characters
    vanish, so that they cannot hide a word; punctuation and controls separate words; emoji are words.
    """
    folded = unicodedata.normalize("NFKC", text) if not text.isascii() else text
    return " ".join(folded.casefold().translate(_FOLDED).split())


# The same people write again and again.
@lru_cache(maxsize=4096)
def fold_party(jid: str) -> str:
    """Reduce a JID, or a part of one, to what is compared in a search: what a server would, and no case at all."""
    return fold_address(jid).casefold()


def find_phrases(text: str, phrases: Iterable[tuple[tuple[str, ...], bool]]) -> list[tuple[int, int]]:
    """Find where folded phrases stand in a text as written: each its words, and whether the last may go on.

    Returns (start, end) in characters of `text`, in order, overlapping ones merged.
    """
    pieces = [unicodedata.normalize("NFKC", each).casefold().translate(_FOLDED) for each in text]
    origin = [number for number, piece in enumerate(pieces) for _ in piece]
    folded = "".join(pieces)
    spans = sorted(
        (origin[found.start()], origin[found.end() - 1] + 1)
        for words, prefix in phrases
        for found in re.finditer(_phrase_pattern(words, prefix), folded)
    )
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _phrase_pattern(words: tuple[str, ...], prefix: bool) -> str:
    return r"(?<!\S)" + r"\s+".join(map(re.escape, words)) + (r"\S*" if prefix else r"(?!\S)")


class _Folded(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_code(code)
        return folded


def _fold_code(code: int) -> str:
    character = chr(code)
    category = unicodedata.category(character)
    if code in _OPTIONAL_MARKS or category == "Cf":
        return ""
    if category in ("So", "Cn") or unicodedata.name(character, "").startswith(_UNSPACED_SCRIPTS):
        return f" {character} " if category[0] != "P" else " "
    if category[0] in "LNM" or category == "Co":
        return "".join(
            part for part in unicodedata.normalize("NFD", character) if ord(part) not in _OPTIONAL_MARKS
        )
    return " "


_FOLDED = _Folded()
