"""What a word is in folded text: rules, the index, queries and highlighting share this definition."""

import unicodedata
from functools import cache, partial

from policy.content.fold_character import SIGNS
from policy.content.fold_table import HANGUL, UNSPACED
from policy.content.korean import PARTICLES
from policy.content.ranges import late, read_ranges, screen

# Between two letters of scripts without blanks, punctuation is a word, so that no term is found across it.
BREAK = "。"

_BLANK_LETTER = r"[\u2e80-\u312f\u31a0-\uabff\uf900-\ufaff\U00020000-\U0003ffff]"


# What finds edges of words in other text than ASCII.
_UNSPACED_SET, _HANGUL_SET = read_ranges(UNSPACED), read_ranges(HANGUL)
_IS_UNSPACED = late(f"[{_UNSPACED_SET}]")
_PARTING = late(rf"\x00(?<=[{_UNSPACED_SET}{SIGNS}] \x00)(?: \x00)*(?= [{_UNSPACED_SET}])")
_MAY_HAVE_SIGNS = cache(partial(screen, SIGNS))
_SIGN_APART = late(f" ([{SIGNS}]+)")
# Korean words, and others that stand beside them without a blank.
_IS_HANGUL = late(f"[{_HANGUL_SET}]")
_HANGUL_EDGE = late(rf"(?<=[{_HANGUL_SET}])(?=[^\s{_HANGUL_SET}])|(?<=[^\s{_HANGUL_SET}])(?=[{_HANGUL_SET}])")
_PARTICLE = late(f"(?:{'|'.join(PARTICLES)})(?![{_HANGUL_SET}])")
# Blanks that have no meaning, as Chinese and Japanese write none.
_MEANINGLESS_BLANK = late(f" (?<={_BLANK_LETTER} )(?={_BLANK_LETTER})")


def is_unspaced(text: str) -> bool:
    """Return whether a text begins with a letter of a script without blanks between words."""
    return not text.isascii() and _IS_UNSPACED().match(text) is not None


def is_hangul(text: str) -> bool:
    """Return whether a text begins with a letter of Korean."""
    return not text.isascii() and _IS_HANGUL().match(text) is not None


def normalize_term(text: str) -> str:
    """Return a text without the differences that terms ignore: case, and the spacing of words."""
    return close_term(" ".join(text.casefold().split()))


def close_term(spaced: str) -> str:
    """Return a text with single blanks, and without blanks that have no meaning."""
    return spaced if spaced.isascii() else _MEANINGLESS_BLANK().sub("", spaced)


def split_words(folded: str) -> str:
    """Return the words of a folded text without case, in order, with blanks between them."""
    text = part_words(folded)
    if not text.isascii():
        if "\x1f" in text and _IS_UNSPACED().search(text):
            text = " ".join(text.replace("\x1f", " \x00 ").split())
            text = _PARTING().sub(BREAK, text).replace("\x00", " ")
        if _IS_HANGUL().search(text):
            text = _HANGUL_EDGE().sub(" ", text)
    return " ".join(text.split())


def part_words(folded: str) -> str:
    """Return a folded text with blanks around characters that are words, and U+001F for punctuation.

    A letter of a script without blanks is such a word, with its signs, so a term of any length is found in a text.
    """
    text = folded.translate(_PARTED)
    if text.isascii() or not _MAY_HAVE_SIGNS().search(text):
        return text
    return _SIGN_APART().sub(r"\1 ", text)


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
    return is_hangul(text[start - 1]) and _PARTICLE().match(text, start) is not None


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
