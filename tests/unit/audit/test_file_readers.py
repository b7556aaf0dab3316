"""What files say: of every kind, hidden in others, and hostile. A file can end its own reader, and nothing else."""

import asyncio
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from components.audit.reading.content import ContentState, ReadContent
from components.audit.reading.decode import decode_text
from components.audit.reading.limits import OF_FILES
from components.audit.reading.read import read_file
from components.audit.reading.workers import ATTEMPTS, FileReaders
from tests.support.documents import (
    make_docx,
    make_mail,
    make_odt,
    make_pdf,
    make_pptx,
    make_seven_zip,
    make_tar,
    make_xlsx,
    make_zip,
)
from tests.support.file_corpus import all_samples

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
HTML = (
    "<html><head><style>tin</style><script>zinc</script></head><body><p>copper <b>铜价</b></p></body></html>"
)
KINDS: dict[str, bytes] = {
    "a.docx": make_docx("copper"),
    "a.xlsx": make_xlsx("copper"),
    "a.pptx": make_pptx("copper"),
    "a.odt": make_odt("copper"),
    "a.pdf": make_pdf("copper in London, three months"),
    "behind.pdf": b"\n\n" + make_pdf("copper in London, three months"),
    "a.rtf": rb"{\rtf1\ansi copper\par}",
    "a.html": HTML.encode(),
    "gbk.html": HTML.encode("gb18030"),
    "a.csv": b"metal,price\ncopper,9123\n",
    "a.json": b'{"metal": "copper"}',
    "a": b"copper",
    "subject.eml": make_mail("copper", "hello", {}),
    "body.eml": make_mail("offer", "copper", {}),
    "attached.eml": make_mail("offer", "hello", {"a.docx": make_docx("copper")}),
    "mail.eml": make_mail("offer", "hello", {"inner.eml": make_mail("tin", "copper", {})}),
    "a.zip": make_zip({"deep/a.pdf": make_pdf("copper in London, three months")}),
    "name.zip": make_zip({"copper.bin": b"\0\1\2\3"}),
    "zip.zip": make_zip({"a.zip": make_zip({"a.zip": make_zip({"a.xlsx": make_xlsx("copper")})})}),
    "a.tar": make_tar({"a.txt": b"copper"}, "w"),
    "a.tar.gz": make_tar({"a.docx": make_docx("copper")}),
    "a.tar.bz2": make_tar({"a.docx": make_docx("copper")}, "w:bz2"),
    "a.tar.xz": make_tar({"a.docx": make_docx("copper")}, "w:xz"),
    "a.7z": make_seven_zip({"deep/a.docx": make_docx("copper")}),
    "renamed.png": make_docx("copper"),
}


def read(name: str, data: bytes, media_type: str = "") -> ReadContent:
    return read_file(name, media_type, data, ())


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_document_is_read(name: str) -> None:
    found = read(name, KINDS[name])
    assert found.state is ContentState.READ
    assert "copper" in f" {found.words[0]} ".split()
    assert "zinc" not in found.words[0]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("copper Zürich", "latin-1"),
        ("铜价上涨", "gb18030"),
        ("銅價上漲", "big5"),
        ("내부자 거래", "cp949"),
        ("銅の価格", "cp932"),
        ("銅の価格", "euc_jp"),
        ("цена меди", "cp1251"),
        ("цена меди", "koi8_r"),
        ("Zażółć gęślą", "cp1250"),
        ("铜 copper", "utf-16"),
        ("copper price", "utf-16-le"),
        ("copper price", "utf-16-be"),
        ("铜价", "utf-32"),
        ("铜价", "utf-8-sig"),
        ("铜价", "utf-8"),
    ],
)
def test_text_is_read_in_any_encoding(text: str, encoding: str) -> None:
    assert any(text in found for found in decode_text(text.encode(encoding)))


