"""Finds the fonts for printed pages among those that Debian's packages install."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont

from components.process.errors import SiteError

_FOLDERS = (Path("/usr/share/fonts/truetype"), Path("/usr/share/fonts/opentype"))
PACKAGES = "fonts-dejavu-core and fonts-noto-cjk"


@dataclass(frozen=True, slots=True)
class Font:
    """A font: its name in a document, its file, and its number there, as in a collection."""

    name: str
    path: Path
    number: int = 0


# The first has Latin, Greek, Cyrillic, Arabic and Hebrew letters, and faces; the second is of the collection's Korean,
# Japanese and Chinese letters, by their forms in simplified Chinese. The rest is there if it is installed.
_NEEDED = (Font("plain", Path("dejavu/DejaVuSans.ttf")), Font("cjk", Path("noto/NotoSansCJK-Regular.ttc"), 2))
_MORE = (
    Font("devanagari", Path("noto/NotoSansDevanagari-Regular.ttf")),
    Font("thai", Path("noto/NotoSansThai-Regular.ttf")),
    Font("symbols", Path("noto/NotoSansSymbols2-Regular.ttf")),
)


@cache
def find_fonts() -> tuple[Font, ...]:
    """Return the fonts that are there, those for most texts first; raises SiteError if a needed one is not."""
    found = []
    for font in (*_NEEDED, *_MORE):
        places = [folder / font.path for folder in _FOLDERS if (folder / font.path).is_file()]
        if places:
            found.append(Font(font.name, places[0], font.number))
        elif font in _NEEDED:
            raise SiteError(f"printed pages need the Debian packages {PACKAGES}: {font.path} is not there")
    return tuple(found)


@cache
def find_covered() -> frozenset[int]:
    """Return the characters that these fonts can print."""
    covered: set[int] = set()
    for font in find_fonts():
        with TTFont(font.path, fontNumber=font.number, lazy=True) as opened:
            covered.update(opened.getBestCmap())
    return frozenset(covered)
