"""What Korean writes behind a noun, in one word with it: particles."""

import re
import unicodedata
from functools import cache

# The plural, particles of case, and after these of topic; what joins nouns, and the copula.
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

_HANGUL = "\uac00-\ud7a3"
_SOME = re.compile("[\uac00-\ud7a3]")

# Jamo that stand alone. Behind a vowel, and before none, a consonant ends a syllable.
_JAMO = re.compile("[\u1100-\u11ff\u3131-\u318e\uffa1-\uffdc]{3,}")
_LAST = re.compile("(?<=[\u1161-\u1175])[\u1100-\u1112](?![\u1161-\u1175])")
_AS_LAST = dict(
    zip(
        "\u1100\u1101\u1102\u1103\u1105\u1106\u1107\u1109\u110a\u110b\u110c\u110e\u110f\u1110\u1111\u1112",
        "\u11a8\u11a9\u11ab\u11ae\u11af\u11b7\u11b8\u11ba\u11bb\u11bc\u11bd\u11be\u11bf\u11c0\u11c1\u11c2",
        strict=True,
    )
)


def compose_jamo(text: str) -> str:
    """Return a text with syllables for rows of jamo that stand alone."""
    return _JAMO.sub(_compose, text)


def _compose(found: re.Match[str]) -> str:
    first = unicodedata.normalize("NFKC", found[0])
    parts = unicodedata.normalize("NFD", first)
    return unicodedata.normalize("NFC", _LAST.sub(lambda last: _AS_LAST.get(last[0], last[0]), parts))


@cache
def _word() -> re.Pattern[str]:
    """Return the pattern of a word and the longest particle at its end; it takes a while, and is for Korean alone.

    No word is as long as 32; without bounds, a long row would take for ever.
    """
    particles = "|".join(sorted(PARTICLES, key=len, reverse=True))
    return re.compile(rf"(?<![{_HANGUL}])([{_HANGUL}]{{1,32}}?)(?:{particles})(?![{_HANGUL}])")


def drop_particles(text: str) -> str:
    """Return a text without the particles of its Korean words; empty if there are none."""
    if not _SOME.search(text):
        return ""
    dropped = _word().sub(r"\1", text)
    return dropped if dropped != text else ""


def is_phrase(term: str) -> bool:
    """Return whether a term has several words, and Korean among them."""
    return " " in term and _SOME.search(term) is not None
