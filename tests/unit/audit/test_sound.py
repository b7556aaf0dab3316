"""What is sound, by its first bytes, and what is not; what becomes of it where nothing hears it."""

import io

import pytest
from PIL import Image

from components.audit.reading.content import ContentState
from components.audit.reading.read import read_file
from components.audit.reading.sound import HEAD_BYTES, find_sound
from tests.support.documents import make_docx, make_pdf, make_zip
from tests.support.file_pictures import make_opus, make_wav, make_webm

SOUND = {
    "ogg": make_opus(),
    "wav": make_wav(),
    "matroska": make_webm(),
    "flac": b"fLaC\0\0\0\x22",
    "amr": b"#!AMR-WB\n",
    "caf": b"caff\0\1\0\0",
    "aiff": b"FORM\0\0\0\x20AIFCFVER",
    "mov": b"\0\0\0\x20ftypM4A \0\0\0\0",
    "mp3": b"\xff\xfb\x90\x64",
    "aac": b"\xff\xf1\x50\x80",
}


@pytest.mark.parametrize("kind", SOUND)
def test_sound_is_told_by_its_first_bytes(kind: str) -> None:
    assert find_sound(SOUND[kind][:HEAD_BYTES]) == kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"OGG",
        b"ID3 tags are text here",
        "copper".encode("utf-16"),
        b"\xff\xfb\xff\xff",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\0\0\0\x20ftypheic\0\0\0\0",
        b"\0\0\0\x20ftypavif\0\0\0\0",
        make_pdf("copper"),
        make_docx("copper"),
    ],
)
def test_other_files_are_no_sound(data: bytes) -> None:
    assert find_sound(data[:HEAD_BYTES]) == ""


def test_a_picture_stays_a_picture() -> None:
    for kind in ("AVIF", "WEBP", "JPEG"):
        file = io.BytesIO()
        Image.radial_gradient("L").save(file, kind)
        found = read_file("a", "audio/ogg", file.getvalue(), ())
        assert (found.has_sound, found.picture is None) == (False, False)


@pytest.mark.parametrize("kind", SOUND)
def test_where_nothing_hears_it_sound_is_unheard(kind: str) -> None:
    found = read_file("note.txt", "text/plain", SOUND[kind], ())
    assert (found.state, found.text, found.has_sound) == (ContentState.UNHEARD, "", True)


def test_where_nothing_hears_it_other_files_beside_it_are_read() -> None:
    data = make_zip({"note.ogg": make_opus(), "a.docx": make_docx("copper")})
    found = read_file("a.zip", "", data, ())
    assert (found.state, found.text) == (ContentState.CUT, "note.ogg\na.docx\ncopper")
    assert (found.has_sound, found.heard_characters) == (True, 0)
