"""The fold: what a reader does not see, or reads over, does not count. Rules and the auditors' search share it.

A text is looked at in several forms. Its `plain` forms have nothing invisible, no marks that are left out as often as
written, Unicode's compatibility forms and traditional Chinese characters undone, and German umlauts spelt in both
ways. In its `looks`, letters of other scripts are the Latin ones that they look like, too. docs/query.md says what is
confused on purpose.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

from policy.content.fold_chinese import CHINESE
from policy.content.fold_table import IGNORABLE, LOOKALIKES, MARKED, MARKS

# Raise this when a form changes: what was folded by another version does not fit any more.
FOLD_VERSION = f"1/{unicodedata.unidata_version}"


class Forms(NamedTuple):
    """The forms of a text, in its own case, each once: at least one is plain, and `looks` differ from those."""

    plain: tuple[str, ...]
    looks: tuple[str, ...] = ()


def read_ranges(ranges: str) -> str:
    """Return ranges of code points in hexadecimal as the inside of a regular expression's set."""
    return "".join("-".join(chr(int(code, 16)) for code in each.split("-")) for each in ranges.split())


def _screen(characters: str, beyond: str) -> re.Pattern[str]:
    """Return an expression that says quickly of most texts that they have none of some characters.

    `re` is slow at sets with much beyond Unicode's first plane, so that `beyond` has to be few and large ranges.
    """
    first_plane = (found[0] for found in _RANGE.finditer(characters) if found[0] < "\U00010000")
    return re.compile(f"[{''.join(first_plane)}{beyond}]")


_RANGE = re.compile(r".(?:-.)?", re.DOTALL)

# Fillers and the like, of which many clients show a gap: they are looked at as nothing, and as a blank.
_GAP = re.compile("[\u115f\u1160\u180e\u2800\u3164\uffa0]")
# Besides what Unicode calls ignorable: the blank of Braille, controls, Arabic's and other scripts' lengtheners, marks
# of format, what is no character and what stands for no character.
_ALSO_IGNORED = (
    "\u2800\u0640\u07fa\u0883-\u0885\u180a\x7f-\x84\x86-\x9f\ufffc\ufdd0-\ufdef"
    "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\ufff9-\ufffb\ufffe\uffff\U00016fe4\U0001d159"
)
_IGNORED = re.compile(f"[{read_ranges(IGNORABLE)}{_ALSO_IGNORED}]+")

# The marks of sound of kana, which make another one, and the signs of other scripts, stay behind letters that have
# such. Behind all others they are read over.
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff"
_KANA_MARKS = "\u3099\u309a"
SIGNS = read_ranges(MARKS) + _KANA_MARKS
_SIGN = re.compile(f"[{SIGNS}]")
_MISPLACED = re.compile(f"(?<![{read_ranges(MARKED)}])[{read_ranges(MARKS)}]+|(?<![{_KANA}])[{_KANA_MARKS}]+")
# What may have to be composed when all else is done: signs, and the letters of which syllables of Hangul are made.
_LOOSE = SIGNS + "\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb"
_MAY_BE_LOOSE = _screen(_LOOSE, "\U00010000-\U0001efff")

_SPELLINGS = {
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "Ä": "Ae",
    "Ö": "Oe",
    "Ü": "Ue",
    "ø": "oe",
    "Ø": "Oe",
    "å": "aa",
    "Å": "Aa",
}
_SPELT = re.compile(f"[{''.join(_SPELLINGS)}]")

# Letters that are written as two, and those of Arabic that differ by country only.
_SAME = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ð": "d", "Ð": "D",
    "ı": "i", "ȷ": "j", "\u06cc": "\u064a", "\u0649": "\u064a", "\u06a9": "\u0643", "\u0671": "\u0627",
}  # fmt: skip
_QUOTES = dict.fromkeys("‘’‚‛‹›ʼ′‵`´", "'") | dict.fromkeys("“”„‟«»″‶", '"')
_DASHES = dict.fromkeys("−⁃", "-")
_LATIN = re.compile(r"LATIN (?:SMALL|CAPITAL) LETTER ([A-Z]) WITH ")
_LETTERS = "".join(CHINESE.split())
_SAME_TO = _SAME | _QUOTES | _DASHES | dict(zip(_LETTERS[::2], _LETTERS[1::2], strict=True))

# Characters above are in no use: they are worked out each time, so that nobody fills the memory with them.
_KEPT_BELOW = 0x34000


class _Table(dict[int, str | int]):
    """A table for `str.translate`, worked out as characters are first met."""

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


