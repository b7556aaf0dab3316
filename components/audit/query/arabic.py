"""What Arabic writes in one word with a word: the article, prepositions, what joins, pronouns; pure.

All of it is folded (policy/content/fold.py): hamza is gone from its letter, and teh marbuta is heh, alef maksura yeh.
"""

import re
from collections.abc import Iterator

_LETTERS = re.compile("[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f]+")

_JOINING = ("", "و", "ف")
_BARE = ("", "ب", "ك", "ل", "س")
# ل and ال are written لل.
_WITH_ARTICLE = ("ال", "بال", "كال", "لل")
_PRONOUNS = ("ه", "ها", "هما", "هم", "هن", "ك", "كما", "كم", "كن", "ي", "ني", "نا")
_ACCUSATIVE = "ا"

_ARTICLE = re.compile(f"(?:{'|'.join(_JOINING[1:])})?(?:{'|'.join(_WITH_ARTICLE)})(?P<word>...+)")

# How the last letter may be written before an ending: teh marbuta opens, alef maksura is an alef, hamza gets a seat.
_BEFORE_ENDING = {"ه": "هت", "ي": "يا", "ء": "ءيو"}


def is_arabic(word: str) -> bool:
    """Return whether all letters of a word are Arabic."""
    return _LETTERS.fullmatch(word) is not None


def forms_of(word: str) -> tuple[str, ...]:
    """Return a folded word as a text may have it: alone, and with what Arabic writes onto it.

    Of a word with the article they are also those of the word without it.
    """
    stems = [word]
    if found := _ARTICLE.fullmatch(word):
        stems.append(found["word"])
    return tuple(dict.fromkeys((*stems, *(form for stem in stems for form in _forms_of(stem)))))


def _forms_of(stem: str) -> Iterator[str]:
    for joining in _JOINING:
        # What has the article has no pronoun.
        yield from (f"{joining}{article}{stem}" for article in _WITH_ARTICLE)
        for before in _BARE:
            yield from (f"{joining}{before}{ended}" for ended in (stem, *_ended(stem)))


def _ended(stem: str) -> Iterator[str]:
    for last in _BEFORE_ENDING.get(stem[-1], stem[-1]):
        yield from (f"{stem[:-1]}{last}{ending}" for ending in (*_PRONOUNS, _ACCUSATIVE))
