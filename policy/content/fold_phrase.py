"""Phrases whose words are set off by marks: `*inside* _information_` is read as `inside information`.

An end of a sentence still parts words, and between scripts without blanks only marks of style are read over.
"""

import re
from functools import cache

from policy.content.fold_table import MARKS, UNSPACED
from policy.content.ranges import read_ranges

# Marks of style, and what stands in the middle of words of Chinese and Japanese.
MIDDLE = "·•・‧_*|~^`"
_ENDS = ".!?؟۔।॥。"
# A point ends no sentence behind a blank, nor with others; an apostrophe within a word is one of its letters.
_NO_ENDS = r"\.{2,}(?!\.)|(?<= )\.(?!\.)|(?<!\w)'(?=\w)|'(?!\w)"


def _between(mark: str) -> str:
    """Return what finds such marks between words, with blanks among them or none."""
    # No character is a mark in two ways: else a long row of them would be parted in each way that there is.
    return rf" ?(?:{mark})(?:{mark}| )*"


# Of figures one side is none: `10, 20` stays as it is.
_MARKS_OF_ASCII = _between(rf"[^A-Za-z0-9 .!?']|{_NO_ENDS}")
_IN_ASCII = re.compile(
    rf"(?<=[A-Za-z]){_MARKS_OF_ASCII}(?=[A-Za-z0-9])|(?<=[0-9]){_MARKS_OF_ASCII}(?=[A-Za-z])"
)


@cache
def _beyond() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return what finds marks between words, letters of unspaced scripts, and marks within these; made where needed.

    Those of marks begin with what is taken out, for which the search is quick, and look back over it then.
    """
    signs, unspaced = read_ranges(MARKS), read_ranges(UNSPACED)
    mark = rf"[^\w '{signs}{_ENDS}]"
    first = rf"(?:(?<= )(?:{mark}|_|{_NO_ENDS})|(?<={mark})|(?<=_)|(?<=\.)\.+(?!\.)|(?<=')(?!\w)|(?<!\w')(?<=')(?=\w))"
    marks = rf"{first}(?:{mark}|_|{_NO_ENDS}| )*"
    behind_letter = rf"(?<=[^\W\d_].|[{signs}].)(?<![{unspaced}].){marks}(?=[^\W_])(?![{unspaced}])"
    behind_digit = rf"(?<=\d.){marks}(?=[^\W\d_])(?![{unspaced}])"
    spaced = re.compile(rf"[\W_](?:{behind_letter}|{behind_digit})", re.DOTALL)
    letter = re.compile(f"[{unspaced}]")
    return spaced, letter, re.compile(rf"[{MIDDLE} ](?<=[{unspaced}{signs}].)[{MIDDLE} ]*(?=[{unspaced}])")


def read_over_marks(text: str) -> str:
    """Return a folded text with one blank for the marks between two words, and for white space."""
    text = " ".join(text.split())
    if text.isascii():
        return _IN_ASCII.sub(" ", text)
    spaced, letter, unspaced = _beyond()
    text = spaced.sub(" ", text)
    return unspaced.sub("", text) if letter.search(text) else text
