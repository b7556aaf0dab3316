"""What a stanza says, in the forms that rules look at: as it was sent, and folded."""

import re

import disarm

from policy.content.text_model import texts_of
from policy.facts import StanzaFacts

_CJK = "[\u2e80-\u2fff\u3041-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
_CJK_GAP = re.compile(f"(?<={_CJK}) (?={_CJK})")  # spaces have no meaning there


class Said:
    """The texts of one stanza.

    `texts` are as they were sent; `folded` are those whose folded form differs, in that form; `terms` and
    `folded_terms` likewise, but for the case and runs of white space, which terms do not have.
    """

    __slots__ = ("facts", "folded", "folded_terms", "terms", "texts")

    def __init__(self, facts: StanzaFacts) -> None:
        self.facts = facts
        self.texts = texts_of(facts)
        self.folded: list[str] = []
        self.terms: list[str] = []
        self.folded_terms: list[str] = []
        for text in self.texts:
            folded = fold(text)
            plain = normalize_term(text)
            self.terms.append(plain)
            if folded != text:
                self.folded.append(folded)
                if (term := normalize_term(folded)) != plain:
                    self.folded_terms.append(term)


def fold(text: str) -> str:
    """Return a text without what hides a word: NFKC, look-alikes to Latin (UTS 39), no accents, nothing invisible.

    The case stays; white space becomes single spaces.
    """
    return disarm.strip_obfuscation(text)


def normalize_term(text: str) -> str:
    """Return a text without what terms do not tell apart: the case, and how words are spaced."""
    spaced = " ".join(text.casefold().split())
    return spaced if spaced.isascii() else _CJK_GAP.sub("", spaced)
