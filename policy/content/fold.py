"""The fold: differences that a reader does not see do not count. Rules and the auditors' search share it.

A text has several forms. Its `plain` forms have no invisible characters and no optional marks, compatibility forms and
traditional Chinese characters are replaced, and German umlauts are spelt in both ways. In its `looks`, letters of
other scripts are also replaced by the Latin letters that they look like. docs/query.md says what counts as the same on
purpose.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import NamedTuple

from policy.content.fold_character import (
    ALIKE,
    GAP,
    IGNORED,
    INVISIBLE,
    KANA,
    KANA_MARKS,
    LOOKS,
    PLAIN,
    SIGNS,
    SPELT_OUT,
)
from policy.content.fold_same import BARS, SPELLINGS, reorder
from policy.content.fold_table import MARKED, MARKS
from policy.content.fold_undone import undo_disguises
from policy.content.fold_ways import other_ways
from policy.content.kana import sound, sound_of_term
from policy.content.korean import drop_particles, is_phrase
from policy.content.ranges import late, read_ranges, screen

# Raise this when a form changes, because text that another version folded no longer matches.
FOLD_VERSION = f"4/{unicodedata.unidata_version}"

MAX_JOINED = 24
"""Nobody leaves out the blanks of a phrase of more words. There are as many ways to leave out one as it has blanks."""


class Forms(NamedTuple):
    """The forms of a text, in its own case, each once: at least one is plain, and `looks` differ from those."""

    plain: tuple[str, ...]
    looks: tuple[str, ...] = ()


class Sought(NamedTuple):
    """The forms of a term, without case: rules look for `plain` and `undisguised` in all forms of a text.

    `undisguised` is the Latin word that a word of several scripts looks like. Rules look for `looks` only in a text's
    `looks`, because words of several scripts look the same.
    """

    plain: tuple[str, ...]
    undisguised: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()


# Signs behind letters that have none.
_MISPLACED = late(f"(?<![{read_ranges(MARKED)}])[{read_ranges(MARKS)}]+|(?<![{KANA}])[{KANA_MARKS}]+")
# What may have to be composed when all else is done: signs, and the letters of which syllables of Hangul are made.
_LOOSE = SIGNS + "\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb"
_MAY_BE_LOOSE = cache(partial(screen, _LOOSE))
# Everything beyond the first plane, except emoji.
_MAY_NEED_MORE = cache(partial(screen, _LOOSE + "".join(ALIKE), "\U00010000-\U0001f1ff"))

# All but what most messages are made of, English and German with their quotes and dashes, Chinese, Japanese and Korean,
# emoji: of these each character is folded by itself, and none looks like a Latin letter.
_UNUSUAL = late(
    "[^\x00-\x7e\xa0-\xac\xae-\xb4\xb6-\xd6\xd8-\xff\u2010-\u2027\u2030-\u203a\u20ac\u3001\u3002\u3008-\u3011\u3041-\u3094"
    "\u30a1-\u30f4\u30fc\u4e00\u4e01\u4e03-\u4e27\u4e29-\u4e46\u4e48-\u5319\u531b-\u5341\u5343\u5345-\u95e8\u95ea-\u9fa5\uac00-\ud7a3\uff01-\uff5e\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001f9ff]"
)

_WIDE = re.compile("[\uff21-\uff3a\uff41-\uff5a]")

_SPELT = re.compile(f"[{''.join(SPELLINGS)}]")
_LATIN_LETTER = re.compile("[a-z]")
_BAR = re.compile(f"[{BARS}]")
# As keyboards without an ß have it.
_BETA = re.compile("(?<=[a-zäöü])[βꞵ]")
# Scripts in which a word may be written in another way, as a whole.
_SOUNDED = re.compile("[\u3041-\u30ff\uac00-\ud7a3]")
# A capital I in a word, as only one for an l is.
_I_FOR_L = re.compile("I(?<=[a-z]I)I*")


def is_plain(text: str) -> bool:
    """Return whether a text is its own only form; most texts are ASCII, which is quick."""
    return text.isascii() and "\x7f" not in text


def may_hide(text: str) -> bool:
    """Return whether a text may have other letters of ASCII than are written there: wide ones, or invisible gaps."""
    return not text.isascii() and (_UNUSUAL().search(text) or _WIDE.search(text)) is not None


def fold_text(text: str) -> Forms:
    """Return the forms of a text; an ASCII text has only one, itself, unless it reads as another."""
    if is_plain(text):
        return Forms((text,), looks_of_ascii(text))
    plain, looks = _forms_of(text)
    if _SOUNDED.search(plain[0]):
        others = (way(plain[0]) for way in (sound, drop_particles))
        plain = tuple(dict.fromkeys((*plain, *filter(None, others))))
    undone = [way for form in (*plain, *looks) for way in undo_disguises(form)]
    if undone:
        looks = tuple(form for form in dict.fromkeys((*looks, *undone)) if form not in plain)
    return Forms(plain, looks)


def looks_of_ascii(text: str) -> tuple[str, ...]:
    """Return how a text of ASCII is read: with l for a capital I in a word, with disguises undone."""
    undone = undo_disguises(text)
    if "I" not in text:
        return undone
    read = _I_FOR_L.sub(lambda found: "l" * len(found[0]), text)
    return (read, *undone) if read != text else undone


def fold_term(term: str) -> Sought:
    """Return the forms of a search term, without case: look-alikes may be in small letters or capitals."""
    plain = tuple(dict.fromkeys(form.casefold() for form in _forms_of(term).plain))
    looks = {
        written.translate(LOOKS).casefold(): form
        for form in plain
        if not form.isascii()
        for written in (form, form.title(), form.upper())
    }
    undisguised = [look for look, form in looks.items() if look.isascii() and _LATIN_LETTER.search(form)]
    others = [look for look in looks if look not in undisguised]
    plain = tuple(dict.fromkeys((*plain, *_other_spellings(plain[0]))))
    return Sought(
        plain, *(tuple(each for each in found if each not in plain) for found in (undisguised, others))
    )


def _other_spellings(term: str) -> Iterable[str]:
    """Return how a term of Japanese sounds, and a phrase of Korean without particles, and without blanks."""
    others = [sound_of_term(term)]
    if is_phrase(term):
        others.append(drop_particles(term))
        if len(words := term.split()) <= MAX_JOINED:
            others.append("".join(words))
    return filter(None, others)


def _forms_of(text: str) -> Forms:
    if is_plain(text):
        return Forms((text,))
    if not _UNUSUAL().search(text):
        return Forms(_fold_plain(text))
    ways = [text, *other_ways(text)]
    if not IGNORED.search(text):
        return _fold_one(text) if len(ways) == 1 else _unite(map(_fold_one, ways))
    # A text that can be read in several ways is looked at in each of them.
    ways.append(GAP.sub(" ", text))
    return _unite(_fold_one(IGNORED.sub("", way)) for way in dict.fromkeys(ways))


def fold(text: str) -> str:
    """Return the first plain form of a text."""
    return fold_text(text).plain[0]


def find_looks(text: str) -> tuple[str, ...]:
    """Return how a text of several scripts looks in Latin letters, with other disguises as they are."""
    return _forms_of(text).looks


def find_looks_of_words(words: Iterable[str]) -> Iterator[str]:
    """Yield how each of several words looks in Latin letters, where that is another: the first of `find_looks`.

    Words that have one form and one look are looked at together, which takes a third of the time.
    """
    several = "\n".join(words)
    if _SPELT.search(several) or _BAR.search(several) or IGNORED.search(several) or any(other_ways(several)):
        for word in several.split("\n"):
            yield from find_looks(word)[:1]
        return
    plain, looks = _fold_one(several)
    for look in looks:
        pairs = zip(plain[0].split("\n"), look.split("\n"), strict=True)
        yield from (seen for word, seen in pairs if seen != word)


def reveal(text: str) -> str:
    """Return a text without invisible characters, in Unicode's compatibility form; look-alikes and marks stay."""
    return unicodedata.normalize("NFKC", INVISIBLE.sub("", text))


