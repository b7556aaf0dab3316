"""Base64 where a protocol has it: pictures are nothing to read, texts are."""

import base64
import binascii
import html
import re

_DATA_URI = re.compile(r"\s*data:[a-z0-9.+/-]{0,100}(?:;[^,]{0,200})?,", re.IGNORECASE)
# No picture and no piece of a file is shorter, and words look like Base64.
_MIN_CHARACTERS = 64
# Words have blanks, and no digit between small letters and capitals.
_BLANK_INSIDE = re.compile(r"\S[^\S\r\n]+\S")
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9+/])", re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,4096}>")
_DRAWN = re.compile(rb"\s*(?:<\?xml|<svg|<!DOCTYPE svg|<!--)", re.IGNORECASE)


def is_picture(text: str) -> bool:
    """Return whether all of a text is Base64 of a picture, or of another file that is no text."""
    if _BLANK_INSIDE.search(text):
        return False
    decoded = _decode(text)
    if decoded is None or not _MIXED.search(text):
        return False
    return _DRAWN.match(decoded) is not None or not _is_text(decoded)


def read_encoded(text: str) -> str:
    """Return the text of which another one is the Base64; empty if it is none."""
    decoded = _decode(text)
    return decoded.decode() if decoded is not None and _is_text(decoded) else ""


def read_drawing(text: str) -> str:
    """Return what is written as text in a drawing (SVG) of which another text is the Base64; else empty."""
    decoded = _decode(text)
    if decoded is None or not _DRAWN.match(decoded):
        return ""
    return " ".join(html.unescape(_TAG.sub(" ", decoded.decode("utf-8", "ignore"))).split())


def _decode(text: str) -> bytes | None:
    encoded = "".join(_DATA_URI.sub("", text).split())
    if len(encoded) < _MIN_CHARACTERS:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_text(decoded: bytes) -> bool:
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)
