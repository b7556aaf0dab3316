"""libmagic's opinion of a file (magic(4)), through python-magic."""

import functools
import re

import magic

from components.transfer.inspect.item import Data

UNKNOWN = "application/octet-stream"
_READ_BYTES = 1 << 18
_CONTROL = re.compile(rb"[\x00-\x08\x10-\x1a\x1c-\x1f\x7f]")
_UTF_16 = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_GUESSED = frozenset({UNKNOWN, "application/x-dosexec"})
"""Answers that it has for texts in old encodings too: the first bytes of a program for DOS may be any."""
_SAME = {
    "application/x-gzip": "application/gzip",
    "application/x-bzip2": "application/x-bzip2",
    "application/x-rar": "application/vnd.rar",
    "application/cdfv2": "application/x-ole-storage",
    "application/cdfv2-corrupt": "application/x-ole-storage",
    "application/encrypted": "application/x-ole-storage",
    "text/rtf": "application/rtf",
    "application/x-debian-package": "application/vnd.debian.binary-package",
    "image/x-ms-bmp": "image/bmp",
    "image/heif": "image/heic",
    "inode/x-empty": UNKNOWN,
    "text/xml": "application/xml",
}


@functools.cache
def _open() -> magic.Magic:
    return magic.Magic(mime=True)


def guess_type(data: Data) -> str:
    """Return the media type that libmagic finds, in small letters, `application/octet-stream` if it knows none."""
    try:
        found = _open().from_buffer(data[:_READ_BYTES]).lower()
    except magic.MagicException:
        return UNKNOWN
    # It joins several answers in some versions, and tells errors as text.
    found = found.partition("\\")[0].partition(";")[0].strip()
    found = _SAME.get(found, found) if "/" in found and " " not in found else UNKNOWN
    return "text/plain" if found in _GUESSED and is_text(data) else found


def is_text(data: Data) -> bool:
    """Return whether a file begins as a text in any of the encodings that extend ASCII, also of Korean or Chinese.

    Or in UTF-16. Zeros to the end of a short one do not count.
    """
    head = data[:_READ_BYTES]
    for mark, encoding in _UTF_16:
        if head.startswith(mark):
            return not _CONTROL.search(head.decode(encoding, "replace").encode("utf-8", "replace"))
    if len(data) <= _READ_BYTES:
        head = head.rstrip(b"\0")
    return len(head) > 0 and not _CONTROL.search(head)
