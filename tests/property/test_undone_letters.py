"""Of a text of ASCII, readings without disguises are made only where its letters have a term: none is missed."""

import string

from hypothesis import example, given
from hypothesis import strategies as st

from policy.content.disguise import disguise
from policy.content.fold import fold_term, looks_of_ascii
from policy.content.fold_undone import letters_left
from policy.content.word import normalize_term

TERMS = (
    "inside information",
    "tip",
    "bill",
    "10b-5",
    "a+b",
    "b0nus",
    "p@ss",
    "cash only",
    "l8r",
    "--",
    "sell all",
)
PIECES = st.sampled_from(
    [*string.ascii_lowercase, *string.digits, *string.punctuation, *"IL \n", "  ", "-\n", "ins", "ide", "inf",
     "ormation", "t1p", "b1ll", "BlLL", "ca$h", "0nly", "s3ll", "a|l", "t.i.p", "10b5"]
)  # fmt: skip


def sought(term: str) -> set[str]:
    """Return in which forms a rule seeks a term."""
    forms = fold_term(term)
    disguised = (each for form in forms.plain for each in disguise(form))
    return {
        normalize_term(each) for each in (term, *forms.plain, *forms.undisguised, *forms.looks, *disguised)
    }


SOUGHT = sorted({each for term in TERMS for each in sought(term) if each.isascii() and each})


@example("1nside*inf0rmation")
@example("cash!\nonly b|ll")
@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_a_reading_has_the_letters_have(text: str) -> None:
    letters = letters_left(text)
    for form in looks_of_ascii(text):
        read = " ".join(form.lower().split())
        for term in SOUGHT:
            if letters is not None and term in read:
                left = letters_left(term)
                assert left is not None, "a sign that may be a letter is in the reading and not in the text"
                assert left in letters
