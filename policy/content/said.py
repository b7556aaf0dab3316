"""The texts of a stanza in the forms that rules look at: as they were sent, and folded."""

from policy.content.fold import fold_text, is_plain, looks_of_ascii
from policy.content.text_model import texts_of
from policy.content.word import close_term
from policy.facts import StanzaFacts


def look_terms_of(text: str) -> list[str]:
    """Return the forms of a text of ASCII by what its letters look like, without case and runs of white space."""
    return [" ".join(form.lower().split()) for form in looks_of_ascii(text)]


class Said:
    """The texts of one stanza.

    `texts` are as they were sent; `folded` are their folded forms that differ, with single spaces. `terms` are the
    texts without case and runs of white space, which terms do not have; `folded_terms` and `look_terms` likewise the
    plain forms that differ, and those by what letters look like. Those of the `ascii_texts` are made where they are
    looked for (`look_terms_of`), because most have nothing that a rule looks for.
    """

    __slots__ = ("ascii_texts", "facts", "folded", "folded_terms", "look_terms", "terms", "texts")

    def __init__(self, facts: StanzaFacts) -> None:
        self.facts = facts
        self.texts = texts_of(facts)
        self.folded: list[str] = []
        self.terms: list[str] = []
        self.folded_terms: list[str] = []
        self.look_terms: list[str] = []
        self.ascii_texts: list[str] = []
        for text in self.texts:
            spaced = " ".join(text.split())
            if is_plain(text):
                self.terms.append(spaced.lower())
                if spaced != text:
                    self.folded.append(spaced)
                self.ascii_texts.append(text)
            else:
                self.terms.append(close_term(spaced.casefold()))
                self._add_forms(text, text.count(" ") if spaced == text else -1)

    def _add_forms(self, text: str, blanks: int) -> None:
        """Add the folded forms of a text; that it has so many blanks, and no other white space, saves a look."""
        forms = fold_text(text)
        for found, terms in ((forms.plain, self.folded_terms), (forms.looks, self.look_terms)):
            for form in found:
                spaced = form if form.count(" ") == blanks else " ".join(form.split())
                if spaced != text:
                    self.folded.append(spaced)
                    terms.append(close_term(spaced.casefold()))