@pytest.mark.parametrize("data", [b"", b"\x7fELF\x02\x01\x01" + bytes(64), bytes(range(256)) * 8])
def test_what_is_no_text_is_not_taken_for_one(data: bytes) -> None:
    assert decode_text(data) == []
    assert read("a.bin", data).state is ContentState.SILENT


def test_text_that_was_cut_within_a_character_is_read() -> None:
    assert decode_text("copper 铜".encode()[:-1]) == ["copper "]


def test_no_more_is_kept_than_a_million_characters() -> None:
    found = read("a.txt", b"copper " * 200_000 + b"zinc")
    assert found.state is ContentState.CUT
    assert len(found.text) <= 1_000_000
    assert "zinc" not in found.text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("damaged.pdf", b"%PDF-1.4 and nothing behind it"),
        ("damaged.docx", make_docx("copper")[:200]),
        ("truncated.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ],
)
def test_a_damaged_document_is_told(name: str, data: bytes) -> None:
    assert read(name, data) == ReadContent(ContentState.FAILED)


def test_a_damaged_member_hides_no_other() -> None:
    members = {"a.pdf": b"%PDF-1.4 damaged", "b.docx": make_docx("copper")}
    found = read("a.zip", make_zip(members))
    assert found.state is ContentState.CUT
    assert "copper" in found.text


def test_without_libarchive_its_archives_are_told_and_all_else_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "libarchive", None)
    found = read("a.zip", make_zip({"a.7z": KINDS["a.7z"], "b.docx": make_docx("tin")}))
    assert found.state is ContentState.CUT
    assert "tin" in found.text
    assert "copper" not in found.text


@pytest.mark.parametrize("name", ["locked.zip", "locked.7z"])
def test_the_names_of_encrypted_members_are_found(name: str) -> None:
    (locked,) = (each for each in all_samples() if each.name == name)
    found = read(name, locked.content)
    assert (found.state, found.text) == (ContentState.CUT, "notes.txt")


def test_an_encrypted_member_is_told() -> None:
    data = bytearray(make_zip({"a.txt": b"copper", "b.txt": b"tin"}))
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + flags] |= 1
    found = read("a.zip", bytes(data))
    assert found.state is ContentState.CUT
    assert "tin" in found.text
    assert "copper" not in found.text


def _bomb(members: int, size_bytes: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(members):
            with archive.open(f"{number}.txt", "w", force_zip64=True) as member:
                for _ in range(size_bytes >> 20):
                    member.write(b"copper  " * (1 << 17))
    return file.getvalue()


def _nested(depth: int) -> bytes:
    inner = make_docx("copper")
    for _ in range(depth):
        inner = make_zip({"a.zip": inner})
    return inner


def _bomb_docx() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(b" " * (1 << 20))
    return file.getvalue()


HOSTILE: dict[str, Callable[[], bytes]] = {
    # Made when it is tried: a bomb takes long to pack.
    "bomb.docx": _bomb_docx,
    "bomb.zip": lambda: _bomb(3, 200 << 20),
    "many.zip": lambda: make_zip({f"{number}.txt": b"copper" for number in range(3000)}),
    "deep.zip": lambda: _nested(20),
    "pages.pdf": lambda: make_pdf("copper", kids="2 0 R"),
    "prev.pdf": lambda: make_pdf("copper", trailer="/Prev 9"),
    "kids.pdf": lambda: make_pdf("copper", kids="3 0 R " * 100_000),
    "huge.bmp": lambda: (
        b"BM" + bytes(12) + b"\x28\0\0\0" + b"\xff\xff\xff\x7f" * 2 + b"\1\0\x18\0" + bytes(24)
    ),
    "laughs.html": lambda: b"<!DOCTYPE html [<!ENTITY a 'copper'>" + b"<div>" * 200_000,
    "junk.doc": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(range(256)) * 64,
    "junk.7z": lambda: b"7z\xbc\xaf\x27\x1c" + bytes(range(256)) * 16,
}


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[pytest.mark.slow] if each.startswith("bomb") else []) for each in HOSTILE],
)
async def test_a_hostile_file_ends_its_own_reader_at_most(name: str) -> None:
    data = HOSTILE[name]()
    found = await FileReaders().read(name, "", len(data), _pieces(data))
    assert found.state in (ContentState.FAILED, ContentState.CUT, ContentState.READ, ContentState.SILENT)
    assert len(found.text) <= 1_000_000
    if name in ("bomb.zip", "many.zip", "deep.zip"):
        assert found.state is ContentState.CUT


