"""Near spellings of one word, as a query has them: `copper~`, `copper~1`."""

import re

from components.audit.query.arabic import is_arabic
from components.audit.query.error import UnclearError
from components.audit.query.terms import Spelling
from components.audit.query.words import fold_words
from policy.content.word import is_unspaced

_SPELLING = re.compile(r"(?P<word>[^~]*)~(?P<apart>[0-9]?)")
_MAX_APART = 3
_SHORT_WORD = 5
"""Of a word up to so many letters, one may differ, of a longer one two."""


def read_spelling(text: str) -> Spelling | None:
    """Read a near spelling; None if it is none. Raises UnclearError."""
    found = _SPELLING.fullmatch(text)
    if found is None:
        return None
    words = fold_words(found["word"]).split()
    if len(words) != 1 or len(words[0]) < 2 or is_unspaced(words[0]):
        raise UnclearError("spelling")
    (word,) = words
    apart = int(found["apart"]) if found["apart"] else _usual_apart(word)
    least = 0 if is_arabic(word) else 1
    if not least <= apart <= _MAX_APART:
        raise UnclearError("spelling.far", least=least, most=_MAX_APART)
    return Spelling(word, min(apart, len(word) - 1))


def _usual_apart(word: str) -> int:
    """Return how many letters may differ unless a query says so: most Arabic words have others one letter away."""
    if is_arabic(word):
        return 0
    return 1 if len(word) <= _SHORT_WORD else 2