def _fold_one(text: str) -> Forms:
    text = _BETA.sub("ß", unicodedata.normalize("NFC", text))
    plain = _fold_plain(text)
    if not _MAY_NEED_MORE().search(plain[0]):
        return Forms(plain)
    plain = tuple(dict.fromkeys(map(_settle, plain)))
    looks = dict.fromkeys(form.translate(LOOKS) for form in plain)
    if _BAR.search(text):
        looks |= dict.fromkeys(_BAR.sub("i", form).translate(LOOKS) for form in plain)
    return Forms(plain, tuple(form for form in looks if form not in plain))


def _fold_plain(text: str) -> tuple[str, ...]:
    if _SPELT.search(text):
        return text.translate(PLAIN), text.translate(SPELT_OUT)
    return (text.translate(PLAIN),)


def _unite(found: Iterable[Forms]) -> Forms:
    each = tuple(found)
    plain = dict.fromkeys(form for forms in each for form in forms.plain)
    looks = dict.fromkeys(form for forms in each for form in forms.looks if form not in plain)
    return Forms(tuple(plain), tuple(looks))


def _settle(text: str) -> str:
    """Return a text without signs that do not belong to the letter before them, and composed."""
    if not _MAY_BE_LOOSE().search(text):
        return text
    return unicodedata.normalize("NFC", reorder(_MISPLACED().sub("", text)))
