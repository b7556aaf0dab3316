"""Terms of all lexicons, found in one pass; words of Latin and other spaced scripts only as whole words."""

from collections.abc import Iterable

from ahocorasick_rs import AhoCorasick

from policy.content.disguise import disguise
from policy.content.fold import fold_term
from policy.content.fold_undone import letters_left
from policy.content.rule import Lexicon, Rule
from policy.content.said import Said, look_terms_of
from policy.content.word import is_one_word, is_particle, normalize_term

# In which forms of a text a form of a term is sought: as it was sent, folded, folded by what letters look like.
_AS_SENT, _PLAIN, _LOOKS = 1, 2, 4

# (rule's id, whether a word may begin before it, whether it may go on after it, in which forms it is sought)
_Entry = tuple[str, bool, bool, int]


class _Letters:
    """Tells of most texts of ASCII that no reading of them has any of these terms, without making the readings.

    A term with signs that may be letters stands only in texts with such signs, which are all read.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        letters = {letters_left(term) for term in terms if term.isascii()} - {None}
        self._has_bare_signs = "" in letters
        self._terms = AhoCorasick(sorted(each for each in letters if each))

    def may_read(self, text: str) -> bool:
        """Return whether a reading of this text may have one of the terms."""
        letters = letters_left(text)
        return letters is None or self._has_bare_signs or bool(self._terms.find_matches_as_indexes(letters))


class LexiconMatcher:
    """Finds the terms of all lexicons; those of a folding rule in both of their forms."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        entries: dict[str, set[_Entry]] = {}
        for rule in rules:
            if isinstance(rule.matched, Lexicon):
                for term in rule.matched.terms:
                    for text, entry in _entries(rule.id, term.text, rule.matched.fold):
                        entries.setdefault(text, set()).add(entry)
        self._entries = [tuple(sorted(found)) for _, found in sorted(entries.items())]
        self._terms = AhoCorasick(sorted(entries))  # of no terms it finds none
        self._letters = _Letters(
            text for text, found in entries.items() if any(forms & _LOOKS for *_, forms in found)
        )

    def find_rules(self, said: Said) -> set[str]:
        """Return the ids of the rules with a term in these texts."""
        found: set[str] = set()
        for texts, form in ((said.terms, _AS_SENT), (said.folded_terms, _PLAIN), (said.look_terms, _LOOKS)):
            for text in texts:
                self._find(text, found, form)
        for written in said.ascii_texts:
            if self._letters.may_read(written):
                for text in look_terms_of(written):
                    self._find(text, found, _LOOKS)
        return found

    def _find(self, text: str, found: set[str], form: int) -> None:
        # Overlapping: a longer term that is not a whole word here must not hide a shorter one.
        for number, start, end in self._terms.find_matches_as_indexes(text, overlapping=True):
            for rule, opens, goes_on, forms in self._entries[number]:
                if (
                    rule not in found
                    and forms & form
                    and (opens or start == 0 or not is_one_word(text[start - 1], text[start]))
                    and (goes_on or _ends_word(text, end))
                ):
                    found.add(rule)


def _entries(rule: str, written: str, folds: bool) -> Iterable[tuple[str, _Entry]]:
    opens, goes_on = written.startswith("*"), written.endswith("*")
    bare = written.strip("*")
    sought = {normalize_term(bare): _AS_SENT}
    if folds:
        forms = fold_term(bare)
        sought = dict.fromkeys(map(normalize_term, forms.looks), _LOOKS)
        disguised = (each for form in forms.plain for each in disguise(form))
        everywhere = (bare, *forms.plain, *forms.undisguised, *disguised)
        sought |= dict.fromkeys(map(normalize_term, everywhere), _AS_SENT | _PLAIN | _LOOKS)
    for text, where in sought.items():
        if text:
            yield text, (rule, opens, goes_on, where)


def _ends_word(text: str, end: int) -> bool:
    return end == len(text) or not is_one_word(text[end - 1], text[end]) or is_particle(text, end)
