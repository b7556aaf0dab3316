"""Whatever nobody sees is put wherever into whatever is said: rules and the search find the same as without it."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.audit.query.parser import parse_query
from components.audit.query.tree import format_query
from components.audit.query.words import index_words
from policy.content.fold import fold, fold_term, fold_text
from tests.support.one_text import rule_finds, search_finds
from tests.unit.policy.content.test_fold import IGNORABLE, MARKS

TERMS = [
    "insider",
    "side letter",
    "Zürich",
    "内幕消息",
    "נתונים",
    "рост",
    "내부자",
    "संदेश",
    "ข่าว",
    "ガス",
    "đồng",
]
OVERRIDES = "\u202d\u202e"

terms = st.sampled_from(TERMS)
ignorable = st.sampled_from(IGNORABLE)
around = st.text(max_size=6)


def insert(text: str, places: list[int], what: list[str]) -> str:
    for place, character in zip(places, what, strict=False):
        at = place % (len(text) + 1)
        text = text[:at] + character + text[at:]
    return text


places = st.lists(st.integers(0, 10_000), min_size=1, max_size=8)


@settings(derandomize=True)
@given(terms, places, st.lists(ignorable, min_size=1, max_size=8))
def test_what_is_invisible_changes_no_match(term: str, where: list[int], what: list[str]) -> None:
    text = insert(f"a {term} b", where, what)
    assert rule_finds(term, text)
    assert search_finds(f'"{term}"', text) == [0]
    assert rule_finds(insert(term, where, what), f"a {term} b")


@settings(derandomize=True)
@given(
    st.sampled_from(["insider", "рост", "νομος", "נתונים", "كتاب"]),
    places,
    st.lists(st.sampled_from(MARKS), min_size=1, max_size=8),
)
def test_marks_on_letters_that_have_none_change_no_match(
    term: str, where: list[int], what: list[str]
) -> None:
    text = f"a {insert(term, where, what)} b"
    assert rule_finds(term, text)
    assert search_finds(f'"{term}"', text) == [0]


@settings(derandomize=True)
@given(st.text())
def test_a_text_is_found_by_itself(text: str) -> None:
    plain, _ = index_words(text)
    if plain:
        quoted = "".join(" " if character in '"“”„*' else character for character in text)
        if any(fold_text(quoted).plain) and index_words(quoted)[0]:
            assert search_finds(f'"{quoted}"', quoted) == [0]


@settings(derandomize=True)
@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert fold(folded.casefold()).casefold() == folded.casefold()
    assert fold_term(fold_term(text).plain[0]).plain[0] == fold_term(text).plain[0]


@settings(derandomize=True)
@given(st.text(), around)
@example("", "ɐ")  # upside down, an a
@example("イ", "ン")  # too short to be looked for as it sounds
@example("ab", "Ɔcd")  # small, an ɔ, which is a c upside down
def test_the_canonical_text_of_words_means_the_same(text: str, more: str) -> None:
    quoted = "".join(" " if character in '"“”„*' else character for character in text + more)
    if index_words(quoted)[0]:
        node = parse_query(f'"{quoted}"', 0)
        assert parse_query(format_query(node), 0) == node
