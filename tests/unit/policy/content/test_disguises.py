"""Disguises: words that a reader reads, written so that a program does not; for rules and the search alike."""

import time

import pytest

from tests.support.one_text import rule_finds, search_finds

DISGUISED = {
    "a sign for a letter": ("trade", "tr@de"),
    "a sign of money for a letter": ("secret", "$ecret"),
    "another sign of money for a letter": ("secret", "s€cret"),
    "signs at the end": ("bonus", "bonu$"),
    "a line for a letter": ("insider", "|nsider"),
    "a mark of exclamation for a letter": ("insider", "ins!der"),
    "a plus for a letter": ("letter", "le++er"),
    "a digit before a word": ("offer", "0ffer"),
    "some digits of several kinds": ("insider", "ins1d3r"),
    "a digit and a sign": ("secret", "$3cr3t"),
    "an 8 for a letter": ("book", "8ook"),
    "a digit for an l": ("sideletter", "side1etter"),
    "digits and signs between": ("insider", "1.n.s.1.d.3.r"),
    "a digit in a word with umlauts": ("drücken", "drück3n"),
    "signs between some letters": ("trade", "t.r-ade"),
    "a hyphen in a word": ("insider", "in-sider"),
    "marks of style in a word": ("insider", "in**sid**er"),
    "dots between some letters": ("insider", "in..si.der"),
    "a hyphen in a word behind another mark": ("insider", "copper/in-sider"),
    "a hyphen in a word behind a colon": ("insider", "note:in-sider,later"),
    "a hyphen in a word of a name": ("sideletter", "the_side-letter"),
    "many emoji in a word": ("insider", "in😀😀😀😀😀sider"),
    "many marks in a word": ("insider", "in-----sider"),
    "many marks in a word with umlauts": ("drücken", "drü*****cken"),
    "one turned letter": ("insider", "ᴉnsider"),
    "a small capital in capitals": ("insider", "ꞮNSIDER"),
    "a section for a letter": ("insider", "in§ider"),
    "an emoji in a word": ("insider", "in😀sider"),
    "a character that cannot be shown": ("insider", "in\ufffdsider"),
    "a character of private use": ("insider", "in\ue000sider"),
    "letters with many kinds of signs": ("insider", "i-n.s|i~d+e:r"),
    "letters in brackets": ("insider", "(i)(n)(s)(i)(d)(e)(r)"),
    "letters with commas and blanks": ("insider", "i, n, s, i, d, e, r"),
    "letters with dashes and blanks": ("insider", "i – n – s – i – d – e – r"),
    "a word that goes on behind another hyphen": ("sideletter", "side\u2010\nletter"),
    "Chinese with a dot in the middle": ("内幕", "内·幕"),
    "Chinese with some dots": ("内幕消息", "内幕·消息"),
    "Korean with some dots": ("내부자", "내·부자"),
    "rn for m": ("market", "the rnarket"),
    "rn for an m within": ("company", "the cornpany"),
    "vv for w": ("swap", "a svvap"),
    "vv and rn": ("warehousing market", "vvarehousing rnarket"),
    "letters of Braille": ("insider", "⠊⠝⠎⠊⠙⠑⠗"),
    "tags": ("insider", "hi" + "".join(chr(0xE0000 + ord(each)) for each in " insider")),
    "a flag's tags": (
        "insider",
        "\U0001f3f4" + "".join(chr(0xE0000 + ord(each)) for each in "insider") + "\U000e007f",
    ),
    "variation selectors": (
        "insider",
        "\U0001f600" + "".join(chr(0xE0100 + ord(each) - 16) for each in "insider"),
    ),
    "jamo as keys have them": ("한국", "ㅎㅏㄴㄱㅜㄱ"),
    "narrow jamo": ("한국", "\uffbe\uffc2\uffa4\uffa1\uffd3\uffa1"),
    "jamo before a syllable": ("내부자", "ㄴㅐ부자"),
    "overrides within overrides": ("secret", "\u202ete\u202dcr\u202ces\u202c"),
    "an embedding in an override": ("secret", "\u202ete\u202acr\u202ces\u202c"),
    "a text upside down": ("secret", "ʇǝɹɔǝs"),
    "a text upside down with ASCII": ("insider", "ɹǝpᴉsuᴉ"),
    "Cyrillic as on posters": ("trade", "тяаde"),
    "Cyrillic alone as on posters": ("insider", "іиѕіdея"),
    "Greek and Cyrillic": ("market", "мαяkεт"),
    "letters like a capital I": ("insider", "ꓲꓠꓢꓲꓓꓰꓣ"),
    "signs of money": ("secret", "₴Ɇ₵ⱤɆ₮"),
    "Chinese characters as letters": ("secret", "丂乇匚尺乇ㄒ"),
    "Chinese characters alone as letters": ("trade", "七尺卂刀乇"),
}


@pytest.mark.parametrize("kind", DISGUISED)
def test_a_disguised_term_is_found(kind: str) -> None:
    term, text = DISGUISED[kind]
    assert rule_finds(term, text)
    assert search_finds(f'"{term}"', text) == [0]


OTHERS = {
    "a unit": ("lots", "10ts"),
    "a short unit": ("smt", "5mt"),
    "a month": ("em", "3m"),
    "a mark at the end": ("selli", "sell!"),
    "an m of a short word": ("modem", "modern"),
    "an m in another one": ("stem", "stern"),
    "an apostrophe": ("dont", "don't"),
    "a reaction in Korean": ("내부잨", "내부자ㅋㅋ"),
    "two words with many points": ("sellside", "sell.....side"),
    "two words with very many marks": ("sellside", "sell--------------------side"),
    "Chinese of two sides": ("买卖", "买/卖"),
    "Chinese from one place to another": ("京上", "北京-上海"),
    "Chinese with an emoji": ("价上", "铜价😀上涨"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_disguise_is_not_undone(kind: str) -> None:
    term, text = OTHERS[kind]
    assert not rule_finds(term, text)
    assert search_finds(f'"{term}"', text) == []


def test_what_is_undone_hides_nothing_that_was_sent() -> None:
    for term, text in (("book", "book $ecret"), ("side letter", "side letter in-side"), ("3m", "3m tr@de")):
        assert rule_finds(term, text)
        assert search_finds(f'"{term}"', text) == [0]


def test_a_rule_that_does_not_fold_undoes_nothing() -> None:
    assert not rule_finds("trade", "tr@de", folds=False)
    assert not rule_finds("market", "rnarket", folds=False)


@pytest.mark.parametrize(
    "text",
    [
        "\u202e" * 50_000 + "a" * 50_000,
        "a-" * 100_000,
        "1!" * 100_000,
        "[.]" * 60_000,
        "ㅎㅏ" * 50_000,
        "내부자" * 20_000,
        # Rows that were read again from each of their places, once there is a sign of a disguise anywhere.
        "tr@de " + "a" * 200_000,
        "tr@de " + "!" * 200_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    rule_finds("insider", text)
    assert time.process_time() - began < 5
