"""What a stanza says, in the forms that rules look at: as it was sent, and folded."""

from policy.content.fold import fold_text
from policy.content.text_model import texts_of
from policy.content.word import normalize_term
from policy.facts import StanzaFacts


class Said:
    """The texts of one stanza.

    `texts` are as they were sent; `folded` are their folded forms that differ, with single spaces. `terms` are the
    texts without case and runs of white space, which terms do not have; `folded_terms` and `look_terms` likewise the
    plain forms that differ, and those by what letters look like.
    """

    __slots__ = ("facts", "folded", "folded_terms", "look_terms", "terms", "texts")

    def __init__(self, facts: StanzaFacts) -> None:
        self.facts = facts
        self.texts = texts_of(facts)
        self.folded: list[str] = []
        self.terms: list[str] = []
        self.folded_terms: list[str] = []
        self.look_terms: list[str] = []
        for text in self.texts:
            term = normalize_term(text)
            self.terms.append(term)
            forms = fold_text(text)
            for form in (*forms.plain, *forms.looks):
                spaced = " ".join(form.split())
                if spaced != text:
                    self.folded.append(spaced)
            if not text.isascii() or forms.plain[0] is not text:
                folded = (normalize_term(form) for form in forms.plain)
                self.folded_terms += (form for form in folded if form != term)
                self.look_terms += map(normalize_term, forms.looks)
