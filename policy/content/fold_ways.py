"""Ways to read a text before it is folded: as overrides show it, upside down, with what is hidden in marks."""

import re
from collections.abc import Iterator

from policy.content.korean import compose_jamo

# Overrides, embeddings and isolates, and what ends them (Unicode's bidirectional algorithm, UAX 9).
_DIRECTION = re.compile("([\u202a-\u202e\u2066-\u2069\n])")
_OVERRIDE = re.compile("[\u202d\u202e]")
_FROM_END, _ENDS = "\u202e", "\u202c\u2069"
# An override that goes on at once shows both as one.
_GOES_ON = re.compile("\u202c\u202e")
_MOST_DEEP = 125

# Tags show nothing, and a row of variation selectors neither: each stands for a character, or for a byte.
_TAG = re.compile("[\U000e0020-\U000e007e]")
_TAGS = {code: code - 0xE0000 for code in range(0xE0020, 0xE007F)}
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")

# Letters that are turned. A whole line is read from its end then, and letters of ASCII are others.
_TURNED = re.compile("[ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ]")
_UPRIGHT = str.maketrans("ɐɔǝɟƃɓɥᴉıɾʞןꞁɯɹʇʌʍʎbdpqunBDPQUNWM˙", "acefgghiijkllmrtvwyqpdbnuqpdbnumw.")

# What is drawn with Chinese and Taiwanese characters; the first of these nobody writes alone otherwise.
_DRAWN_ALONE = re.compile("[卂匚乇卄丂丨ㄥㄖㄒㄩㄚ闩]")
_LATIN_OF_CHINESE = str.maketrans(
    "卂闩乃匚亡刀乇巨千下卄丨工ﾌㄥ爪冂几口ㄖ卩尺丂七ㄒㄩ凵山乂ㄚ丫乙",
    "aabccdeeffhiijlmnnooprsttuuwxyyz",
)

# Whether a text may have another way: all of the above, and jamo.
_MAY_HAVE = re.compile(
    "[\u202d\u202e\ufe00-\ufe0f\u1100-\u1112\u3131-\u318e\uffa1-\uffdcɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ卂匚乇卄丂丨ㄥㄖㄒㄩㄚ闩"
    "\U000e0020-\U000e01ef]"
)


def other_ways(text: str) -> Iterator[str]:
    """Yield the other ways in which a text may be read; the text itself is not among them."""
    if not _MAY_HAVE.search(text):
        return
    if _OVERRIDE.search(text):
        yield _as_shown(_GOES_ON.sub("", text))
    if _TAG.search(text):
        yield text.translate(_TAGS)
    if _SELECTORS.search(text):
        yield _SELECTORS.sub(_read_selectors, text)
    if _TURNED.search(text):
        yield text[::-1].translate(_UPRIGHT)
    if _DRAWN_ALONE.search(text):
        yield text.translate(_LATIN_OF_CHINESE)
    if (composed := compose_jamo(text)) != text:
        yield composed


def _as_shown(text: str) -> str:
    """Return a text in the order in which a reader sees its Latin letters."""
    around: list[tuple[bool, list[str]]] = []
    turned, pieces = False, [""]
    for piece in _DIRECTION.split(text):
        if _DIRECTION.fullmatch(piece) is None:
            pieces.append(piece[::-1] if turned else piece)
        elif piece == "\n":
            while around:
                turned, pieces = _close(around, turned, pieces)
            pieces.append(piece)
        elif piece not in _ENDS:
            if len(around) < _MOST_DEEP:
                around.append((turned, pieces))
                turned, pieces = piece == _FROM_END, []
        elif around:
            turned, pieces = _close(around, turned, pieces)
    while around:
        turned, pieces = _close(around, turned, pieces)
    return "".join(pieces)


def _close(around: list[tuple[bool, list[str]]], turned: bool, pieces: list[str]) -> tuple[bool, list[str]]:
    outer_turned, outer = around.pop()
    outer.append("".join(reversed(pieces) if turned else pieces))
    return outer_turned, outer


def _read_selectors(found: re.Match[str]) -> str:
    codes = map(ord, found[0])
    read = bytes(code - 0xFE00 if code < 0x10000 else code - 0xE0100 + 16 for code in codes)
    return read.decode("utf-8", "ignore")
