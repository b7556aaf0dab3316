"""The fold of one character: what every reader takes for the same, or for nothing, and what looks like a Latin letter.

Tables for `str.translate`, which fill as they meet characters. What depends on the letters beside it is the text's
(fold.py).
"""

import re
import unicodedata
from collections.abc import Callable

from policy.content.fold_chinese import CHINESE
from policy.content.fold_same import MORE_ALIKE, SAME, SPELLINGS
from policy.content.fold_table import IGNORABLE, LOOKALIKES, MARKS, READ_OVER
from policy.content.ranges import late, read_ranges

# Controls, fillers and the like, of which many clients show a gap, narrow blanks, and ends of lines that many show as
# nothing: they are looked at as nothing, and as a blank.
_FILLERS = "\ufff9-\ufffb\x7f-\x84\x86-\x9f\u115f\u1160\u180e\u2800\u3164\uffa0"
_NARROW = "\u2006\u2008-\u200a\u202f\u205f\x85\u2028\u2029"
GAP = re.compile(f"[{_FILLERS}{_NARROW}]")
# Besides what Unicode calls ignorable: Arabic's and other scripts' lengtheners, what is no character, what stands for
# an object, and what Khitan and music have where nothing is.
_ALSO_IGNORED = "\u0640\u07fa\u0883-\u0885\u180a\ufdd0-\ufdef\ufffe\uffff\ufffc\U00016fe4\U0001d159"
INVISIBLE = re.compile(f"[{read_ranges(IGNORABLE)}{_FILLERS}{_ALSO_IGNORED}]+")
IGNORED = re.compile(f"[{read_ranges(IGNORABLE)}{_FILLERS}{_NARROW}{_ALSO_IGNORED}]+")

# The marks of sound of kana, which make another one, and the signs of other scripts, stay behind letters that have
# such. Behind all others they are read over (fold.py).
KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff"
KANA_MARKS = "\u3099\u309a"
SIGNS = read_ranges(MARKS) + KANA_MARKS
_READ_OVER = late(f"(?![{SIGNS}])[{read_ranges(READ_OVER)}]")

_QUOTES = dict.fromkeys("‘’‚‛‹›ʼ′‵´", "'") | dict.fromkeys("“”„‟«»″‶", '"')
_DASHES = dict.fromkeys("−⁃", "-")
_LATIN = re.compile(r"LATIN (?:SMALL|CAPITAL) LETTER ([A-Z]) WITH ")
_IN_PARENTHESES = re.compile(r"\([a-zA-Z]\)")
_LETTERS = "".join(CHINESE.split())
_SAME_TO = SAME | _QUOTES | _DASHES | dict(zip(_LETTERS[::2], _LETTERS[1::2], strict=True))

# Characters above this are not in use. They are computed each time, so that nobody can fill the memory with them.
_KEPT_BELOW = 0x34000


class _Table(dict[int, str | int]):
    """A table for `str.translate`, which fills as it meets characters."""

    def __init__(self, told: Callable[[str], str]) -> None:
        super().__init__()
        self._told = told

    def __missing__(self, code: int) -> str | int:
        character = chr(code)
        folded = self._told(character)
        kept = code if folded == character else folded
        if code < _KEPT_BELOW:
            self[code] = kept
        return kept


def _fold_character(character: str) -> str:
    folded = _fold_once(character)
    while (again := "".join(map(_fold_once, folded))) != folded:
        folded = again
    return folded


def _fold_once(character: str) -> str:
    if (same := _SAME_TO.get(character)) is not None:
        return same
    category = unicodedata.category(character)
    is_ignored = ord(character) & 0xFFFE == 0xFFFE or IGNORED.match(character)
    if is_ignored or _READ_OVER().match(character):
        return ""
    if category[0] == "N" and (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    if category in ("Pd", "Zs"):
        return "-" if category == "Pd" else " "
    compatible = unicodedata.normalize("NFKC", character)
    if compatible != character:
        return (
            compatible.strip("() ")  # a vowel of Arabic may stand on a blank
            if _is_arabic(character) or _IN_PARENTHESES.fullmatch(compatible)
            else compatible
        )
    if latin := _LATIN.match(unicodedata.name(character, "")):
        return latin[1] if character.isupper() else latin[1].lower()
    return _without_marks(character)


def _is_arabic(character: str) -> bool:
    return unicodedata.name(character, "").startswith("ARABIC ")


def _without_marks(character: str) -> str:
    parts = unicodedata.normalize("NFD", character)
    kept = "".join(part for part in parts if not _READ_OVER().match(part))
    return unicodedata.normalize("NFC", kept) if kept != parts else character


ALIKE = {
    chr(int(code, 16)): line.split()[0]
    for line in LOOKALIKES.strip().replace("\n  ", " ").split("\n")
    for code in line.split()[1:]
} | MORE_ALIKE
PLAIN = _Table(_fold_character)
SPELT_OUT = _Table(lambda character: SPELLINGS.get(character) or _fold_character(character))
LOOKS = _Table(lambda character: ALIKE.get(character, character))
