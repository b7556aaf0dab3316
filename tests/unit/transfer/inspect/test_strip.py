"""A picture without its metadata: its pixels are the same bytes, and nothing of what was said of it is left."""

import os
import random
from collections.abc import Callable

import pytest

from components.transfer.inspect.limits import InspectLimits
from components.transfer.inspect.look import look_into
from components.transfer.inspect.picture.exif import read_orientation
from components.transfer.inspect.strip import without_metadata
from policy.files.facts import FileMark
from tests.support.file_corpus import all_samples
from tests.support.file_pictures import (
    JPEG_CODED,
    make_exif,
    make_gif,
    make_jpeg,
    make_multiple,
    make_pages,
    make_png,
    make_tiff,
    make_webp,
)

SECRET = b"SECRET PLACE"
ICC = b"ICC_PROFILE\0\1\1colours"
XMP = b"http://ns.adobe.com/xap/1.0/\0<exif:GPSLatitude>" + SECRET


def strip(content: bytes) -> bytes | None:
    fd = os.memfd_create("picture")
    try:
        os.write(fd, content)
        parts = without_metadata(fd)
    finally:
        os.close(fd)
    return None if parts is None else b"".join(parts)


def exif(orientation: int = 0) -> bytes:
    return make_exif(gps=True, orientation=orientation, camera=SECRET[:8]) + SECRET


def jpeg(orientation: int = 0) -> bytes:
    """Return a JPEG that says all that one can say."""
    return make_jpeg(
        3,
        2,
        (0xE1, b"Exif\0\0" + exif(orientation)),
        (0xE1, XMP),
        (0xE2, ICC),
        (0xED, b"Photoshop 3.0\0" + SECRET),
        (0xEE, b"Adobe\0\x64\0\0\0\0\0"),
        (0xEB, b"JP\0\1" + SECRET),
        (0xFE, SECRET),
    )


def png(orientation: int = 0) -> bytes:
    texts = ((b"tEXt", b"Comment\0" + SECRET), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET))
    return make_png(3, 2, (b"gAMA", b"\0\0\xb1\x8f"), (b"eXIf", exif(orientation)), *texts, (b"prVt", SECRET))


def webp(orientation: int = 0) -> bytes:
    return make_webp(3, 2, (b"EXIF", exif(orientation)), (b"XMP ", XMP))


def gif(_orientation: int = 0) -> bytes:
    loops = b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0"
    return make_gif(
        3, 2, loops, b"\x21\xfe\x0c" + SECRET + b"\0", b"\x21\xff\x0bXMP DataXMP\x0c" + SECRET + b"\0"
    )


METADATA = (
    (0x010E, b"a warehouse, " + SECRET), (0x010F, SECRET), (0x011D, b"page " + SECRET), (0x0131, SECRET),
    (0x013B, SECRET), (0x02BC, XMP), (0x83BB, SECRET), (0x8649, b"8BIM" + SECRET), (0x87AF, b"geo " + SECRET),
    (0xC4A5, b"PrintIM" + SECRET),
)  # fmt: skip


def tiff(_orientation: int = 0) -> bytes:
    return make_pages(*METADATA)


def tiff_of_a_mac(_orientation: int = 0) -> bytes:
    return make_pages(*METADATA, order=">", pages=1)


WRITERS: list[Callable[[int], bytes]] = [jpeg, png, webp, gif, tiff, tiff_of_a_mac]


