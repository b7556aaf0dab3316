"""Words as a search compares them: folded by the fold of the rules, in all of its forms."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain

from policy.address import fold_address
from policy.content.disguise import join_words, spell_out, with_digits, with_pairs
from policy.content.fold import fold_term, fold_text, is_plain
from policy.content.fold_character import SIGNS
from policy.content.fold_table import HANGUL
from policy.content.korean import PARTICLES
from policy.content.ranges import read_ranges
from policy.content.word import BREAK, is_hangul, is_unspaced, part_words, split_words

MAX_WITHIN = 30
"""Two words can be asked for this near each other."""

# Separates the forms of one text. No query has two of these, so no phrase can cross from one form to another; and no
# two words of different forms are near each other.
_BETWEEN_FORMS = " ".join(("", *[BREAK] * MAX_WITHIN, ""))

_HANGUL = read_ranges(HANGUL)
_NO_HANGUL_BEFORE, _NO_HANGUL_AFTER = f"(?<![{_HANGUL}])", f"(?![{_HANGUL}])"
_NO_OTHER_BEFORE, _NO_OTHER_AFTER = rf"(?<![^\s{_HANGUL}])", rf"(?![^\s{_HANGUL}])"
# The same in ASCII: to make an expression with such a set takes a millisecond.
_NO_ASCII_BEFORE, _NO_ASCII_AFTER = r"(?<!\S)", r"(?!\S)"
_PARTICLE = f"(?:{'|'.join(PARTICLES)})?"
_LONGEST_NOUN = 32  # no word of Korean is longer (policy.content.korean)
_PUNCTUATION = "\x1f"
_Phrase = tuple[tuple[str, ...], bool]
# A letter, and what may be composed with it or vanish.
_PIECE = f"[\u1100-\u11ff]+|.[{SIGNS}\uff9e\uff9f]*"


def fold_words(text: str) -> str:
    """Return the words of a text, in order, with blanks between them, in the first plain form."""
    return split_words(fold_text(text).plain[0].casefold())


def index_words(text: str) -> tuple[str, str]:
    """Return the index's words of a text: those of its plain forms, and those of its forms by looks."""
    forms = fold_text(text)
    plain = dict.fromkeys(split_words(form.casefold()) for form in forms.plain)
    looks = dict.fromkeys(split_words(form.casefold()) for form in forms.looks)
    return _BETWEEN_FORMS.join(plain), _BETWEEN_FORMS.join(form for form in looks if form not in plain)


def fold_name(text: str) -> str:
    """Return the words of a name's lines in all plain forms, each with a blank on both sides, and | between them."""
    forms = [form for line in text.split("\n") for form in fold_text(line).plain]
    words = dict.fromkeys(split_words(form.casefold()) for form in forms)
    return "|".join(f" {each} " for each in words if each)


