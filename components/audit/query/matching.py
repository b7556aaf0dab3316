"""What FTS5 has to match for words, words near each other, and near spellings of one."""

from collections.abc import Iterable
from itertools import chain, product

from components.audit.query import terms
from components.audit.query.words import endings_of, looks_of

MAX_PAIRS = 2_000
"""So many pairs of spellings can two words near each other have; Korean ones have many, for their particles."""

_NOWHERE = '""'  # FTS5 finds a phrase without words nowhere

_BOTH = "{text look}"


def match_words(words: terms.Words) -> str:
    """Return what finds the phrase in any form of a text, its look-alikes only in the forms by looks."""
    everywhere, looks = looks_of(words.words)
    found = f"{_BOTH} : {_any_of((words.words, *everywhere), words.prefix)}"
    return f"{found} OR look : {_any_of(looks, words.prefix)}" if looks else found


def match_near(near: terms.Near, vocabulary: frozenset[str] | None = None) -> str:
    """Return what finds two phrases near each other, both in the same form of a text; raises ValueError.

    A last word that is not in the `vocabulary` is in no text: Korean has very many, for its particles.
    """
    sides = [_spell_side(side, vocabulary) for side in (near.left, near.right)]
    everywhere = [everywhere for everywhere, _ in sides]
    found = f"{_BOTH} : {_pairs(everywhere, near.within)}"
    if any(looks for _, looks in sides):
        both = [[*everywhere, *looks] for everywhere, looks in sides]
        found += f" OR look : {_pairs(both, near.within)}"
    return found


def match_spellings(words: Iterable[str]) -> str:
    """Return what finds any of some folded words; nothing where there are none."""
    return f"{_BOTH} : " + (" OR ".join(f'"{word}"' for word in words) or _NOWHERE).join("()")


def ends_of(near: terms.Near) -> set[str]:
    """Return the last words, with their particles, that a text may have of Korean words near each other."""
    ends = set()
    for words in (*near.left, *near.right):
        spelt = (words.words, *chain.from_iterable(looks_of(words.words)))
        ends |= {f"{each[-1]}{ending}" for each in spelt if not words.prefix for ending in endings_of(each)}
    return ends


def _spell_side(
    side: tuple[terms.Words, ...], vocabulary: frozenset[str] | None
) -> tuple[list[str], list[str]]:
    """Return the phrases of one side of a NEAR: those sought everywhere, and those in forms by looks alone."""
    everywhere, looks = list[str](), list[str]()
    for words in side:
        undisguised, by_looks = looks_of(words.words)
        everywhere += _phrases((words.words, *undisguised), words.prefix, vocabulary)
        looks += _phrases(by_looks, words.prefix, vocabulary)
    return list(dict.fromkeys(everywhere)), list(dict.fromkeys(looks))


def _pairs(sides: list[list[str]], within: int) -> str:
    left, right = sides
    if len(left) * len(right) > MAX_PAIRS:
        raise ValueError(
            f"these words have {len(left) * len(right):,} pairs of spellings and particles; at most"
            f" {MAX_PAIRS:,} can be sought near each other: give fewer words, or join them by AND"
        )
    # Between two neighbours is no word, so FTS5, which counts those between, is told one less.
    pairs = " OR ".join(f"NEAR({one} {other}, {within - 1})" for one, other in product(left, right))
    return f"({pairs or _NOWHERE})"


def _any_of(phrases: Iterable[tuple[str, ...]], prefix: bool) -> str:
    return " OR ".join(_phrases(phrases, prefix)).join("()")


def _phrases(
    phrases: Iterable[tuple[str, ...]], prefix: bool, vocabulary: frozenset[str] | None = None
) -> list[str]:
    # Folded words hold no quote, so a quoted phrase of them is always well-formed FTS5.
    return [
        f'"{" ".join(words)}{ending}"{" *" * prefix}'
        for words in phrases
        for ending in (("",) if prefix else endings_of(words))
        if prefix or vocabulary is None or f"{words[-1]}{ending}" in vocabulary
    ]
