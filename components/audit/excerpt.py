"""The part of a text that shows why it was found."""

from rich.text import Text

from components.audit.query.tree import Node, words_sought
from components.audit.query.words import find_phrases
from components.audit.terminal import show_text

# An excerpt has this many characters, some of them before the first hit.
EXCERPT_CHARACTERS = 280
_BEFORE_HIT_CHARACTERS = 60

# Hits are looked for in this much of a text.
_SEARCHED_CHARACTERS = 100_000

_HIT_STYLE = "bold black on yellow"


def make_excerpt(text: str, query: Node) -> Text:
    """Return a text cut around its first hit, every hit highlighted; lines that say the same are shown once."""
    searched = text[:_SEARCHED_CHARACTERS]
    lines = dict.fromkeys(line.strip() for line in searched.split("\n"))
    flat = "\n".join(line for line in lines if line)
    hits = find_phrases(flat, [(words.words, words.prefix) for words in words_sought(query)])
    start, end = _window(len(flat), hits[0][0] if hits else 0)
    excerpt = Text("… " if start else "")
    position = start
    for hit_start, hit_end in hits:
        if hit_start >= end:
            break
        excerpt.append(_one_line(flat[position:hit_start]))
        position = min(hit_end, end)
        excerpt.append(_one_line(flat[hit_start:position]), style=_HIT_STYLE)
    excerpt.append(_one_line(flat[position:end]))
    return excerpt.append(" …" if end < len(flat) or len(searched) < len(text) else "")


def _window(length: int, hit: int) -> tuple[int, int]:
    if length <= EXCERPT_CHARACTERS:
        return 0, length
    start = max(0, hit - _BEFORE_HIT_CHARACTERS)
    return start, min(length, start + EXCERPT_CHARACTERS)


def _one_line(text: str) -> str:
    return show_text(text.replace("\n", " ⏎ "))
