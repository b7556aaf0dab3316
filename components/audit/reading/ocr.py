"""Reads pictures of text with Tesseract, where that is installed (docs/files.md, "Searching files")."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image

# In this order: with another language first, blanks between Latin words are lost.
_LANGUAGES = ("eng", "chi_sim", "chi_tra", "kor", "jpn")
_LIST_TIMEOUT_S = 20.0
# Of letters as small as in a picture of a screen, twice the size reads better; a page of 300 dpi is large enough.
_SMALL_SIDE, _LARGE_SIDE = 1000, 4000
_HANGUL = re.compile("[\uac00-\ud7a3]")


def find_languages() -> tuple[str, ...]:
    """Return the languages that can be read here; none if Tesseract is not installed."""
    program = shutil.which("tesseract")
    return _ask_for_languages(program, os.environ.get("TESSDATA_PREFIX", "")) if program else ()


@lru_cache(maxsize=8)
def _ask_for_languages(program: str, _data: str) -> tuple[str, ...]:
    """Ask once: a process that looks often does not ask each time. A language that is added counts after a restart."""
    command = (program, "--list-langs")
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_LIST_TIMEOUT_S)  # noqa: S603 - no text of others
    except (OSError, subprocess.SubprocessError):
        return ()
    there = done.stdout.decode(errors="replace").split()
    return tuple(language for language in _LANGUAGES if language in there)


def read_letters(grey: Image.Image, languages: Sequence[str]) -> str:
    """Return the text in a picture; raises OSError and subprocess.SubprocessError."""
    scaled = _scale(grey)
    text = _run(scaled, languages)
    if "kor" in languages and languages[0] != "kor" and _HANGUL.search(text):
        # With another language first, blanks stand inside Korean words; with Korean first, they do not.
        text += "\n" + _run(scaled, ("kor", *(each for each in languages if each != "kor")))
    return text


def _run(grey: Image.Image, languages: Sequence[str]) -> str:
    sent = b"P5 %d %d 255\n" % grey.size + grey.tobytes()
    command = ("tesseract", "stdin", "stdout", "-l", "+".join(languages), "--psm", "3")
    done = subprocess.run(command, input=sent, capture_output=True, check=True)  # noqa: S603 - no text of others
    return done.stdout.decode(errors="replace")


def _scale(grey: Image.Image) -> Image.Image:
    longest = max(grey.size)
    if longest < _SMALL_SIDE:
        return grey.resize((grey.width * 2, grey.height * 2), Image.Resampling.LANCZOS)
    if longest > _LARGE_SIDE:
        grey.thumbnail((_LARGE_SIDE, _LARGE_SIDE))
    return grey
