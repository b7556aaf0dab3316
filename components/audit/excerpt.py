"""The part of a text that shows why it was found."""

from collections.abc import Iterator
from typing import NamedTuple

from components.audit.query.tree import Node, patterns_sought, words_sought
from components.audit.query.words import find_disguised, find_phrases, merge_spans

# An excerpt has this many characters, some of them before the first hit.
EXCERPT_CHARACTERS = 280
_BEFORE_HIT_CHARACTERS = 60

# How many characters of a text are searched for hits.
_SEARCHED_CHARACTERS = 100_000
# In a text without any hit, up to this length, each word is looked at as a whole.
_MOST_DISGUISED = 5_000
# The text of a file is searched piece by piece; a hit may lie across two pieces.
_WINDOW_CHARACTERS = 20_000
_OVERLAP_CHARACTERS = 500


class ExcerptPiece(NamedTuple):
    """A piece of an excerpt, as it was written; `is_hit`: it is a hit of the search."""

    text: str
    is_hit: bool = False


def make_excerpt(text: str, query: Node) -> Iterator[ExcerptPiece]:
    """Cut a text around its first hit, and mark every hit; equal lines come once."""
    searched = text[:_SEARCHED_CHARACTERS]
    lines = dict.fromkeys(line.strip() for line in searched.split("\n"))
    flat = "\n".join(line for line in lines if line)
    hits = _find_hits(flat, query)
    start, end = _window(len(flat), hits[0][0] if hits else 0)
    if start:
        yield ExcerptPiece("… ")
    position = start
    for hit_start, hit_end in hits:
        if hit_start >= end:
            break
        yield ExcerptPiece(flat[position:hit_start])
        position = min(hit_end, end)
        yield ExcerptPiece(flat[hit_start:position], is_hit=True)
    yield ExcerptPiece(flat[position:end])
    if end < len(flat) or len(searched) < len(text):
        yield ExcerptPiece(" …")


def make_file_excerpt(text: str, query: Node) -> Iterator[ExcerptPiece]:
    """Cut the text of a file around its first hit, wherever that is."""
    yield from make_excerpt(_find_part(text, query) or text, query)


def mark_all(text: str, query: Node) -> Iterator[ExcerptPiece]:
    """Mark every hit in a whole text."""
    position = 0
    for start, end in _find_hits(text[:_SEARCHED_CHARACTERS], query):
        yield ExcerptPiece(text[position:start])
        yield ExcerptPiece(text[start:end], is_hit=True)
        position = end
    yield ExcerptPiece(text[position:])


def has_hit(text: str, query: Node) -> bool:
    """Return whether a word of a search is in a text."""
    return bool(_find_part(text, query))


def _find_part(text: str, query: Node) -> str:
    for start in range(0, len(text), _WINDOW_CHARACTERS):
        part = text[start : start + _WINDOW_CHARACTERS + _OVERLAP_CHARACTERS]
        if _find_hits(part, query):
            return part
    return ""


def _find_hits(text: str, query: Node) -> list[tuple[int, int]]:
    try:
        phrases = find_phrases(text, [(words.words, words.prefix) for words in words_sought(query)])
        found = [span for each in patterns_sought(query) for span in _find_pattern(each.expression, text)]
        if not phrases and not found and len(text) <= _MOST_DISGUISED:
            alone = (words for words in words_sought(query) if len(words.words) == 1)
            return find_disguised(text, [(words.words[0], words.prefix) for words in alone])
    except Exception:  # what the index could not read either: shown, and nothing marked in it
        return []
    return merge_spans([*phrases, *found]) if found else phrases


def _find_pattern(expression: str, text: str) -> list[tuple[int, int]]:
    # Few searches have a regular expression.
    from components.audit.query.pattern import find_spans

    return find_spans(expression, text)


def _window(length: int, hit: int) -> tuple[int, int]:
    if length <= EXCERPT_CHARACTERS:
        return 0, length
    start = max(0, hit - _BEFORE_HIT_CHARACTERS)
    return start, min(length, start + EXCERPT_CHARACTERS)