@pytest.mark.parametrize("write", WRITERS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("trailer", [b"", SECRET], ids=["whole", "with more behind it"])
def test_nothing_that_was_said_is_left(write: Callable[[int], bytes], trailer: bytes) -> None:
    content = write(0) + trailer
    assert SECRET in content
    stripped = strip(content)
    assert stripped is not None
    assert SECRET not in stripped
    assert b"GPS" not in stripped
    facts = look_into(stripped, "", "", InspectLimits(time_s=600.0))
    assert (facts.marks, facts.width, facts.height) == (frozenset(), 3, 2)
    # There is nothing more to take away.
    assert strip(stripped) == stripped


def test_what_a_picture_needs_to_be_shown_is_kept() -> None:
    assert strip(jpeg()) == make_jpeg(3, 2, (0xE2, ICC), (0xEE, b"Adobe\0\x64\0\0\0\0\0"))
    assert JPEG_CODED in (strip(jpeg()) or b"")
    assert strip(png()) == make_png(3, 2, (b"gAMA", b"\0\0\xb1\x8f"))
    assert strip(webp()) == make_webp(3, 2)
    assert strip(gif()) == make_gif(3, 2, b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0")
    colours = (0x8773, b"colours")
    stripped = strip(make_pages((0x010F, SECRET), colours)) or b""
    assert strip(make_pages(colours)) == stripped
    # Two pages, each as it was: where it lies is written with four bytes.
    assert [stripped.count(bytes((page, 1, 2))) for page in (0, 1)] == [1, 1]
    assert stripped.count(b"colours") == 2


def test_a_tiff_is_turned_as_it_was() -> None:
    stripped = strip(make_pages((0x010F, SECRET), pages=1)) or b""
    assert read_orientation(stripped) == 6
    assert strip(stripped) == stripped


@pytest.mark.parametrize("write", [jpeg, png, webp], ids=lambda each: each.__name__)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_how_it_is_to_be_turned_is_kept(write: Callable[[int], bytes], orientation: int) -> None:
    stripped = strip(write(orientation)) or b""
    at = stripped.find(b"MM\0*")
    assert (at < 0) == (orientation == 1)
    assert read_orientation(stripped[at:] if at >= 0 else b"") == orientation
    assert SECRET not in stripped
    assert not look_into(stripped, "", "", InspectLimits(time_s=600.0)).marks


def test_only_the_first_of_several_pictures_is_kept() -> None:
    assert strip(make_multiple((), jpeg())) == make_jpeg()


@pytest.mark.parametrize(
    "content",
    [
        make_tiff(),
        make_pages(compression=7),
        make_pages((0xC612, b"\1\4\0\0")),
        make_pages()[:-2],
        b"",
        b"%PDF-1.7",
        b"text",
        jpeg()[:-2],
        png()[:-3],
        webp()[:-9],
        gif()[:-1],
    ],
)
def test_what_cannot_be_done_is_not_done(content: bytes) -> None:
    assert strip(content) is None


@pytest.mark.slow
def test_a_walk_over_too_many_parts_ends() -> None:
    for content in (
        make_jpeg(3, 2, *[(0xFE, b"")] * 100_001),
        make_png(3, 2, *[(b"tEXt", b"")] * 100_001),
        make_webp(3, 2, *[(b"XMP ", b"")] * 100_001),
        make_gif(3, 2, b"\x21\xfe\0" * 100_001),
    ):
        assert strip(content) is None
        assert look_into(content, "", "", InspectLimits(time_s=600.0)).marks == {FileMark.UNSCANNABLE}


def test_damaged_pictures_raise_nothing() -> None:
    dice = random.Random(20261)
    given = 0
    for write in WRITERS:
        for _ in range(300):
            content = bytearray(write(6))
            for _ in range(dice.randrange(1, 6)):
                content[dice.randrange(len(content))] = dice.randrange(256)
            given += strip(bytes(content)) is not None
    assert 0 < given < 1200


def test_pictures_of_the_corpus_lose_their_place() -> None:
    for sample in (each for each in all_samples() if not each.takes_long):
        stripped = strip(sample.content)
        if stripped is not None:
            facts = look_into(stripped, sample.name, sample.claimed_type, InspectLimits(time_s=600.0))
            assert FileMark.LOCATION not in facts.marks
            assert FileMark.TRAILING_BYTES not in facts.marks
            assert (facts.width, facts.height) == sample.size
