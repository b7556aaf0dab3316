"""A message as sentences, which is what models tell the topic of."""

import re
from collections.abc import Iterator

SENTENCES_MAX = 8
CHARACTERS_MAX = 160

_END = re.compile(r"[\n。！？；…]+|[.!?;]+(?=\s|$)")
# A link, an id of a thread, a number: they say nothing, and fill a sentence with what no model has seen.
_MEANINGLESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+|\b(?=[\w-]*\d)[A-Za-z0-9_-]{16,}", re.ASCII)
_LETTERS = re.compile(r"[^\W\d_]")


def split_sentences(text: str) -> tuple[str, ...]:
    """Split a text into the sentences that have at least two letters, each cut to CHARACTERS_MAX characters.

    Of more than SENTENCES_MAX, so many are taken from all of the text, evenly: nothing is hidden by what stands before.
    """
    found = tuple(_sentences(text))
    if len(found) <= SENTENCES_MAX:
        return found
    return tuple(found[number * len(found) // SENTENCES_MAX] for number in range(SENTENCES_MAX))


def _sentences(text: str) -> Iterator[str]:
    for piece in _END.split(_MEANINGLESS.sub(" ", text)):
        sentence = " ".join(piece.split())[:CHARACTERS_MAX]
        if len(_LETTERS.findall(sentence)) > 1:
            yield sentence
