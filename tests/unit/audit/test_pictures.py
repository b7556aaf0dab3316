"""Pictures: the text in them, in three languages, and what counts as the same picture."""

import io
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from components.audit.query.compile import MOST_DIFFERENT_BITS
from components.audit.reading.content import ContentState
from components.audit.reading.ocr import find_languages
from components.audit.reading.picture import PictureError, hash_picture, open_picture
from components.audit.reading.read import read_file
from components.audit.reading.workers import FileReaders

pytestmark = pytest.mark.slow

LANGUAGES = ("eng", "chi_sim", "kor")
FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
TEXTS = {
    "copper wolfram zurich": "Copper and wolfram\nSettlement in Zurich on Friday",
    "铜 价 内 幕": "铜价上涨三个百分点\n内幕消息不得外传",
    "가격이": "구리 가격이 올랐습니다\n금요일까지 확인해 주세요",
    "copper 铜 구리": "Copper 9,123.50\n铜价上涨\n구리 가격이 올랐습니다",
}


def draw(text: str, size_pixels: int, kind: str = "PNG") -> bytes:
    picture = Image.new("RGB", (size_pixels * 34, size_pixels * 8), "white")
    font = ImageFont.truetype(FONT, size_pixels, index=1 if "구" in text else 2)
    ImageDraw.Draw(picture).multiline_text((30, 30), text, font=font, fill="black", spacing=size_pixels // 2)
    return encode(picture, kind)


def encode(picture: Image.Image, kind: str = "PNG", **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.programs
def test_these_languages_are_there() -> None:
    assert set(LANGUAGES) <= set(find_languages())


def test_without_the_program_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_languages() == ()
    assert FileReaders.find(Path(tempfile.gettempdir())).languages == ()


@pytest.mark.programs
@pytest.mark.parametrize("words", TEXTS)
@pytest.mark.parametrize(("size_pixels", "kind"), [(18, "PNG"), (40, "JPEG"), (40, "WEBP")])
def test_text_in_a_picture_is_read(words: str, size_pixels: int, kind: str) -> None:
    found = read_file("a", "", draw(TEXTS[words], size_pixels, kind), LANGUAGES)
    assert found.state is ContentState.READ
    assert set(words.split()) <= set(found.words[0].split())


@pytest.mark.programs
async def test_a_scan_is_read_page_by_page() -> None:
    pages = [
        Image.open(io.BytesIO(draw(text, 40))) for text in ("Copper and wolfram", "Settlement in Zurich")
    ]
    file = io.BytesIO()
    pages[0].save(file, "PDF", save_all=True, append_images=pages[1:], resolution=200)
    data = file.getvalue()

    async def whole() -> AsyncIterator[bytes]:
        yield data

    found = await FileReaders(LANGUAGES).read("scan.pdf", "application/pdf", len(data), whole())
    assert found.state is ContentState.READ
    assert {"wolfram", "zurich"} <= set(found.words[0].lower().split())


def paint(seed: int, size: tuple[int, int] = (800, 600)) -> Image.Image:
    """A picture of coloured spots."""
    chance = random.Random(seed)

    def colour() -> tuple[int, ...]:
        return tuple(chance.randrange(256) for _ in range(3))

    picture = Image.new("RGB", size, colour())
    pen = ImageDraw.Draw(picture)
    for _ in range(chance.randrange(5, 25)):
        x, y, half = chance.randrange(size[0]), chance.randrange(size[1]), chance.randrange(10, 150)
        pen.ellipse((x - half, y - half, x + half, y + half), fill=colour())
    return picture.filter(ImageFilter.GaussianBlur(2))


def hash_of(data: bytes) -> int:
    picture = open_picture(data)
    assert picture is not None
    return int.from_bytes(hash_picture(picture), "big")


@pytest.mark.parametrize("seed", range(5))
def test_the_same_picture_in_another_form_counts_as_the_same(seed: int) -> None:
    picture = paint(seed)
    width, height = picture.size
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # what a camera says that was held upright
    tagged = io.BytesIO()
    turned.save(tagged, "JPEG", quality=90, exif=exif)
    forms = (
        encode(picture.resize((width // 5, height // 5))),
        encode(picture, "JPEG", quality=30),
        encode(picture.convert("L")),
        encode(picture.convert("RGBA")),
        encode(picture, "WEBP"),
        encode(picture.crop((width // 50, height // 50, width * 49 // 50, height * 49 // 50))),
        tagged.getvalue(),
    )
    first = hash_of(encode(picture))
    for form in forms:
        assert (hash_of(form) ^ first).bit_count() <= MOST_DIFFERENT_BITS


@pytest.mark.slow
def test_other_pictures_do_not_count_as_the_same() -> None:
    hashes = [hash_of(encode(paint(seed))) for seed in range(20)]
    apart = [(one ^ other).bit_count() for place, one in enumerate(hashes) for other in hashes[:place]]
    assert min(apart) > MOST_DIFFERENT_BITS


@pytest.mark.parametrize("data", [b"", b"text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_what_is_no_picture(data: bytes) -> None:
    assert open_picture(data) is None


@pytest.mark.slow
def test_a_picture_of_too_many_pixels_is_not_decoded() -> None:
    huge = encode(Image.new("1", (20_000, 20_000)))
    with pytest.raises(PictureError):
        open_picture(huge)
