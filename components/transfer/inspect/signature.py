"""Our own signatures of files: what a file may be taken for, by its first bytes and its last ones.

They are the second opinion beside libmagic's. libmagic names one kind, the first one that fits; here all are named, for
a file that is of two kinds passes a check of either.
"""

import re
import struct

from components.transfer.inspect.item import Data

PDF = "application/pdf"
ZIP = "application/zip"
OLE = "application/x-ole-storage"
RAR = "application/vnd.rar"
SEVEN_ZIP = "application/x-7z-compressed"
TAR = "application/x-tar"
ISO = "application/x-iso9660-image"
GZIP = "application/gzip"
BZIP2 = "application/x-bzip2"
XZ = "application/x-xz"
HTML = "text/html"
RTF = "application/rtf"
SVG = "image/svg+xml"
ELF = "application/x-executable"
PE = "application/vnd.microsoft.portable-executable"
DOS = "application/x-dosexec"
MACH_O = "application/x-mach-binary"
SHORTCUT = "application/x-ms-shortcut"
CLASS = "application/java-vm"
ACTIVE_MIME = "application/x-mso"
"""Macros of a document that is saved as a page."""
_MACH_O = b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf"

_FRONT: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\x7fELF", ELF),
    *((magic, MACH_O) for magic in _MACH_O),
    (b"PK\3\4", ZIP),
    (b"PK\5\6", ZIP),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (b"Rar!\x1a\x07", RAR),
    (b"\x1f\x8b\x08", GZIP),
    (b"\xfd7zXZ\0", XZ),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x04\x22\x4d\x18", "application/x-lz4"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"{\\rt", RTF),
    (b"MSCF", "application/vnd.ms-cab-compressed"),
    (b"!<arch>\n", "application/x-archive"),
    (b"\xed\xab\xee\xdb", "application/x-rpm"),
    (b"xar!\0\x1c", "application/x-xar"),
    (b"070701", "application/x-cpio"),
    (b"070702", "application/x-cpio"),
    (b"070707", "application/x-cpio"),
    (b"dex\n03", "application/vnd.android.dex"),
    (b"\0asm", "application/wasm"),
    (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", SHORTCUT),
    (b"ITSF\3\0\0\0", "application/vnd.ms-htmlhelp"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "application/onenote"),
    (b"ActiveMime", ACTIVE_MIME),
    (b"OggS", "application/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (b"FWS", "application/x-shockwave-flash"),
    (b"CWS", "application/x-shockwave-flash"),
    (b"ZWS", "application/x-shockwave-flash"),
)
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
_BMP_HEADS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_OLDEST_CLASS = 45
"""Java 1.1; below it `CAFEBABE` counts the processors of a Mach-O file."""

_HOLDS_OTHERS = frozenset({ZIP, RAR, SEVEN_ZIP, TAR, ISO, GZIP, BZIP2, XZ, OLE, "application/x-archive",
                           "application/vnd.ms-cab-compressed", "application/x-cpio", "application/x-xar"})  # fmt: skip
"""What another archive lies in by right."""

SEARCHED_BYTES = 1 << 20
"""How far readers of RAR and 7z look for their signature (UnRAR, 7-Zip: programs that unpack themselves)."""
_PDF_WITHIN_BYTES = 1024
"""Where readers accept the header of a PDF (ISO 32000-1, annex H.3.4.1)."""
_MARKUP_WITHIN_BYTES = 1024
_MARKUP = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|script|iframe|object|meta\s|form\b|svg[\s>])", re.IGNORECASE
)
_EOCD_BYTES = 22
_MOST_COMMENT_BYTES = 0xFFFF


def find_kinds(data: Data) -> list[str]:
    """Return the media types that a file may be taken for, what its first bytes say first; nothing for plain text."""
    kinds = [kind for kind in (_front(data), *_placed(data)) if kind]
    kinds += [kind for kind in _later(data, kinds[0] if kinds else "") if kind not in kinds]
    # Only what a browser shows is worth the trouble; strings of a program may well be markup.
    if _has_markup(data) and (
        not kinds or kinds[0] == PDF or kinds[0].startswith(("image/", "audio/", "video/"))
    ):
        kinds.append(HTML)
    return list(dict.fromkeys(kinds))


def _front(data: Data) -> str:
    head = data[:32]
    for magic, kind in _FRONT:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF"):
        return {b"WEBP": "image/webp", b"WAVE": "audio/x-wav", b"AVI ": "video/x-msvideo"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head.startswith(b"BM") and len(head) >= 18 and head[14] in _BMP_HEADS and head[15:18] == b"\0\0\0":
        return "image/bmp"
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return BZIP2
    if head.startswith(b"\xca\xfe\xba\xbe") and len(head) >= 8:
        return CLASS if head[6] << 8 | head[7] >= _OLDEST_CLASS else MACH_O
    return _program(data) if head.startswith((b"MZ", b"ZM")) else ""


def _program(data: Data) -> str:
    """Return which program a file with DOS's signature is; nothing for a text that begins with these letters."""
    head = data[:64]
    if len(head) < 64:
        return ""
    at = struct.unpack_from("<I", head, 60)[0]
    if data[at : at + 4] == b"PE\0\0" or data[at : at + 2] in (b"NE", b"LE", b"LX"):
        return PE
    return "" if head.isascii() and b"\0" not in head else DOS


def _placed(data: Data) -> list[str]:
    """Return kinds with a signature at a fixed place other than the first one."""
    found = []
    if data[257:262] == b"ustar":
        found.append(TAR)
    if data[0x8001:0x8006] == b"CD001":
        found.append(ISO)
    at = data[:_PDF_WITHIN_BYTES].find(b"%PDF-")
    # A text may speak of it.
    if at == 0 or (at > 0 and data.find(b"endobj", at) > 0):
        found.append(PDF)
    return found


def _later(data: Data, front: str) -> list[str]:
    """Return archives that readers find elsewhere than at the front."""
    found = []
    if front != ZIP and _ends_as_zip(data, exactly=front in _HOLDS_OTHERS):
        found.append(ZIP)
    if front not in _HOLDS_OTHERS:
        head = data[:SEARCHED_BYTES]
        if head.find(b"Rar!\x1a\x07", 1) > 0:
            found.append(RAR)
        if head.find(b"7z\xbc\xaf\x27\x1c\0", 1) > 0:
            found.append(SEVEN_ZIP)
    return found


def _ends_as_zip(data: Data, *, exactly: bool) -> bool:
    """Return whether a reader of ZIP, which begins at the end, finds an archive (APPNOTE 4.3.16)."""
    tail = data[max(0, len(data) - _EOCD_BYTES - _MOST_COMMENT_BYTES) :]
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + _EOCD_BYTES > len(tail):
        return False
    size, comment = struct.unpack_from("<I4xH", tail, at + 12)
    directory = len(data) - len(tail) + at - size
    if exactly and at + _EOCD_BYTES + comment != len(tail):
        return False
    return size > 0 and directory >= 0 and data[directory : directory + 4] == b"PK\1\2"


def _has_markup(data: Data) -> bool:
    return _MARKUP.search(data[:_MARKUP_WITHIN_BYTES]) is not None
