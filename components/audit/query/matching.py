"""What FTS5 has to match for words, words near each other, and near spellings of one."""

from collections.abc import Iterable, Iterator
from itertools import chain, product

from components.audit.query import terms
from components.audit.query.words import endings_of, looks_of

MAX_PAIRS = 2_000
"""So many pairs of spellings can two words near each other have; Korean ones have many, for their particles."""

_NOWHERE = '""'  # FTS5 finds a phrase without words nowhere

_BOTH = "{text look}"
_NONE = frozenset[str]()

_Phrase = tuple[str, ...]
_Sought = terms.Words | terms.Near


def match_words(words: terms.Words, absent: frozenset[str] = _NONE) -> str:
    """Return what finds the phrase in any form of a text, its look-alikes only in the forms by looks.

    Words that are `absent` are in no text.
    """
    everywhere, looks = _write_side((words,), absent)
    found = f"{_BOTH} : {_any_of(everywhere)}"
    return f"{found} OR look : {_any_of(looks)}" if looks else found


def match_near(near: terms.Near, absent: frozenset[str] = _NONE) -> str:
    """Return what finds two phrases near each other, both in the same form of a text; raises ValueError.

    Words that are `absent` are in no text: Korean has very many ways to write one, for its particles.
    """
    sides = [_write_side(side, absent) for side in (near.left, near.right)]
    everywhere = [everywhere for everywhere, _ in sides]
    found = f"{_BOTH} : {_pairs(everywhere, near.within)}"
    if any(looks for _, looks in sides):
        both = [[*everywhere, *looks] for everywhere, looks in sides]
        found += f" OR look : {_pairs(both, near.within)}"
    return found


def match_spellings(words: Iterable[str]) -> str:
    """Return what finds any of some folded words; nothing where there are none."""
    quoted = _any_of(f'"{word}"' for word in words)
    return f"{_BOTH} : {quoted}"


def whole_words(term: _Sought) -> dict[str, tuple[str, ...]]:
    """Return the words that a text may have of a term, in all spellings, each with the endings that it may have."""
    found = dict[str, tuple[str, ...]]()
    for words in _words_of(term):
        for phrase in (words.words, *chain.from_iterable(looks_of(words.words))):
            found |= {word: found.get(word, ("",)) for word in phrase[:-1]}
            if not words.prefix:
                found[phrase[-1]] = endings_of(phrase)
    return found


def count_sought(term: _Sought, absent: frozenset[str] = _NONE) -> int:
    """Count the words of all phrases that FTS5 looks for, but for those with a word that is `absent`."""
    match term:
        case terms.Words():
            return sum(_lengths((term,), absent))
        case terms.Near(left, right):
            some, others = _lengths(left, absent), _lengths(right, absent)
            return sum(some) * len(others) + sum(others) * len(some)


def _lengths(side: tuple[terms.Words, ...], absent: frozenset[str]) -> list[int]:
    return [len(phrase) for words in side for spelt in _spell(words, absent) for phrase in spelt]


def _words_of(term: _Sought) -> tuple[terms.Words, ...]:
    return (term,) if isinstance(term, terms.Words) else (*term.left, *term.right)


def _spell(words: terms.Words, absent: frozenset[str]) -> tuple[list[_Phrase], list[_Phrase]]:
    """Return the phrases to look for: those sought everywhere, and those in forms by looks alone."""
    everywhere, looks = looks_of(words.words)
    return (
        list(_end((words.words, *everywhere), words.prefix, absent)),
        list(_end(looks, words.prefix, absent)),
    )


def _end(phrases: Iterable[_Phrase], prefix: bool, absent: frozenset[str]) -> Iterator[_Phrase]:
    """Yield phrases with each ending that their last words may have, but for those with a word that is absent."""
    for phrase in phrases:
        before, last = phrase[:-1], phrase[-1]
        if not absent.isdisjoint(before):
            continue
        for ending in ("",) if prefix else endings_of(phrase):
            if prefix or f"{last}{ending}" not in absent:
                yield (*before, f"{last}{ending}")


def _write_side(side: tuple[terms.Words, ...], absent: frozenset[str]) -> tuple[list[str], list[str]]:
    """Write the phrases of one side of a NEAR, or of words alone, each once."""
    everywhere, looks = dict[str, None](), dict[str, None]()
    for words in side:
        for found, phrases in zip((everywhere, looks), _spell(words, absent), strict=True):
            # Folded words hold no quote, so a quoted phrase of them is always well-formed FTS5.
            found.update((f'"{" ".join(phrase)}"{" *" * words.prefix}', None) for phrase in phrases)
    return list(everywhere), list(looks)


def _pairs(sides: list[list[str]], within: int) -> str:
    left, right = sides
    if len(left) * len(right) > MAX_PAIRS:
        raise ValueError(
            f"these words have {len(left) * len(right):,} pairs of spellings and particles; at most"
            f" {MAX_PAIRS:,} can be sought near each other: give fewer words, or join them by AND"
        )
    # Between two neighbours is no word, so FTS5, which counts those between, is told one less.
    return _any_of(f"NEAR({one} {other}, {within - 1})" for one, other in product(left, right))


def _any_of(found: Iterable[str]) -> str:
    return (" OR ".join(found) or _NOWHERE).join("()")
