"""Rules that look at more than one stanza."""

from collections.abc import Sequence

import pytest

from components.rules.topic_models import load_model
from policy.content.memory import RuleMemory
from policy.content.parse import PolicyError, parse_policy
from policy.content.policy import ContentPolicy
from policy.decide import decide
from policy.decision import Action
from policy.facts import Way
from policy.topic.model import ModelName, Scores, SentenceModel
from tests.unit.policy.content.rules import write_rule
from tests.unit.policy.samples import ALICE, BOB, EXAMPLE, GEORGE, ROOM, say

S = 1_000_000_000
RATE = {"kind": "rate", "count": "messages", "more_than": 1, "window_s": 60, "must_match": ["2 in 60 s"]}
TOPIC = {"kind": "topic", "action": "hold", "topics": ["private"], "share": 0.6, "messages": 2}


def policy(*rules: dict[str, object]) -> ContentPolicy:
    return parse_policy("\n".join(write_rule(**rule) for rule in rules))  # type: ignore[arg-type]


class Told:
    """A model by which a text is as private as the number in it says."""

    def __init__(self) -> None:
        self.scored = 0

    def score(self, sentences: Sequence[str]) -> list[Scores]:
        self.scored += len(sentences)
        shares = [int("".join(filter(str.isdigit, text)) or 0) / 100 for text in sentences]
        return [(1 - share, share, 0.0) for share in shares]

    def load(self, _name: ModelName) -> SentenceModel:
        return self


def test_a_rate_becomes_part_of_the_decision() -> None:
    rules = policy(RATE | {"action": "refuse"})
    memory = RuleMemory(load_model)
    decisions = [
        decide(EXAMPLE, say("hello"), rules, remembered=memory.observe(rules, say("hello"), number * S))
        for number in range(3)
    ]
    assert [decision.action for decision in decisions] == [Action.RELEASE, Action.REFUSE, Action.REFUSE]
    assert decisions[1].rules == ("r",)
    assert decisions[1].error is not None
    assert decisions[1].error.text == "Say it otherwise."


def test_only_what_people_say_here_counts_for_a_rate() -> None:
    rules = policy(RATE)
    memory = RuleMemory(load_model)
    for facts in (
        say("", type="chat"),
        say(" \n"),
        say("x", kind="iq"),
        say("x", way=Way.S2S),
        say("x", way=Way.SERVER),
        say("x", way=Way.CANARY),
        say("x"),
    ):
        assert memory.observe(rules, facts, 0) == frozenset()
    assert memory.observe(rules, say("x", sender=f"{ALICE}-2"), 0) == {"r"}  # another of her devices
    assert memory.observe(rules, say("x", sender=GEORGE), 0) == frozenset()


def test_a_new_policy_goes_on_with_what_it_has_unchanged() -> None:
    memory = RuleMemory(load_model)
    first = policy(RATE, RATE | {"id": "other"})
    assert memory.observe(first, say("x"), 0) == frozenset()
    second = policy(RATE, RATE | {"id": "other", "window_s": 61}, RATE | {"id": "new"})
    assert memory.observe(second, say("x"), 0) == {"r"}
    assert memory.observe(None, say("x"), 0) == frozenset()
    assert memory.observe(second, say("x"), 0) == frozenset()  # without rules, nothing is remembered


def test_a_conversation_is_judged_by_its_newest_messages() -> None:
    rules, model = policy(TOPIC | {"messages": 3}), Told()
    memory = RuleMemory(model.load)
    said = [
        memory.observe(rules, say(f"about {share}"), 0) == {"r"} for share in (0, 10, 90, 95, 20, 90, 90, 90)
    ]
    # The mean of three at most, where the message itself comes to half: 0, 5, 33, 65, 68 (but 20), 68, 67, 90.
    assert said == [False, False, False, True, False, True, True, True]


def test_one_message_goes_by_its_most_telling_sentence() -> None:
    memory = RuleMemory(Told().load)
    rules = policy(TOPIC | {"messages": 1})
    assert memory.observe(rules, say("about 0. about 70. about 0. about 10"), 0) == {"r"}
    assert memory.observe(rules, say("about 50. about 40"), 0) == frozenset()


def test_a_conversation_that_has_just_begun_is_not_judged() -> None:
    rules, model = policy(TOPIC | {"messages": 5}), Told()
    memory = RuleMemory(model.load)
    assert [bool(memory.observe(rules, say("about 90"), 0)) for _ in range(4)] == [False, False, True, True]


def test_conversations_are_those_of_two_people_or_of_a_room() -> None:
    rules, model = policy(TOPIC), Told()
    memory = RuleMemory(model.load)

    def holds(text: str, sender: str, to: str, type_: str = "chat", way: Way = Way.C2S) -> bool:
        return bool(memory.observe(rules, say(text, to=to, sender=sender, type=type_, way=way), 0))

    assert not holds("about 20", ALICE, BOB)
    assert not holds("about 80", f"{BOB}/phone", ALICE)  # their conversation: 50 %
    assert holds("about 80", ALICE, ROOM, "groupchat")
    assert not holds("about 0", f"{BOB}/x", ROOM, "groupchat")
    assert not holds("about 90", ALICE, ROOM, "groupchat")
    # Another site's room tells its occupant.
    assert holds("about 90", f"{ROOM}/carol", ALICE, "groupchat", Way.S2S)


def test_what_only_flags_is_left_for_later() -> None:
    rules = policy(TOPIC | {"id": "flags", "action": "flag"}, TOPIC | {"id": "holds"})
    model = Told()
    assert RuleMemory(model.load).observe(rules, say("about 90"), 0) == {"holds"}
    assert model.scored == 1
    later = RuleMemory(model.load, flags_topics=True)
    assert later.observe(rules, say("about 90"), 0) == {"flags", "holds"}
    assert model.scored == 2  # once for both rules
    assert RuleMemory(model.load).observe(policy(TOPIC | {"action": "flag"}), say("about 90"), 0) == set()
    assert model.scored == 2


def test_what_is_submitted_again_does_not_make_a_conversation_longer() -> None:
    rules, model = policy(TOPIC), Told()
    memory = RuleMemory(model.load)
    memory.observe(rules, say("about 0"), 0)
    for _ in range(3):
        assert not memory.observe(rules, say("about 90"), 0, is_counted=True)


def test_a_message_without_words_is_about_nothing() -> None:
    memory = RuleMemory(Told().load)
    rules = policy(TOPIC)
    for text in ("100", "?!", "👍", "https://evil.com/private", "9f2c41d0-7bd7-4e3a-a1b2-9f2c41d07bd7"):
        assert memory.observe(rules, say(text), 0) == frozenset(), text


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"action": "refuse"},
            "rule[0].action: a model may be wrong, so that topics only flag or hold: choose one of these",
        ),
        (
            {"action": "warn"},
            "rule[0].action: a model may be wrong, so that topics only flag or hold: choose one of these",
        ),
        (
            {"model": "e5"},
            "rule[0].model: e5 takes too long to let anybody wait for it: choose ngram, or flag",
        ),
        (
            {"topics": ["weather"]},
            "rule[0].topics[0]: 'weather' is none of 'business', 'private' or 'off-channel'",
        ),
    ],
)
def test_a_topic_that_is_wrong(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(TOPIC | settings)
    assert caught.value.problems == (problem,)
