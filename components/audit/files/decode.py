"""Text in an encoding that nobody names; pure."""

import codecs
from collections.abc import Iterable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Each letter takes one or two bytes, and nothing says which it is. Those of China, Taiwan and Hong Kong, Korea, Japan;
# of Western, Central and Eastern Europe, and of Russia.
_LEGACY = ("gb18030", "big5hkscs", "cp949", "cp932", "euc_jp", "cp1252", "cp1250", "cp1251", "koi8_r")
_LOOKED_AT_BYTES = 65_536
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x0b\x1b\x08\x1a")
_MOST_CONTROLS = 0.02
_LEAST_NULS = 0.2


def decode_text(data: bytes) -> list[str]:
    """Return what bytes say in each of the encodings that they can be in; nothing for what is no text.

    A search finds a word in any of them: too much rather than too little.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return [data.decode(encoding, errors="replace")]
    head = data[:_LOOKED_AT_BYTES]
    if wide := _find_wide(head):
        text = data.decode(wide, errors="replace")
        return [text] if _is_text(map(ord, text[:_LOOKED_AT_BYTES])) else []
    if not data or not _is_text(head):
        return []
    try:
        return [data.decode()]
    except UnicodeDecodeError as error:
        # The rest of a character that was cut off.
        if error.start >= len(data) - 3:
            return [data[: error.start].decode()]
    found = (_decode(data, encoding) for encoding in _LEGACY)
    return list(dict.fromkeys(text for text in found if text)) or [data.decode("latin-1")]


def _is_text(codes: Iterable[int]) -> bool:
    """Return whether characters or bytes are hardly ever controls."""
    seen = list(codes)
    controls = sum(code < 32 and code not in _TEXT_CONTROLS for code in seen)
    return controls <= _MOST_CONTROLS * len(seen)


def _find_wide(head: bytes) -> str:
    """Return which UTF-16 a text without a mark is in: of most scripts, each second byte of many letters is 0."""
    pairs = len(head) // 2
    if not pairs:
        return ""
    if head[1::2].count(0) > _LEAST_NULS * pairs and not head[0::2].count(0):
        return "utf-16-le"
    if head[0::2].count(0) > _LEAST_NULS * pairs and not head[1::2].count(0):
        return "utf-16-be"
    return ""


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return ""
