"""The demonstration's files are what their names say, and the same each time."""

import io
import re

from PIL import Image

from components.audit.reading.sound import HEAD_BYTES, find_sound
from components.site.demo_media import make_media, make_program

FILES = {file.media_type: file.content for file in make_media()}


def test_the_same_each_time() -> None:
    assert {file.media_type: file.content for file in make_media()} == FILES


def test_the_picture() -> None:
    with Image.open(io.BytesIO(FILES["image/png"])) as picture:
        assert (picture.format, picture.size) == ("PNG", (480, 320))
        colours = {colour for _, colour in picture.getcolors(1 << 16) or ()}
    assert {(0xB8, 0x73, 0x33), (0, 0, 0), (255, 255, 255)} <= colours


def test_the_document() -> None:
    pdf = FILES["application/pdf"]
    (start,) = re.findall(rb"startxref\n(\d+)\n%%EOF\n$", pdf)
    assert pdf[int(start) :].startswith(b"xref\n0 6\n")
    places = re.findall(rb"(\d{10}) 00000 n ", pdf)
    assert [pdf[int(place) :][:7] for place in places] == [b"%d 0 obj" % number for number in range(1, 6)]
    (length, stream) = re.findall(rb"/Length (\d+) >>\nstream\n(.*)\nendstream", pdf, re.DOTALL)[0]
    assert len(stream) == int(length)
    assert b"(Cathodes, Grade A, 25 t) Tj" in stream


def test_the_voice_note() -> None:
    note = FILES["audio/ogg"]
    assert find_sound(note[:HEAD_BYTES]) == "ogg"
    assert len(note) < 10_000


def test_the_program_is_named_as_a_document() -> None:
    program = make_program()
    assert (program.name, program.media_type) == ("price-list.pdf", "application/pdf")
    assert program.content.startswith(b"MZ")
    at = int.from_bytes(program.content[60:64], "little")
    assert program.content[at : at + 4] == b"PE\0\0"