def answer(**said: object) -> str:
    """Return what a reader of a file without text answers, but for `said`."""
    empty = {"state": "read", "text": "", "words": ["", ""], "picture": None}
    return json.dumps(empty | {"heard_characters": 0, "has_sound": False} | said)


@pytest.mark.parametrize(
    ("how", "timeout_s"),
    [
        ("crash", 60.0),
        ("status", 60.0),
        ("stall", 0.5),
        ("flood", 60.0),
        ("left behind", 0.5),
        ("no JSON", 60.0),
        ("[]", 60.0),
        ("{}", 60.0),
        (answer(state="waiting"), 60.0),
        (answer(picture="00"), 60.0),
        (answer(words=[""]), 60.0),
        (answer(heard_characters=None), 60.0),
    ],
)
async def test_a_reader_that_goes_wrong_is_tried_once_more(
    how: str, timeout_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    started: list[object] = []
    start = asyncio.create_subprocess_exec

    async def note(*command: Any, **settings: Any) -> asyncio.subprocess.Process:
        started.append(await start(*command, **settings))
        return started[-1]  # type: ignore[return-value]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", note)
    readers = FileReaders(module="tests.support.bad_reader", limits=replace(OF_FILES, wall_clock_s=timeout_s))
    assert await readers.read(how, "", 4, _pieces(b"")) == ReadContent(ContentState.FAILED)
    assert len(started) == ATTEMPTS == 2


async def test_what_reads_pdfs_is_unpacked_where_nobody_else_writes(tmp_path: Path) -> None:
    """On a new machine it is nowhere yet, and within its limits a reader writes no file."""
    data = make_pdf("copper in London, three months")
    for _ in range(2):
        found = await FileReaders(folder=tmp_path).read("a.pdf", "application/pdf", len(data), _pieces(data))
        assert "copper" in found.text


async def test_a_file_that_is_too_large_is_not_opened() -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    found = await FileReaders().read("a.bin", "", 1 << 40, unread())
    assert found.state is ContentState.FAILED


async def test_a_name_is_a_name_and_nothing_else() -> None:
    data = make_docx("copper")
    for name in ("a\0b\ud800.docx", "--help", "a b\n.docx", "$(reboot).docx", "x" * 255):
        found = await FileReaders().read(name, "\0", len(data), _pieces(data))
        assert found.text == "copper"


LIMITED = """
import resource
from components.audit.reading.limits import OF_FILES, limit_this_process
limit_this_process(OF_FILES)
try:
    bytearray(OF_FILES.memory_bytes)
except MemoryError:
    print("memory")
try:
    with open(__import__("sys").argv[1], "wb") as file:
        file.write(b"copper")
except OSError as error:
    print(error.strerror)
print(resource.getrlimit(resource.RLIMIT_CPU))
"""


def test_a_reader_is_limited(tmp_path: Path) -> None:
    command = (sys.executable, "-c", LIMITED, str(tmp_path / "file"))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["memory", "File too large", f"({OF_FILES.cpu_s}, {OF_FILES.cpu_s})"]


def test_a_picture_has_a_hash_and_an_animation_too() -> None:
    picture = Image.radial_gradient("L").rotate(30)
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"):
        file = io.BytesIO()
        picture.save(file, kind)
        found = read(f"a.{kind}", file.getvalue())
        assert found.state is ContentState.SILENT
        assert found.picture is not None
        assert len(found.picture) == 8
