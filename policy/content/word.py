"""What a word is in folded text: rules, the index, queries and highlighting share this definition."""

import re
import unicodedata
from functools import cache

from policy.content.fold import SIGNS
from policy.content.fold_table import HANGUL, UNSPACED
from policy.content.korean import PARTICLES
from policy.content.ranges import read_ranges, screen

# Between two letters of scripts without blanks, punctuation is a word, so that no term is found across it.
BREAK = "。"

_BLANK_LETTER = r"[\u2e80-\u312f\u31a0-\uabff\uf900-\ufaff\U00020000-\U0003ffff]"


class _Patterns:
    """The patterns that find edges of words; made only for other text than ASCII, because that takes a while."""

    def __init__(self) -> None:
        unspaced, hangul = read_ranges(UNSPACED), read_ranges(HANGUL)
        self.unspaced = re.compile(f"[{unspaced}]")
        self.parting = re.compile(rf"\x00(?<=[{unspaced}{SIGNS}] \x00)(?: \x00)*(?= [{unspaced}])")
        self.may_have_signs = screen(SIGNS)
        self.sign_apart = re.compile(f" ([{SIGNS}]+)")
        # Korean words, and others that stand beside them without a blank.
        self.hangul = re.compile(f"[{hangul}]")
        self.hangul_edge = re.compile(rf"(?<=[{hangul}])(?=[^\s{hangul}])|(?<=[^\s{hangul}])(?=[{hangul}])")
        self.particle = re.compile(f"(?:{'|'.join(PARTICLES)})(?![{hangul}])")
        # Blanks that have no meaning, as Chinese and Japanese write none.
        self.meaningless_blank = re.compile(f" (?<={_BLANK_LETTER} )(?={_BLANK_LETTER})")


@cache
def patterns() -> _Patterns:
    """Return the patterns that find edges of words."""
    return _Patterns()


def is_unspaced(text: str) -> bool:
    """Return whether a text begins with a letter of a script without blanks between words."""
    return not text.isascii() and patterns().unspaced.match(text) is not None


def is_hangul(text: str) -> bool:
    """Return whether a text begins with a letter of Korean."""
    return not text.isascii() and patterns().hangul.match(text) is not None


def normalize_term(text: str) -> str:
    """Return a text without the differences that terms ignore: case, and the spacing of words."""
    return close_term(" ".join(text.casefold().split()))


def close_term(spaced: str) -> str:
    """Return a text with single blanks, and without blanks that have no meaning."""
    return spaced if spaced.isascii() else patterns().meaningless_blank.sub("", spaced)


def split_words(folded: str) -> str:
    """Return the words of a folded text without case, in order, with blanks between them."""
    text = part_words(folded)
    if not text.isascii():
        find = patterns()
        if "\x1f" in text and find.unspaced.search(text):
            text = " ".join(text.replace("\x1f", " \x00 ").split())
            text = find.parting.sub(BREAK, text).replace("\x00", " ")
        if find.hangul.search(text):
            text = find.hangul_edge.sub(" ", text)
    return " ".join(text.split())


def part_words(folded: str) -> str:
    """Return a folded text with blanks around characters that are words, and U+001F for punctuation.

    A letter of a script without blanks is such a word, with its signs, so a term of any length is found in a text.
    """
    text = folded.translate(_PARTED)
    if text.isascii() or not patterns().may_have_signs.search(text):
        return text
    return patterns().sign_apart.sub(r"\1 ", text)


def is_one_word(left: str, right: str) -> bool:
    """Return whether two neighbouring characters belong to one word."""
    if left.isascii() and right.isascii():
        return left.isalnum() and right.isalnum()
    if unicodedata.category(right)[0] == "M":
        return True
    if not (_is_in_word(left) and _is_in_word(right)) or is_unspaced(left) or is_unspaced(right):
        return False
    return is_hangul(left) == is_hangul(right)


def is_particle(text: str, start: int) -> bool:
    """Return whether the rest of a Korean word is a particle."""
    return is_hangul(text[start - 1]) and patterns().particle.match(text, start) is not None


def _is_in_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


class _Parted(dict[int, str | int]):
    """The replacement of each character in `split_words`, computed when it is first met."""

    def __missing__(self, code: int) -> str | int:
        parted = _part(chr(code))
        if code < 0x34000:
            self[code] = parted
        return parted


def _part(character: str) -> str | int:
    category = unicodedata.category(character)
    if character == BREAK:
        return "\x1f"
    if category in ("So", "Cn") or is_unspaced(character):
        return f" {character} "
    if category[0] in "LNM" or category == "Co":
        return ord(character)
    return " " if character.isspace() and character != "\x1f" else "\x1f"


_PARTED = _Parted()
