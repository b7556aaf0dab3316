"""Terms in disguise: with something between letters, digits for letters, two letters for one, or words in one.

A text is not changed for it, so that this costs a message nothing: whoever looks for a term looks for these as well.
"""

import re
from collections.abc import Iterator
from itertools import chain

from policy.content.fold import MAX_JOINED
from policy.content.fold_phrase import read_over_marks
from policy.content.fold_undone import join_over_signs
from policy.content.word import is_unspaced

_LETTER = re.compile(r"[^\W\d_]")
# What is written between letters: for rules each as it is; words of a search have no punctuation.
BETWEEN_LETTERS = (*" .-_*/:·•・'", ", ", " - ", " • ")
# What ordinary sentences have between words. All else is read over in the text itself (policy.content.fold_phrase).
_BETWEEN_WORDS = ("'", ", ", "; ", ": ")
# Shorter ones are abbreviations, and figures.
_MIN_LETTERS, _MIN_UNSPACED = 4, 3
# Nobody takes a longer phrase apart letter by letter.
_MAX_LETTERS = 24
_DIGITS = {"o": "0", "i": "1", "l": "1", "e": "3", "a": "4", "s": "5", "t": "7"}
# What is done together: to o and what looks like 1, to vowels, to all.
_TOGETHER = tuple(
    str.maketrans({letter: _DIGITS[letter] for letter in letters}) for letters in ("oil", "oiea", "oieast")
)
_FIGURE = re.compile(r"[0-9]{2,}[a-z]{1,3}$")
# A small l for a capital I: no word of English or German begins so.
_I_LIKE_L = re.compile("i[bcdfgkmnpqrstvwxz]")
# Two letters that look like one. Shorter words with an m inside are others with rn (modem, stem).
_MIN_LETTERS_OF_M_WITHIN = 6


def spell_out(term: str, between: str) -> str:
    """Return a term with this between its letters; empty if it is too short, or has more than letters."""
    letters = "".join(term.split())
    if not letters.isalpha() or len(letters) > _MAX_LETTERS:
        return ""
    if len(letters) < (_MIN_LETTERS if letters[0] < "\u2e80" else _MIN_UNSPACED):
        return ""
    return between.join(letters)


def with_digits(term: str) -> tuple[str, ...]:
    """Return a term of ASCII, without case, with digits for letters: all of one or of all, or the first o, i or l."""
    if not term.isascii() or len(_LETTER.findall(term)) < _MIN_LETTERS or len(term) > _MAX_LETTERS:
        return ()
    found = [term.replace(letter, digit) for letter, digit in _DIGITS.items() if letter in term]
    found += [term.replace(letter, _DIGITS[letter], 1) for letter in "oil" if letter in term]
    found += [term.translate(together) for together in _TOGETHER]
    if _I_LIKE_L.match(term):
        found.append("l" + term[1:])
    # Of a figure nobody can tell what it means, and it may have a unit.
    return tuple(
        each
        for each in dict.fromkeys(found)
        if each != term and len(_LETTER.findall(each)) >= 2 and not _FIGURE.match(each)
    )


def with_pairs(term: str) -> tuple[str, ...]:
    """Return a term of ASCII, without case, with two letters that look like one: rn for m, vv for w; each or both."""
    letters = len(_LETTER.findall(term))
    if not term.isascii() or not _MIN_LETTERS <= letters <= _MAX_LETTERS:
        return ()
    begins = re.sub(r"\bm", "rn", term)
    all_m = term.replace("m", "rn") if letters >= _MIN_LETTERS_OF_M_WITHIN else begins
    found = (begins, all_m, term.replace("w", "vv"), all_m.replace("w", "vv"))
    return tuple(each for each in dict.fromkeys(found) if each != term)


def join_words(term: str, between: str = "") -> tuple[str, ...]:
    """Return a phrase with this in place of the blanks between its words: of each alone, and of all.

    None if it is too short, or too long.
    """
    words = term.split()
    if (
        not 2 <= len(words) <= MAX_JOINED
        or min(map(len, words)) < 2
        or len(_LETTER.findall(term)) < _MIN_LETTERS
    ):
        return ()
    if any(map(is_unspaced, term)):
        return ()
    each = (" ".join(words[:at]) + between + " ".join(words[at:]) for at in range(1, len(words)))
    return tuple(dict.fromkeys((*each, between.join(words))))


def _disguise_phrase(term: str) -> Iterator[str]:
    """Yield how a phrase may be written with marks between its words, or with none of its own."""
    read = read_over_marks(term)
    if read != term and min(map(len, read.split())) < 2:  # an A-share is no share
        read = term
    # As forms of texts have it, whose words are joined over their marks. Alone, such a word is another: u.s. and us.
    joined = join_over_signs(term)
    for written in dict.fromkeys((term, read, joined if " " in joined else term)):
        yield written
        for between in ("", *_BETWEEN_WORDS):
            yield from join_words(written, between)


def disguise(term: str) -> tuple[str, ...]:
    """Return all disguises of a term without case, as a rule looks for them in a text."""
    spelt = (spell_out(term, between) for between in BETWEEN_LETTERS)
    found = chain(spelt, with_digits(term), with_pairs(term), _disguise_phrase(term))
    return tuple(dict.fromkeys(each for each in found if each and each != term))
