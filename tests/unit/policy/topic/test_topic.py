"""Sentences, the two models and their weights."""

import pytest

from components.rules.topic_models import load_model
from policy.topic.embedding import EmbeddingClassifier
from policy.topic.linear import to_scores
from policy.topic.model import ModelName, Topic
from policy.topic.ngram import BUCKETS, ZERO, NgramModel, find_buckets
from policy.topic.sentences import CHARACTERS_MAX, SENTENCES_MAX, split_sentences
from policy.topic.window import CONVERSATIONS_MAX, ConversationWindows
from tests.support.rounds import mostly_slow


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", ()),
        ("Copper? 9410.50 USD/t, e.g. today. ok", ("Copper", "9410.50 USD/t, e.g", "today", "ok")),
        ("好的。马上确认！下周见", ("好的", "马上确认", "下周见")),
        ("see https://evil.com/a.b now", ("see now",)),
        ("9f2c41d07bd7e3aa\nhello there", ("hello there",)),
        ("1 2 3. a. !!! 👍", ()),
        ("  much \t white\u00a0space ", ("much white space",)),
    ],
)
def test_sentences(text: str, sentences: tuple[str, ...]) -> None:
    assert split_sentences(text) == sentences


def test_a_long_text_is_looked_at_all_over() -> None:
    found = split_sentences(". ".join(f"sentence {number}" for number in range(1_000)))
    assert len(found) == SENTENCES_MAX
    assert found[0] == "sentence 0"
    assert found[-1] == "sentence 875"
    assert split_sentences("ab" * 1_000) == ("ab" * (CHARACTERS_MAX // 2),)


def test_what_hides_a_word_makes_no_difference() -> None:
    assert find_buckets("WhatsApp") == find_buckets("ｗｈａｔｓａｐｐ") == find_buckets("what\u200bsapp")
    assert find_buckets("9410") == find_buckets("1234")
    assert find_buckets("微信") != find_buckets("微博")
    assert all(0 <= bucket < BUCKETS for bucket in find_buckets("\udc00 half of a pair"))


def test_scores_are_together_one() -> None:
    assert to_scores((0.0, 0.0)) == (0.5, 0.5)
    assert to_scores((1000.0, 0.0)) == (1.0, 0.0)
    assert sum(to_scores((-3.0, 2.0, 0.1))) == pytest.approx(1)


def test_a_model_adds_up_what_a_sentence_has() -> None:
    row = bytearray([ZERO]) * BUCKETS
    bucket = min(find_buckets("x") - find_buckets("qqq"))
    row[bucket] = ZERO + 100
    model = NgramModel((bytes(row), bytes([ZERO]) * BUCKETS), 1.0, (0.0, 0.0))
    with_it, without = model.score(["x", "qqq"])
    assert with_it[0] > 0.99
    assert without == (0.5, 0.5)
    assert EmbeddingClassifier(((1.0, 0.0), (0.0, 1.0)), (0.0, 0.0)).score([5.0, 0.0])[0] > 0.99


@pytest.mark.parametrize("name", mostly_slow(ModelName))
def test_a_shipped_model_tells_plain_sentences(name: ModelName) -> None:
    model = load_model(name)
    sentences = {
        "Please offer 500 t of copper, delivery in March.": Topic.BUSINESS,
        "Bitte 500 t Kupfer anbieten, Lieferung im März.": Topic.BUSINESS,
        "请报500吨铜,三月交货": Topic.BUSINESS,
        "my kids are sick today": Topic.PRIVATE,
        "meine Kinder sind heute krank": Topic.PRIVATE,
        "我的孩子今天生病了": Topic.PRIVATE,
        "let's continue this on WhatsApp": Topic.OFF_CHANNEL,
        "lass uns das auf WhatsApp weiterführen": Topic.OFF_CHANNEL,
        "我们上微信继续聊": Topic.OFF_CHANNEL,
    }
    scores = model.score(list(sentences))
    told = [list(Topic)[max(range(3), key=each.__getitem__)] for each in scores]
    assert told == list(sentences.values())
    assert model.score([*sentences, "and one more"])[: len(sentences)] == scores


@pytest.mark.parametrize("name", mostly_slow(ModelName))
def test_no_text_breaks_a_model(name: ModelName) -> None:
    wild = ["", "\0", "a\0b", "\udc00", "x" * CHARACTERS_MAX, "👍" * 50, "\u202e\u200b", "𠀀" * 99]
    for scores in load_model(name).score(wild):
        assert sum(scores) == pytest.approx(1)


def test_conversations_of_long_ago_are_forgotten() -> None:
    windows = ConversationWindows((Topic.PRIVATE,), 0.5, 3)
    for number in range(CONVERSATIONS_MAX + 5):
        windows.matches(str(number), [(0.0, 1.0, 0.0)])
    assert len(windows) == CONVERSATIONS_MAX
