import pytest

from policy.content.parse import find_lexicon_files, parse_policy
from tests.unit.policy.content.rules import matches, one_rule, write_rule

WHOLE_WORDS = [
    ("pool", "the pool is full", True),
    ("pool", "Pool!", True),
    ("pool", "POOL", True),
    ("pool", "(pool)", True),
    ("pool", "car-pool", True),
    ("pool", "pool_price", True),
    ("pool", "the pool's price", True),
    ("pool", "\npool\n", True),
    ("pool", "pools", False),
    ("pool", "carpool", False),
    ("pool", "pool2", False),
    ("pool", "2pool", False),
    ("pool", "poolé", False),
    ("pool", "spool pool", True),
    ("pool*", "pools pooling", True),
    ("pool*", "carpool", False),
    ("*pool", "carpool", True),
    ("*pool", "pools", False),
    ("*pool*", "carpools", True),
    ("front run", "front   run", True),
    ("front run", "front\nrun", True),
    ("front  run", "front run", True),
    ("front run", "frontrun", True),
    ("front run", "frontruns", False),
    ("front run", "front runs", False),
    ("front run*", "front runs", True),
    ("kurs drücken", "den KURS DRÜCKEN wir", True),
    ("straße", "STRASSE", True),
    ("groß", "GROSS", True),
    ("€uro", "50 €uro", True),
    ("$$$", "a$$$b", True),
]  # fmt: skip


@pytest.mark.parametrize(("term", "text", "found"), WHOLE_WORDS)
def test_words_count_as_whole_ones(term: str, text: str, found: bool) -> None:
    assert matches(one_rule(kind="lexicon", terms={"en": [term]}), text) is found


WITHOUT_SPACES = [
    ("内幕消息", "我有内幕消息告诉你", True),
    ("内幕消息", "内幕 消息", True),
    ("内幕消息", "内幕\n消息", True),
    ("内幕", "insider内幕tip", True),
    ("内幕消息", "内部消息", False),
    ("copper", "买copper吧", True),
    ("copper", "买coppers吧", False),
    ("a股", "买A股吧", True),
    ("a股", "BA股", False),
    ("インサイダー", "これはインサイダー取引です", True),
    ("내부자", "내부자가 말했다", True),
    ("銅", "10噸銅板", True),
]


@pytest.mark.parametrize(("term", "text", "found"), WITHOUT_SPACES)
def test_scripts_without_spaces_have_no_words(term: str, text: str, found: bool) -> None:
    assert matches(one_rule(kind="lexicon", terms={"zh": [term]}), text) is found


HIDDEN = [
    ("insider", "in\u200bsi\u00adder"),  # invisible characters
    ("insider", "in\u2060s\ufeffider"),
    ("insider", "\u202einsider"),
    ("insider", "insіdеr"),  # Cyrillic
    ("insider", "ιnsider"),  # Greek
    ("insider", "ｉｎｓｉｄｅｒ"),
    ("insider", "𝐢𝐧𝐬𝐢𝐝𝐞𝐫"),
    ("insider", "ⓘⓝⓢⓘⓓⓔⓡ"),
    ("insider", "ínsïder"),
    ("insider", "i̶n̶s̶i̶d̶e̶r"),
    ("inſider", "insider"),
    ("geheim", "ge\u0301heim"),
    ("drücken", "dru\u0308cken"),
    ("fix", "ﬁx"),
    ("保证收益", "保\u200b证\u2063收益"),
]  # fmt: skip


@pytest.mark.parametrize(("term", "text"), HIDDEN)
def test_obfuscated_text_is_found_unless_a_rule_does_not_fold(term: str, text: str) -> None:
    assert matches(one_rule(kind="lexicon", terms={"en": [term]}), text)
    assert matches(one_rule(kind="lexicon", terms={"en": [term]}, fold=False), term)


@pytest.mark.parametrize("text", ["in\u200bsider", "ínsider", "insіder"])
def test_a_rule_that_does_not_fold_takes_text_as_it_is(text: str) -> None:
    assert not matches(one_rule(kind="lexicon", terms={"en": ["insider"]}, fold=False), text)


def test_a_long_term_that_is_no_whole_word_does_not_hide_a_short_one() -> None:
    policy = one_rule(kind="lexicon", terms={"en": ["inside", "inside trade"]})
    assert matches(policy, "inside trades")


def test_words_that_html_takes_apart_are_put_together() -> None:
    html = (
        "<message><html xmlns='http://jabber.org/protocol/xhtml-im'>"
        "<body xmlns='http://www.w3.org/1999/xhtml'><b>in</b>sider</body></html></message>"
    )
    policy = one_rule(kind="lexicon", terms={"en": ["insider"]})
    assert matches(policy, html)
    assert not matches(policy, "<message><subject>in</subject><body>sider</body></message>")


def test_terms_come_from_files_too() -> None:
    text = write_rule(kind="lexicon", files={"en": ["en.txt"], "zh": ["zh.txt", "en.txt"]})
    assert find_lexicon_files(text) == ("en.txt", "zh.txt")
    policy = parse_policy(text, {"en.txt": "\ufeff# words\n\n  insider \n", "zh.txt": "内幕\r\n"})
    assert matches(policy, "insider")
    assert matches(policy, "有内幕")
    assert not matches(policy, "words")
