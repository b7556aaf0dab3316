"""Base64 where a protocol has it: pictures are nothing to read, texts are."""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Iterator

from policy.content.ranges import late
from policy.files.encoded import decode_base64

# Each of these takes time that grows with a text's length and no faster: whoever waits for the gate waits for it.
_DATA_URI = re.compile(r"(?<!\s)\s*data:[a-z0-9.+/-]{0,100}(?:;[^,]{0,200})?,", re.IGNORECASE)
_BASE64_IN_URI = re.compile(r"data:[^\s,]{0,200};base64,([A-Za-z0-9+/_=%-]+)", re.IGNORECASE)
_ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]{0,32}:")
# No picture and no piece of a file is shorter, and words look like Base64.
_MIN_CHARACTERS = 64
# Words have blanks, and no digit between small letters and capitals.
_BLANK_INSIDE = re.compile(r"\S[^\S\r\n]+\S")
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9+/])", re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,4096}>")
_DRAWN = re.compile(rb"\s*(?:<\?xml|<svg|<!DOCTYPE svg|<!--)", re.IGNORECASE)

# In bytes that are no text, nearly half of the characters are others. A few of them make no text a picture.
_WRITTEN = late(
    "[\t\n\r -~\xa0-\u024f\u0300-\u06ff\u0900-\u0e7f\u1e00-\u206f\u20a0-\u20bf\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3"
    "\ufe00-\ufe0f\ufeff-\uffee\U0001f300-\U0001faff]+"
)
_MOST_OTHERS = 1 / 8
# Fewer bytes are a text of Chinese or Korean by chance, but for those that say in which order they are.
_LEAST_OF_WIDE, _ORDERS = 8, (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_picture(text: str) -> bool:
    """Return whether all of a text is Base64 of a picture, or of another file that is no text."""
    if _BLANK_INSIDE.search(text):
        return False
    decoded = _decode_file(text)
    if decoded is None or not _MIXED.match(text):
        return False
    return _DRAWN.match(decoded) is not None or not _read_text(decoded)


def read_encoded(text: str) -> str:
    """Return the text of which another one is the Base64, as lenient programs decode it; empty if it is none."""
    encoded = _DATA_URI.sub("", text)
    return "" if _ADDRESS.match(encoded) else _read_text(decode_base64(encoded))


def read_data_uris(text: str) -> Iterator[str]:
    """Yield the texts of which a text has the Base64 in `data:` URIs (RFC 2397)."""
    yield from filter(None, (read_encoded(found[1]) for found in _BASE64_IN_URI.finditer(text)))


def read_drawing(text: str) -> str:
    """Return what is written as text in a drawing (SVG) of which another text is the Base64; else empty."""
    decoded = _decode_file(text)
    if decoded is None or not _DRAWN.match(decoded):
        return ""
    return " ".join(html.unescape(_TAG.sub(" ", decoded.decode("utf-8", "ignore"))).split())


def _decode_file(text: str) -> bytes | None:
    encoded = "".join(_DATA_URI.sub("", text).split())
    if len(encoded) < _MIN_CHARACTERS:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _read_text(decoded: bytes) -> str:
    """Return bytes as a text, without what is none in it; empty if they are none in UTF-8, UTF-16 and UTF-32.

    Where nobody can tell in which order bytes are, both texts are returned, a line for each.
    """
    if read := _read_as(decoded, "utf-8"):
        return read
    if len(decoded) < _LEAST_OF_WIDE and b"\0" not in decoded and not decoded.startswith(_ORDERS):
        return ""
    others = (_read_as(decoded, f"utf-{bits}-{order}") for bits in (16, 32) for order in ("le", "be"))
    return "\n".join(filter(None, others))


def _read_as(decoded: bytes, encoding: str) -> str:
    text = decoded.decode(encoding, "replace")
    written = "".join(_WRITTEN().findall(text))
    return written.replace("\ufeff", "") if len(text) - len(written) <= len(text) * _MOST_OTHERS else ""
