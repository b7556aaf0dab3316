"""What a word is in folded text: rules, the index, queries and highlighting share this definition."""

import re
import unicodedata
from functools import cache

from policy.content.fold import SIGNS, read_ranges, screen
from policy.content.fold_table import HANGUL, UNSPACED

# Between two letters of scripts without blanks, punctuation is a word, so that no term is found across it.
BREAK = "。"

_BLANK_LETTER = r"[\u2e80-\u312f\u31a0-\uabff\uf900-\ufaff\U00020000-\U0003ffff]"

# What Korean writes behind a noun, in one word with it: the plural, particles of case, and after these of topic; what
# joins nouns, and the copula.
_CASES = """
에 에서 에서부터 에게 에게서 께 께서 한테 한테서 로 으로 로부터 으로부터 로서 으로서 로써 으로써 부터 까지
보다 처럼 만큼 마다 과 와 하고 대로
"""
_ENDINGS = """
은 는 이 가 을 를 의 도 만 만은 만을 만이 만의 만도 만으로 조차 마저 밖에 커녕 은커녕 는커녕 치고 따라 더러
보고 같이 랑 이랑 나 이나 나마 이나마 라도 이라도 든 이든 든지 이든지 며 이며 란 이란 라 이라 라고 이라고 라는 이라는
야 이야 여 이여 아 요 이요 이다 입니다 입니까 이에요 예요 이었다 였다 이고 지만 이지만 인 인데 이면
이니까 라서 이라서 이죠
"""
_TOPICS = ("", "는", "도", "만", "의", "은")
_SINGULAR = {*_ENDINGS.split(), *(case + topic for case in _CASES.split() for topic in _TOPICS)}
PARTICLES = tuple(sorted({*_SINGULAR, "들", *("들" + each for each in _SINGULAR)}, reverse=True))


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
