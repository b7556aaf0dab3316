"""What is looked for in a quick way is what the plain way finds: signs in words, marks between them, hosts."""

import re
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.audit.query import words as query_words
from policy.content import link, link_written
from policy.content.example import read_example
from policy.content.fold import find_looks
from policy.content.fold_phrase import read_over_marks
from policy.content.fold_table import MARKS, UNSPACED
from policy.content.fold_undone import join_over_signs
from policy.content.ranges import read_ranges
from policy.content.said import Said

_MIDDLE = "·•・‧_*|~^`"
_SPACED, _KOREAN = "A-Za-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u058f", "\uac00-\ud7a3"
_TOGETHER = "\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff"
_SIGNS = r"(?:(?:[^\w\s'@$]|_){1,3}(?:(?<=-)\n)?|(?:[^\w\s'.,;:!?]|_){4,16})"
# As one would write them: they look at each place of a text for a letter before it.
PLAIN_SIGNS = re.compile(
    rf"(?<=[{_SPACED}]){_SIGNS}(?=[{_SPACED}0-9])|(?<=[0-9]){_SIGNS}(?=[{_SPACED}])"
    rf"|(?<=[{_KOREAN}]){_SIGNS}(?=[{_KOREAN}])|(?<=[{_TOGETHER}])[{_MIDDLE}]{{1,3}}(?=[{_TOGETHER}])"
)

_HAVE_SIGNS, _UNSPACED = read_ranges(MARKS), read_ranges(UNSPACED)
_MARK = rf"[^\w '{_HAVE_SIGNS}.!?؟۔।॥。]|_|\.{{2,}}(?!\.)|(?<= )\.(?!\.)|(?<!\w)'(?=\w)|'(?!\w)"
_MARKS = rf" ?(?:{_MARK})(?:{_MARK}| )*"
PLAIN_MARKS = re.compile(
    rf"(?<=[^\W\d_]|[{_HAVE_SIGNS}])(?<![{_UNSPACED}]){_MARKS}(?=[^\W_])(?![{_UNSPACED}])"
    rf"|(?<=\d){_MARKS}(?=[^\W\d_])(?![{_UNSPACED}])"
)
PLAIN_MIDDLE = re.compile(rf"(?<=[{_UNSPACED}{_HAVE_SIGNS}])[{_MIDDLE} ]+(?=[{_UNSPACED}])")

letters = st.sampled_from("abZ01²٣ .'_!?,;:-\n\t·•*|~^`@$éаß中国한국あア。॥\u0e31\u094d\ue000–…\"()#😀\u00a0")
texts = st.text(letters, max_size=30)

_PARTS = """
a b1 xn--p1ai xn-- .com .com .de .рф .中国 . - _ | : / // @ http: 1.2.3.4 0x1 раса 中 。 ． ſ \u212a é ① ℀ , ! ( [ ? #
% … » \u200b \\ Ⅷ \u0301 www. COM .Museum ﬁ ٣ 😀 mailto: ~ $ < >
"""
_LONG = ("x" * 63, "y" * 64, "a." * 125, " раса.com ", " copper.com ")
parts = st.sampled_from([*_PARTS.split(), " ", "\n", "\t", "\u00a0", "\u2028", *_LONG])
written = st.lists(parts, max_size=12).map("".join)


@given(texts)
def test_signs_within_words(text: str) -> None:
    if not text.isascii():
        assert join_over_signs(text) == PLAIN_SIGNS.sub("", text)


@given(texts)
def test_marks_between_words(text: str) -> None:
    spaced = " ".join(text.split())
    if not spaced.isascii():
        assert read_over_marks(text) == PLAIN_MIDDLE.sub("", PLAIN_MARKS.sub(" ", spaced))


@pytest.mark.sources
@given(written)
def test_a_word_that_is_a_host_is_the_link_that_is_found_in_it(text: str) -> None:
    said = Said(read_example(text))
    found = set(link.find_links(said))
    finder, _ = link._make_finders()
    with patch.object(link, "_make_finders", lambda: (finder, re.compile("(?!)"))):
        assert set(link.find_links(said)) == found


@given(written)
def test_hosts_in_other_scripts_are_found_where_their_endings_are(text: str) -> None:
    found = (each[0] for each in link_written._IDN_HOST.finditer(text))
    assert list(link_written.find_other_hosts(text)) == [
        host for host in found if link_written._HAS_LETTER.search(host)
    ]


_few = st.text("ab1 '_!?,;:-\n\t.\x1f\x7f\x00~", max_size=12)


@given(_few, st.lists(st.tuples(_few.map(query_words.fold_words), st.booleans()), max_size=3))
def test_phrases_in_ascii_are_those_that_the_expressions_for_every_script_find(
    text: str, sought: list[tuple[str, bool]]
) -> None:
    phrases = [(tuple(folded.split()), prefix) for folded, prefix in sought if folded]
    found = query_words.find_phrases(text, phrases)
    query_words._phrase_pattern.cache_clear()
    with (
        patch.object(query_words, "_NO_ASCII_BEFORE", query_words._NO_OTHER_BEFORE),
        patch.object(query_words, "_NO_ASCII_AFTER", query_words._NO_OTHER_AFTER),
        patch.object(query_words, "_fold_pieces", query_words._fold_pieces_of_any),
    ):
        assert query_words.find_phrases(text, phrases) == found
    query_words._phrase_pattern.cache_clear()


def test_each_character_of_ascii_is_a_piece_with_one_form() -> None:
    text = "".join(map(chr, range(0x7F)))
    spans, (form,) = query_words._fold_pieces_of_any(text)
    assert (spans, "".join(form)) == (query_words._fold_pieces(text)[0], *query_words._fold_pieces(text)[1])


_letters = st.text("abxеоурρνсжä́éıǀǃ|1@ﬁ\u200b\u202eɐᎪ", min_size=1, max_size=6)
_hosts = st.lists(st.builds("{}.{}".format, _letters, _letters), max_size=4)


@given(_hosts)
def test_words_that_look_latin_are_read_together_as_each_is_alone(hosts: list[str]) -> None:
    words = [word for host in hosts for word in host.split()]
    mixed = [
        word for word in words if link_written._LATIN.search(word) and link_written._LIKE_LATIN.search(word)
    ]
    alone = [look for word in dict.fromkeys(mixed) for look in find_looks(word)[:1]]
    assert link_written.read_as_latin(" ".join(hosts)) == " ".join(alone)
