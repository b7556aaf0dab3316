"""Files in which something is spelled so that a reader understands it and a simple search does not, and their like."""

import gzip
import io
import tarfile

from tests.support import file_documents as documents
from tests.support.file_sample import (
    ARCHIVE,
    BOMB,
    EXECUTABLE,
    MACROS,
    NOISE,
    TEXT,
    UNSCANNABLE,
    Sample,
    sample,
)

_CALL = "ton,price\n1,=cmd|' /C calc'!A0\n"
# From 5.46 on, libmagic takes only what has some lines of three for a table.
_TON = b"ton,price,port\n" * 9
_FUNCTION = _TON + b"1,2,x\n@SUM(1+1)*cmd|' /C calc'!A0,3,x\n"
_HTML, _SVG, _RTF = "text/html", "image/svg+xml", "application/rtf"


def hidden_samples() -> list[Sample]:
    return [*_pages(), *_tables(), *_names(), *_long_texts()]


def _svg(inside: str, head: str = "") -> bytes:
    return f"<?xml version='1.0'?>{head}<svg xmlns='http://www.w3.org/2000/svg'>{inside}</svg>".encode()


def _pages() -> list[Sample]:
    text = "<text>&b;</text>"
    twice = "<!DOCTYPE svg [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;'>]>"
    plain = "<!DOCTYPE svg [<!ENTITY b 'http://ns.example/'>]>"
    fetched = "<!DOCTYPE svg [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>"
    return [
        sample("broken-up.svg", _svg("<a href='java&#10;script:go()'>x</a>"), _SVG, MACROS),
        sample("named.svg", _svg("<a href='java&Tab;script&colon;go()'>x</a>"), _SVG, MACROS),
        sample("numbers.svg", _svg("<a href='&#106;&#x61;vascript:go()'>x</a>"), _SVG, MACROS),
        sample("animated.svg", _svg("<set attributeName='onmouseover' to='go()'/>"), _SVG, MACROS),
        sample("moved.svg", _svg("<set attributeName='opacity' to='1'/>"), _SVG),
        sample("entities.svg", _svg(text, twice), _SVG, BOMB),
        sample("entity.svg", _svg(text, plain), _SVG),
        sample("fetched.svg", _svg(text, fetched), _SVG, MACROS),
        sample("source.html", b"<html><body>&lt;script&gt; &amp; more &#8364;</body></html>", _HTML),
        sample("dde.rtf", b"{\\rtf1{\\field{\\*\\fldinst{\\b DDEAUTO cmd x}}}}", _RTF, MACROS),
        sample("dde-word.rtf", b"{\\rtf1 We bid for DDE}", _RTF),
    ]


def _tables() -> list[Sample]:
    return [
        sample("wide.csv", _CALL.encode("utf-16"), "text/plain", MACROS),
        sample("marked.csv", b"\xef\xbb\xbf" + _CALL.partition("1,")[2].encode(), "text/plain", MACROS),
        sample("function.csv", _FUNCTION, "text/csv", MACROS),
        sample("sum.csv", _TON + b"=SUM(1+1)*2,3,x\n-5,a|b!,x\n", "text/csv"),
    ]


def _names() -> list[Sample]:
    return [
        sample("stored.gz", _gzip("prices.exe"), "application/gzip", ARCHIVE, EXECUTABLE),
        sample("stored2.gz", _gzip("prices.txt"), "application/gzip", ARCHIVE),
        sample(
            "coded.eml",
            documents.make_mail(("=?utf-8?B?cHJpY2VzLmV4ZQ==?=", TEXT)),
            "message/rfc822",
            ARCHIVE,
            EXECUTABLE,
        ),
        sample("miscoded.eml", documents.make_mail(("=?utf-8?B?!?=", TEXT)), "message/rfc822", ARCHIVE),
        sample("link.tar", _linked("run.exe"), "application/x-tar", ARCHIVE, EXECUTABLE),
        sample("link2.tar", _linked("latest"), "application/x-tar", ARCHIVE),
        sample("desk.rdp", b"full address:s:evil.example\n", "text/plain", EXECUTABLE),
    ]


def _gzip(name: str) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=packed, mtime=0) as file:
        file.write(TEXT)
    return packed.getvalue()


def _linked(name: str) -> bytes:
    """Return a TAR with a text, and a symbolic link to it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        text, link = tarfile.TarInfo("prices.txt"), tarfile.TarInfo(name)
        text.size, link.type, link.linkname = len(TEXT), tarfile.SYMTYPE, "prices.txt"
        archive.addfile(text, io.BytesIO(TEXT))
        archive.addfile(link)
    return packed.getvalue()


def _long_texts() -> list[Sample]:
    """Return what begins as a text, for longer than libmagic reads, and what is one in UTF-16."""
    return [
        sample("disk.dat", lambda: b"vhdxfile" + bytes(1 << 18) + NOISE, "text/plain", UNSCANNABLE),
        sample("padded.txt", b"cargo" + bytes(5000), "text/plain"),
        sample("wide.txt", ("Kupfer 화물 货物" * 20).encode("utf-16"), "text/plain"),
    ]
