"""What a word is, in folded text: the one definition that rules, the index, queries and highlighting share."""

import re
import unicodedata
from functools import cache

from policy.content.fold import SIGNS, read_ranges
from policy.content.fold_table import HANGUL, UNSPACED

# Between two letters of scripts without blanks, punctuation is a word, so that no term is found across it.
BREAK = "。"

_BLANK_LETTER = r"[\u2e80-\u312f\u31a0-\uabff\uf900-\ufaff\U00020000-\U0003ffff]"

# What Korean writes behind a noun, in one word with it: particles of case and topic, what joins, and the copula.
_PARTICLES = """
은 는 이 가 을 를 의 에 와 과 도 만 로 으로 께 야 아 나 랑 든 며 란 라 요 에서 에게 한테
께서 부터 까지 보다 처럼 만큼 마다 조차 마저 밖에 대로 하고 이랑 이나 이라도 라도 이든 이든지 든지
이며 이란 이라 이라고 라고 이라는 라는 이야 이여 이요 이나마 나마 커녕 은커녕 는커녕 치고 따라 더러
보고 같이 에는 에도 에만 에의 에서는 에서도 에서만 에서의 에서부터 에게는 에게도 에게서 에게로 에게만
한테서 한테는 한테도 으로는 으로도 으로만 으로의 로는 로도 로만 로의 으로서 로서 으로써 로써 으로부터
로부터 까지는 까지도 까지의 까지만 부터는 부터도 부터의 만은 만을 만이 만의 만도 만으로 과는 와는
과의 와의 과도 와도 보다는 보다도 처럼은 께서는 께서도 하고는 하고도 마다의 만큼은 만큼의 만큼도
대로의 이다 입니다 입니까 이에요 예요 이었다 였다 이고 이지만 지만 인 인데 이면 이니까 이라서 라서
이죠 들 들은 들이 들을 들의 들에 들에게 들에게서 들에게는 들과 들과의 들도 들만 들로 들로부터 들한테
들까지 들부터 들이다 들입니다 들인
"""
PARTICLES = tuple(sorted(_PARTICLES.split(), reverse=True))


class _Patterns:
    """What finds edges of words; made when there is other text than ASCII, as they take a while."""

    def __init__(self) -> None:
        unspaced, hangul = read_ranges(UNSPACED), read_ranges(HANGUL)
        # Such a letter with its signs is a word: a term of any length is found inside a longer text.
        self.cluster = re.compile(f"[{unspaced}][{SIGNS}]*")
        self.parting = re.compile(rf"(?<=[{unspaced}{SIGNS}])\s*\x1f\s*(?=[{unspaced}])")
        # Korean words, and others that stand beside them without a blank.
        self.hangul = re.compile(f"[{hangul}]")
        self.hangul_edge = re.compile(rf"(?<=[{hangul}])(?=[^\s{hangul}])|(?<=[^\s{hangul}])(?=[{hangul}])")
        self.particle = re.compile(f"(?:{'|'.join(PARTICLES)})(?![{hangul}])")
        # Blanks that have no meaning, as Chinese and Japanese write none.
        self.meaningless_blank = re.compile(f"(?<={_BLANK_LETTER}) (?={_BLANK_LETTER})")


@cache
def patterns() -> _Patterns:
    """Return what finds edges of words."""
    return _Patterns()


def is_unspaced(text: str) -> bool:
    """Return whether a text begins with a letter of a script without blanks between words."""
    return not text.isascii() and patterns().cluster.match(text) is not None


def is_hangul(text: str) -> bool:
    """Return whether a text begins with a letter of Korean."""
    return not text.isascii() and patterns().hangul.match(text) is not None


def normalize_term(text: str) -> str:
    """Return a text without what terms do not tell apart: the case, and how words are spaced."""
    spaced = " ".join(text.casefold().split())
    return spaced if spaced.isascii() else patterns().meaningless_blank.sub("", spaced)


def split_words(folded: str) -> str:
    """Return the words of a folded text without case, in order, with blanks between them."""
    text = folded.translate(_PARTED)
    if not text.isascii():
        find = patterns()
        if find.cluster.search(text):
            text = find.cluster.sub(r" \g<0> ", find.parting.sub(f" {BREAK} ", text))
        if find.hangul.search(text):
            text = find.hangul_edge.sub(" ", text)
    return " ".join(text.split())


def part_words(folded: str) -> str:
    """Return a folded text with a blank around what is a word by itself, and U+001F for punctuation."""
    text = folded.translate(_PARTED)
    return text if text.isascii() else patterns().cluster.sub(r" \g<0> ", text)


def is_one_word(left: str, right: str) -> bool:
    """Return whether two characters that follow each other are of one word."""
    if left.isascii() and right.isascii():
        return left.isalnum() and right.isalnum()
    if unicodedata.category(right)[0] == "M":
        return True
    if not (_is_in_word(left) and _is_in_word(right)) or is_unspaced(left) or is_unspaced(right):
        return False
    return is_hangul(left) == is_hangul(right)


def is_particle(text: str, start: int) -> bool:
    """Return whether all that follows in a word of Korean is a particle."""
    return is_hangul(text[start - 1]) and patterns().particle.match(text, start) is not None


def _is_in_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


class _Parted(dict[int, str | int]):
    """What each character becomes in `split_words`, worked out when it is first met."""

    def __missing__(self, code: int) -> str | int:
        parted = _part(chr(code))
        if code < 0x34000:
            self[code] = parted
        return parted


def _part(character: str) -> str | int:
    category = unicodedata.category(character)
    if character == BREAK:
        return "\x1f"
    if category in ("So", "Cn"):
        return f" {character} "
    if category[0] in "LNM" or category == "Co":
        return ord(character)
    return " " if character.isspace() and character != "\x1f" else "\x1f"


_PARTED = _Parted()
