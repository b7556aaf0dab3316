"""Hits are marked where they stand in the text as it was written, whatever form of it they were found in."""

import pytest

from components.audit.excerpt import make_excerpt
from components.audit.query.parser import parse_query
from components.audit.query.tree import words_sought
from components.audit.query.words import _phrase_pattern, find_disguised, find_phrases

MARKED = [
    ("copper", "the [copper] price", 1),
    ("copper", "the [соpper] price", 1),
    ("zurich", "in [Zürich].", 1),
    ("zuerich", "in [Zürich].", 1),
    ("Zürich", "[Zuerich], [Zürich] and [Zurich]", 3),
    ("sideletter", "a [sidele\u3164tter] b", 1),
    ("sideletter", "a [sidele\u0301tter] b", 1),
    ("内幕", "有[內幕]消息", 1),
    ("内幕", "内，幕", 0),
    ("铜价，上涨", "[铜价。上涨]", 1),
    ("내부자", "[내부자에게] 물었다", 1),
    ("내부자", "내부자거래", 0),
    ("lme", "[LME]가 열렸다", 1),
    ("ทองแดง", "ราคา[ทองแดง]วันนี้", 1),
    ("ガス", "[ｶﾞｽ]の値段", 1),
    ("한국", "[\u1112\u1161\u11ab국]", 1),
    ("рост", "[poст] цены", 1),
    ("now", "buy🚀[now]", 1),
    ("cop*", "[copper] and [соpper]", 2),
    ('"copper price"', "[copper, price] of copper", 1),
]


@pytest.mark.parametrize(("query", "marked", "hits"), MARKED)
def test_hits_are_marked_as_written(query: str, marked: str, hits: int) -> None:
    text = marked.replace("[", "").replace("]", "")
    phrases = [(words.words, words.prefix) for words in words_sought(parse_query(query, 0))]
    found = find_phrases(text, phrases)
    assert len(found) == hits
    for start, end in reversed(found):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    assert text == marked


# A text with the word has its letters, too, so it may have them apart.
@pytest.mark.parametrize(
    ("text", "hits", "made"), [("the gold price", 0, 0), ("n1ckel", 1, 1), ("nickel", 1, 2)]
)
def test_a_pattern_is_made_only_for_a_text_that_it_may_be_in(text: str, hits: int, made: int) -> None:
    _phrase_pattern.cache_clear()
    assert len(find_phrases(text, [(("nickel",), False)])) == hits
    assert _phrase_pattern.cache_info().currsize == made


@pytest.mark.parametrize(
    ("text", "word", "prefix", "found"),
    [
        ("firm until 13:00 wh4tsapp", "whatsapp", False, ["wh4tsapp"]),
        ("wh@tsapp, then wh4tsapp.", "whatsapp", False, ["wh@tsapp", "wh4tsapp"]),
        ("in wh4tsappgroups", "whatsapp", True, ["wh4tsappgroups"]),
        ("in wh4tsappgroups", "whatsapp", False, []),
        ("ok, whatsapp in five", "whatsapp", False, []),  # as written it is found by the other way
        ("13:00 4 t", "whatsapp", False, []),
        ("", "whatsapp", False, []),
    ],
)
def test_disguised_words_are_found_as_a_whole(text: str, word: str, prefix: bool, found: list[str]) -> None:
    assert [text[start:end] for start, end in find_disguised(text, [(word, prefix)])] == found


@pytest.mark.parametrize("text", ["firm until 13:00 wh4tsapp", "> 390 t wh4tsapp\nBeru 375 t", "WhatsApp?"])
def test_an_excerpt_marks_a_disguised_word(text: str) -> None:
    pieces = list(make_excerpt(text, parse_query("whatsapp OR secret", 0)))
    assert [piece.text.lower().replace("4", "a") for piece in pieces if piece.is_hit] == ["whatsapp"]
    assert "".join(piece.text for piece in pieces) == text
