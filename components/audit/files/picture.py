"""Pictures: opened within limits, and what one looks like as 64 bits, so that it is found when it is sent again."""

import io
import warnings
from math import cos, pi

from PIL import Image, ImageOps, UnidentifiedImageError

# Formats that are decoded by a program of their own (EPS) or hold no picture are left out.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")
_MOST_PIXELS = 120_000_000
_SIDE, _KEPT = 32, 8
# What a DCT of 32 values gives for its 8 lowest frequencies.
_WAVES = [[cos(pi * (2 * place + 1) * wave / (2 * _SIDE)) for place in range(_SIDE)] for wave in range(_KEPT)]


class PictureError(Exception):
    """A picture that cannot be decoded, or is too large."""


def open_picture(data: bytes) -> Image.Image | None:
    """Return a picture in shades of grey, upright; None for what is none. Raises PictureError."""
    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data), formats=_FORMATS)
            return _flatten(picture)
    except UnidentifiedImageError:
        return None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, Warning) as error:
        raise PictureError(type(error).__name__) from None


def _flatten(picture: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        # As a client shows it, on white.
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
    return upright.convert("L")


def hash_picture(grey: Image.Image) -> bytes:
    """Return what a picture looks like, in 8 bytes: of equal and of scaled pictures nearly all bits are the same.

    It is the perceptual hash that is called pHash: the signs of the lowest frequencies of a discrete cosine transform
    of 32 x 32 pixels, against their median (Zauner: Implementation and Benchmarking of Perceptual Image Hash Functions,
    2010, section 3.2.1).
    """
    small = grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS).tobytes()
    rows = [small[start : start + _SIDE] for start in range(0, _SIDE * _SIDE, _SIDE)]
    across = [[sum(map(float.__mul__, wave, map(float, row))) for wave in _WAVES] for row in rows]
    waves = [
        sum(weight * line[number] for weight, line in zip(wave, across, strict=True))
        for wave in _WAVES
        for number in range(_KEPT)
    ]
    # The first one is the brightness of the whole.
    middle = sorted(waves[1:])[len(waves) // 2 - 1]
    bits = sum((value > middle) << place for place, value in enumerate(waves))
    return bits.to_bytes(_KEPT * _KEPT // 8, "big")
