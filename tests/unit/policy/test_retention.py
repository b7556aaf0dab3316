"""The classes of retention.toml: what is right is taken whole, what is wrong is told all at once."""

from pathlib import Path

import pytest

from policy.retention import (
    DEFAULT_POLICY,
    NS_PER_DAY,
    RecordedKind,
    RetentionError,
    assign_class,
    is_due,
    parse_retention,
)

EXAMPLE = (Path(__file__).parents[3] / "config/examples/retention.toml").read_text()
PAGE = (Path(__file__).parents[3] / "docs/retention.md").read_text()


def test_the_example_is_the_default() -> None:
    assert parse_retention(EXAMPLE) == DEFAULT_POLICY


@pytest.mark.parametrize("kind", RecordedKind)
def test_every_kind_has_a_class_and_is_documented(kind: RecordedKind) -> None:
    (name,) = [each.name for each in DEFAULT_POLICY.classes if kind in each.applies_to]
    assert DEFAULT_POLICY.by_number[assign_class(DEFAULT_POLICY, kind)].name == name
    assert f"`{kind}`" in PAGE


def test_what_has_no_kind_of_its_own_is_kept_like_a_message() -> None:
    assert assign_class(DEFAULT_POLICY, "a") == assign_class(DEFAULT_POLICY, "message") == 1


WRONG = {
    "no TOML": ("[class", "retention.toml: "),
    "nothing": ("", "class: is missing"),
    "no class": ("[class]", "class: must not be empty"),
    "another table": (EXAMPLE + "[clas.x]\n", "clas: there is no such setting"),
    "another setting": (EXAMPLE + "days = 3\n", "class.signalling.days: there is no such setting"),
    "a number is missing": (EXAMPLE.replace("number = 1 ", "#"), "class.communication.number: is missing"),
    "number 0": (EXAMPLE.replace("number = 1 ", "number = 0 "), "class.communication.number: input should"),
    "number 255": (
        EXAMPLE.replace("number = 1 ", "number = 255 "),
        "class.communication.number: input should",
    ),
    "a number twice": (EXAMPLE.replace("number = 2", "number = 1"), "class.signalling.number: 1 is already"),
    "a name": (EXAMPLE.replace("class.signalling", 'class."Signal ling"'), "'Signal ling' is no name"),
    "negative days": (EXAMPLE.replace("1827", "-1"), "class.communication.minimum_days: input should"),
    "half days": (EXAMPLE.replace("1827", "0.5"), "class.communication.minimum_days: input should"),
    "due before the minimum": (
        EXAMPLE.replace("2557", "1826"),
        "class.communication.keep_days: 1826 is less",
    ),
    "an unknown kind": (EXAMPLE.replace('"iq"', '"fax"'), "'fax' is no kind of record: choose of 'message'"),
    "a kind twice": (EXAMPLE.replace('["presence"', '["message", "presence"'), "message is already of class"),
    "a kind in no class": (EXAMPLE.replace('"iq", ', ""), "class: no class applies to iq"),
}


@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG)
def test_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(RetentionError) as error:
        parse_retention(text)
    assert any(problem in each for each in error.value.problems), error.value.problems


def test_all_problems_at_once() -> None:
    text = EXAMPLE.replace("number = 2", "number = 1").replace("2557", "1").replace('"iq", ', "")
    with pytest.raises(RetentionError) as error:
        parse_retention(text)
    assert len(error.value.problems) == 3


def test_due() -> None:
    assert not is_due(DEFAULT_POLICY, 731 * NS_PER_DAY + 4, 2, 5)
    assert is_due(DEFAULT_POLICY, 731 * NS_PER_DAY + 5, 2, 5)
    assert not is_due(DEFAULT_POLICY, 731 * NS_PER_DAY + 5, 1, 5)
    assert not is_due(DEFAULT_POLICY, 10**6 * NS_PER_DAY, 3, 5)  # a class that nobody knows is never due