def fold_text(text: str) -> Forms:
    """Return the forms of what was said; a text of ASCII has one, itself."""
    if text.isascii() and "\x7f" not in text:
        return Forms((text,))
    if not _IGNORED.search(text):
        return _fold_one(text)
    if not _GAP.search(text):
        return _fold_one(_IGNORED.sub("", text))
    return _unite((_fold_one(_IGNORED.sub("", text)), _fold_one(_IGNORED.sub("", _GAP.sub(" ", text)))))


def fold_term(term: str) -> Forms:
    """Return the forms of what is sought, without case: what looks like it may be in small letters or capitals.

    Its `looks` are sought in those of a text alone, as words of several scripts look the same.
    """
    plain = tuple(dict.fromkeys(form.casefold() for form in fold_text(term).plain))
    looks = dict.fromkeys(
        written.translate(_LOOKS).casefold()
        for form in plain
        if not form.isascii()
        for written in (form, form.title(), form.upper())
    )
    return Forms(plain, tuple(form for form in looks if form not in plain))


def fold(text: str) -> str:
    """Return the first plain form of a text."""
    return fold_text(text).plain[0]


def reveal(text: str) -> str:
    """Return a text without what is invisible, in Unicode's compatibility form; look-alikes and marks stay."""
    return unicodedata.normalize("NFKC", _IGNORED.sub("", text))


def _fold_one(text: str) -> Forms:
    text = unicodedata.normalize("NFC", text)
    plain = [text.translate(_PLAIN)]
    if _SPELT.search(text):
        plain.append(text.translate(_SPELT_OUT))
    if not _MAY_NEED_MORE.search(plain[0]):
        return Forms(tuple(plain))
    plain = list(dict.fromkeys(map(_settle, plain)))
    looks = dict.fromkeys(form.translate(_LOOKS) for form in plain)
    return Forms(tuple(plain), tuple(form for form in looks if form not in plain))


def _unite(found: Iterable[Forms]) -> Forms:
    each = tuple(found)
    plain = dict.fromkeys(form for forms in each for form in forms.plain)
    looks = dict.fromkeys(form for forms in each for form in forms.looks if form not in plain)
    return Forms(tuple(plain), tuple(looks))


def _settle(text: str) -> str:
    """Return a text without signs that do not belong to the letter before them, and composed."""
    if not _MAY_BE_LOOSE.search(text):
        return text
    return unicodedata.normalize("NFC", _MISPLACED.sub("", text))


def _fold_character(character: str) -> str:
    folded = _fold_once(character)
    while (again := "".join(map(_fold_once, folded))) != folded:
        folded = again
    return folded


def _fold_once(character: str) -> str:
    if (same := _SAME_TO.get(character)) is not None:
        return same
    category = unicodedata.category(character)
    if category == "Cf" or ord(character) & 0xFFFE == 0xFFFE or _IGNORED.match(character):
        return ""
    if category[0] == "M":
        return character if _SIGN.match(character) else ""
    if category[0] == "N" and (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    if category in ("Pd", "Zs"):
        return "-" if category == "Pd" else " "
    compatible = unicodedata.normalize("NFKC", character)
    if compatible != character:
        # A vowel of Arabic by itself stands on a blank, which parts no words.
        return compatible.lstrip(" ") if _is_arabic(character) else compatible
    if latin := _LATIN.match(unicodedata.name(character, "")):
        return latin[1] if character.isupper() else latin[1].lower()
    return _without_marks(character)


def _is_arabic(character: str) -> bool:
    return unicodedata.name(character, "").startswith("ARABIC ")


def _without_marks(character: str) -> str:
    parts = unicodedata.normalize("NFD", character)
    kept = "".join(part for part in parts if unicodedata.category(part)[0] != "M" or _SIGN.match(part))
    return unicodedata.normalize("NFC", kept) if kept != parts else character


_ALIKE = {
    chr(int(code, 16)): line.split()[0]
    for line in LOOKALIKES.strip().replace("\n  ", " ").split("\n")
    for code in line.split()[1:]
}
# All that is beyond the first plane, but for emoji.
_MAY_NEED_MORE = _screen(_LOOSE + "".join(_ALIKE), "\U00010000-\U0001f1af")
_PLAIN = _Table(_fold_character)
_SPELT_OUT = _Table(lambda character: _SPELLINGS.get(character) or _fold_character(character))
_LOOKS = _Table(lambda character: _ALIKE.get(character, character))
