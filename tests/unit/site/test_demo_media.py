"""The demonstration's files are what their names say, and the same each time."""

import io
import re
import struct
import wave
import zlib

from components.site.demo_media import make_media

FILES = {file.media_type: file.content for file in make_media()}


def test_the_same_each_time() -> None:
    assert {file.media_type: file.content for file in make_media()} == FILES


def test_the_picture() -> None:
    png = FILES["image/png"]
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, rest = {}, png[8:]
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        name, data, (check,) = rest[4:8], rest[8 : 8 + size], struct.unpack(">I", rest[8 + size : 12 + size])
        assert zlib.crc32(name + data) == check
        chunks[name], rest = data, rest[12 + size :]
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 3 * width)


def test_the_document() -> None:
    pdf = FILES["application/pdf"]
    (start,) = re.findall(rb"startxref\n(\d+)\n%%EOF\n$", pdf)
    assert pdf[int(start) :].startswith(b"xref\n0 6\n")
    places = re.findall(rb"(\d{10}) 00000 n ", pdf)
    assert [pdf[int(place) :][:7] for place in places] == [b"%d 0 obj" % number for number in range(1, 6)]
    (length, stream) = re.findall(rb"/Length (\d+) >>\nstream\n(.*)\nendstream", pdf, re.DOTALL)[0]
    assert len(stream) == int(length)
    assert b"(Copper cathodes, Grade A, 25 t) Tj" in stream


def test_the_voice_note() -> None:
    with wave.open(io.BytesIO(FILES["audio/wav"])) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (1, 8000)
        assert sound.getnframes() == 4 * 2400
