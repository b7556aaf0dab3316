"""Arabic words with what is written onto them: each form that a text may have is found, and no other word."""

import pytest

from components.audit.query.arabic import forms_of, is_arabic
from components.audit.query.parser import parse_query
from components.audit.query.tree import Spelling
from components.audit.query.words import fold_words
from components.cli.output.search import tell_forms

# As people write them: with hamza, with and without vowels.
PRICE = """
سعر السعر والسعر فالسعر بالسعر كالسعر للسعر وبالسعر وللسعر فبالسعر بسعر لسعر كسعر وسعر فسعر وبسعر ولسعر فلسعر
سعره سعرها سعرهم سعرهن سعرهما سعرك سعركم سعركما سعري سعرنا بسعره وبسعرها ولسعرهم فسعرنا كسعركم سعرا سِعْرُهُم السِّعر
"""
NO_PRICE = "شعر سعال سفر أسعار تسعير سعيد مسعر السفر بالشعر سعرات السعرها بسعير وشعرهم اسعر يسعر قسعر"
DEAL = "صفقة الصفقة بالصفقة للصفقة والصفقة صفقتهم صفقته بصفقتنا وصفقتي ولصفقتكم صفقتها صفقه وبصفقة لصفقة"
NO_DEAL = "صفق صفقات الصفقات مصفقة صفعة تصفيق صدقة بصدقتهم الصفقتهم صفقت"
OTHERS = {
    "أسعار": ("أسعارهم وبأسعارنا لأسعارها الأسعار والأسعار للأسعار أسعارك", "أشعار اسعارات سعر إعسار"),
    "مستشفى": ("مستشفاهم المستشفى بمستشفاها ومستشفى لمستشفاه", "مستشفيات مستشار"),
    "شركاء": ("شركائهم شركاؤنا شركاءه الشركاء وشركائي للشركاء", "شركات شركة اشتراك"),
    "شيء": ("شيئا الشيء بشيء شيئاً لشيء", "شيخ مشي"),
    "عقد": ("العقد عقدهم وعقدا بعقدنا فالعقد سعقد", "عقيد عقود معقد نقد عقارهم"),
    "يدفع": ("سيدفع وسيدفعها ويدفع ليدفعها", "دفع مدفع"),
    "ليل": ("الليل لليل بالليل", "دليل قليل"),
    "دم": ("الدم بدم دمهم ودمه", "قدم ندم دمار"),
}


def find(query: str, text: str) -> list[str]:
    """Return which words of a text a query for one word finds."""
    spelling = parse_query(query, 0)
    assert isinstance(spelling, Spelling)
    forms = forms_of(spelling.word)
    return [word for word in text.split() if fold_words(word) in forms]


@pytest.mark.parametrize(
    ("word", "same", "others"),
    [("سعر", PRICE, NO_PRICE), ("صفقة", DEAL, NO_DEAL)] + [(word, *texts) for word, texts in OTHERS.items()],
)
def test_all_forms_of_a_word_and_no_other_word_are_found(word: str, same: str, others: str) -> None:
    assert find(f"{word}~", same) == same.split()
    assert find(f"{word}~", others) == []


@pytest.mark.parametrize("word", ["السعر", "والسعر", "بالسعر", "للسعر", "فبالسعر"])
def test_a_word_with_the_article_finds_it_without(word: str) -> None:
    assert find(f"{word}~", "سعر بسعرهم والسعر شعر") == ["سعر", "بسعرهم", "والسعر"]


@pytest.mark.parametrize("word", ["والد", "ألف", "بال", "لله", "كالا"])
def test_what_only_looks_like_an_article_is_a_part_of_the_word(word: str) -> None:
    folded = fold_words(word)
    assert folded in forms_of(folded)
    assert not {form for form in forms_of(folded) if len(form) < len(folded)}


def test_the_word_itself_comes_first_and_no_form_twice() -> None:
    for word in ("سعر", "صفقه", "السعر", "مستشفي", "شركاء"):
        forms = forms_of(word)
        assert forms[0] == word
        assert len(forms) == len(set(forms)) < 1_000


@pytest.mark.parametrize(
    ("word", "is_it"), [("سعر", True), ("сору", False), ("copper", False), ("سعر1", False)]
)
def test_a_word_is_arabic_if_all_of_it_is(word: str, is_it: bool) -> None:
    assert is_arabic(word) is is_it


@pytest.mark.parametrize(
    ("query", "apart"),
    [("سعر~", 0), ("سعر~0", 0), ("سعر~1", 1), ("مناقصات~", 0), ("مناقصات~2", 2), ("سِعْر~", 0)],
)
def test_letters_of_arabic_words_differ_only_where_the_query_says_so(query: str, apart: int) -> None:
    assert parse_query(query, 0) == Spelling(fold_words(query.partition("~")[0]), apart)
    # The canonical form means the same.
    spelling = parse_query(query, 0)
    assert isinstance(spelling, Spelling)
    assert parse_query(f"{spelling.word}~{spelling.apart}", 0) == spelling


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("سعر", "سعر~"),
        ("from:alice (سعر OR النحاس) سعر", "سعر~ النحاس~"),
        ("سعر~", ""),
        ('"سعر النحاس"', ""),
        ("سع*", ""),
        ("copper", ""),
        ("-سعر copper", ""),
    ],
)
def test_who_seeks_an_arabic_word_alone_is_told_how_to_find_its_forms(query: str, told: str) -> None:
    lines = [line for line, _ in tell_forms(parse_query(query, 0))]
    assert [line.rpartition(": ")[2] for line in lines] == ([told] if told else [])