def spell_words(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the words of a search term, in each spelling of a plain form; none if it has none.

    A spelling may have others itself (of Ɔ it is ɔ, which is also a c upside down). All are returned, each before its
    own: so a query that is written with any of them means the same when it is read again.
    """
    found: dict[tuple[str, ...], None] = {}
    _add_spellings(text, found)
    return tuple(found)


def _add_spellings(text: str, found: dict[tuple[str, ...], None]) -> None:
    for form in fold_term(text).plain:
        words = tuple(split_words(form).split())
        if words and words not in found:
            found[words] = None
            _add_spellings(write_words(words), found)


def write_words(words: Iterable[str]) -> str:
    """Write folded words as a text of these words; what scripts without blanks have side by side stays so.

    A blank between two of their characters would make another word of it: a short one of kana has fewer spellings.
    """
    written = ""
    for word in words:
        beside = written and is_unspaced(written[-1]) and is_unspaced(word[0])
        written += word if beside or not written else f" {word}"
    return written


def looks_of(words: tuple[str, ...]) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """Return folded words in other spellings: those sought everywhere, and those in a text's forms by looks alone."""
    term = " ".join(words)
    sought = fold_term(term)
    # Of what stands between letters, the index has no more than that it parts letters of scripts without blanks.
    spelt = spell_out(term, BREAK if is_unspaced(term) else " ")
    disguised = (
        *sought.undisguised,
        *filter(None, (spelt,)),
        *with_digits(term),
        *with_pairs(term),
        *join_words(term),
    )
    everywhere, looks = (
        tuple(dict.fromkeys(tuple(split_words(form).split()) for form in forms))
        for forms in (disguised, sought.looks)
    )
    return everywhere, looks


def endings_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the endings with which the last word counts as the same: Korean particles, or only the empty one."""
    return ("", *PARTICLES) if is_hangul(words[-1]) and len(words[-1]) <= _LONGEST_NOUN else ("",)


# Cached, because the same people write again and again.
@lru_cache(maxsize=4096)
def fold_party(jid: str) -> str:
    """Prepare a JID, or a part of one, for comparison in a search: as a server does, and without case."""
    return fold_address(jid).casefold()


def find_phrases(text: str, phrases: Iterable[tuple[tuple[str, ...], bool]]) -> list[tuple[int, int]]:
    """Find folded phrases in a text as written: each has its words, and says whether the last may go on.

    Returns (start, end) in characters of `text`, in order, overlapping ones merged.
    """
    patterns = list(
        dict.fromkeys((form, prefix) for words, prefix in phrases for form in _spellings_of(words))
    )
    spans, forms = _fold_pieces(text)
    return merge_spans(span for form in forms for span in _find_spans(form, spans, patterns))


def _fold_pieces(text: str) -> tuple[list[tuple[int, int]], Iterable[Sequence[str]]]:
    """Return where the pieces of a text are that are folded by themselves, and each form of all of them."""
    if is_plain(text):  # then each character is a piece, and has one form
        return [(start, start + 1) for start in range(len(text))], (part_words(text.casefold()),)
    return _fold_pieces_of_any(text)


def _fold_pieces_of_any(text: str) -> tuple[list[tuple[int, int]], Iterable[Sequence[str]]]:
    spans = [found.span() for found in re.finditer(_PIECE, text, re.DOTALL)]
    forms = zip(*(_fold_piece(text[start:end]) for start, end in spans), strict=True)
    # Most texts have the same form by any spelling and by looks: each is gone through once.
    return spans, dict.fromkeys(forms)


def find_disguised(text: str, words: Iterable[tuple[str, bool]]) -> list[tuple[int, int]]:
    """Find folded words in what words of a text look like as a whole, such as wh4tsapp; each may go on, or not.

    Returns what `find_phrases` does. Whatever stands between two blanks is one word here, without the marks at its end.
    """
    sought = list(words)
    return merge_spans(
        found.span()
        for found in re.finditer(r"\S*[^\s.,;:?]", text)
        for look in _looks_of_word(found[0])
        if any(look.startswith(word) if goes_on else look == word for word, goes_on in sought)
    )


@lru_cache(maxsize=4096)
def _looks_of_word(word: str) -> frozenset[str]:
    if word.isascii() and word.isalpha():
        return frozenset()
    return frozenset(chain(*(split_words(form.casefold()).split() for form in fold_text(word).looks)))


def merge_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, overlapping ones merged."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _find_spans(
    form: Sequence[str], spans: list[tuple[int, int]], patterns: "list[_Phrase]"
) -> Iterator[tuple[int, int]]:
    """Find patterns in one form of a text, which is that of its pieces; `spans` are those of the pieces."""
    folded = "".join(form)
    ends = list(accumulate(map(len, form)))
    for words, prefix in patterns:
        # Its pattern is made only for a text that it may be in: of all ways to write a word, most are in none.
        if not all((_PUNCTUATION if word == BREAK else word) in folded for word in words):
            continue
        for found in re.finditer(_phrase_pattern(words, prefix, folded.isascii()), folded):
            first, last = bisect_right(ends, found.start()), bisect_right(ends, found.end() - 1)
            yield spans[first][0], spans[last][1]


# Cached, because a page looks for the same words in each of its records: as many as a query has.
@lru_cache(maxsize=1024)
def _spellings_of(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return (words, *chain(*looks_of(words)))


@lru_cache(maxsize=4096)
def _fold_piece(piece: str) -> tuple[str, ...]:
    """Return the forms of a piece of text: plain, and by looks; each in the first spelling and in the last."""
    forms = fold_text(piece)
    looks = forms.looks or forms.plain
    return tuple(
        part_words(form.casefold()) for form in (forms.plain[0], forms.plain[-1], looks[0], looks[-1])
    )


@lru_cache(maxsize=256)
def _phrase_pattern(words: tuple[str, ...], prefix: bool, is_ascii: bool) -> str:
    no_other_before = _NO_ASCII_BEFORE if is_ascii else _NO_OTHER_BEFORE
    pattern = _NO_HANGUL_BEFORE if is_hangul(words[0]) else no_other_before
    for before, word in zip(("", *words), words, strict=False):
        particle = _PARTICLE if before and is_hangul(before) else ""
        pattern += particle + _gap(before, word) + (_PUNCTUATION if word == BREAK else re.escape(word))
    if prefix:
        return pattern + r"\S*"
    if is_hangul(words[-1]):
        return rf"{pattern}{_PARTICLE}{_NO_HANGUL_AFTER}"
    return pattern + (_NO_ASCII_AFTER if is_ascii else _NO_OTHER_AFTER)


def _gap(before: str, word: str) -> str:
    """Return a pattern for the text between two words of a phrase."""
    if not before:
        return ""
    if is_unspaced(before) and is_unspaced(word):
        return r"[^\S\x1f]+"
    return r"\s*" if BREAK in (before, word) or is_hangul(before) != is_hangul(word) else r"\s+"
