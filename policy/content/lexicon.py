"""Terms of all lexicons, found in one pass; words of Latin and other spaced scripts only as whole words."""

import unicodedata
from collections.abc import Iterable

from ahocorasick_rs import AhoCorasick

from policy.content.rule import Lexicon, Rule
from policy.content.said import Said, fold, normalize_term

# (rule's id, whether a word may begin before it, whether it may go on after it, whether folded text counts)
_Entry = tuple[str, bool, bool, bool]


class LexiconMatcher:
    """Finds the terms of all lexicons: those of a rule that folds in both of their forms."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        entries: dict[str, set[_Entry]] = {}
        for rule in rules:
            if isinstance(rule.matched, Lexicon):
                for term in rule.matched.terms:
                    for text, entry in _entries(rule.id, term.text, rule.matched.fold):
                        entries.setdefault(text, set()).add(entry)
        self._entries = [tuple(sorted(found)) for _, found in sorted(entries.items())]
        self._terms = AhoCorasick(sorted(entries))  # of no terms it finds none

    def find_rules(self, said: Said) -> set[str]:
        """Return the ids of the rules that have a term in what is said."""
        found: set[str] = set()
        for text in said.terms:
            self._find(text, found, is_folded=False)
        for text in said.folded_terms:
            self._find(text, found, is_folded=True)
        return found

    def _find(self, text: str, found: set[str], *, is_folded: bool) -> None:
        # Overlapping: a longer term that turns out to be no whole word must not hide a shorter one.
        for number, start, end in self._terms.find_matches_as_indexes(text, overlapping=True):
            for rule, opens, goes_on, folds in self._entries[number]:
                if (
                    rule not in found
                    and (folds or not is_folded)
                    and (opens or start == 0 or not _is_one_word(text[start - 1], text[start]))
                    and (goes_on or end == len(text) or not _is_one_word(text[end - 1], text[end]))
                ):
                    found.add(rule)


def _entries(rule: str, written: str, folds: bool) -> Iterable[tuple[str, _Entry]]:
    opens, goes_on = written.startswith("*"), written.endswith("*")
    bare = written.strip("*")
    for text in {normalize_term(bare), normalize_term(fold(bare)) if folds else ""}:
        if text:
            yield text, (rule, opens, goes_on, folds)


def _is_one_word(left: str, right: str) -> bool:
    return _is_in_word(left) and _is_in_word(right)


def _is_in_word(char: str) -> bool:
    """Return whether a character is of a word that spaces part from others: no Han, kana or Hangul."""
    if char.isascii():
        return char.isalnum()
    is_of_word = char.isalnum() or unicodedata.category(char) in ("Mn", "Mc")
    return is_of_word and unicodedata.east_asian_width(char) not in ("W", "H")
