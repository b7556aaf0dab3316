"""Which rules match a file, and what becomes of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policy.content.parse import PolicyError, parse_policy
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.decision import Action
from policy.files.built_in import (
    DENIED_HASH,
    FILE_RULES,
    MALWARE,
    NOT_AMENDED,
    NOT_AMENDED_TEXT,
    REFUSED_TYPE,
    UNCHECKED,
)
from policy.files.decide import FileDecision, FileRules
from policy.files.facts import ContentFacts, FileFacts, FileMark
from policy.files.match import FileMatcher
from policy.files.media_type import UNTYPED
from policy.files.slot import Purpose
from tests.unit.policy.content.rules import write_rule

PLAIN = FileFacts(
    "anna@metals.example", "a.pdf", UNTYPED, 1000, bytes(32), Purpose.MESSAGE, ContentFacts("application/pdf")
)
EXAMPLE = parse_policy((Path(__file__).parents[4] / "config" / "examples" / "policy.toml").read_text())


def file(*marks: FileMark, **changes: Any) -> FileFacts:
    content = replace(PLAIN.content, marks=frozenset(marks))
    return replace(PLAIN, **{"content": content} | changes)


def content(type_: str = "application/pdf", members: tuple[str, ...] = ()) -> ContentFacts:
    return ContentFacts(type_, member_names=members)


def policy(*rules: tuple[str, ContentAction, Uploads]) -> ContentPolicy:
    return ContentPolicy(tuple(Rule(id_, action, f"Told by {id_}.", what) for id_, action, what in rules))


def matches(what: Uploads, facts: FileFacts, desk: str = "") -> bool:
    return bool(FileMatcher([Rule("r", ContentAction.FLAG, "", what)]).find_rules(facts, desk))


@pytest.mark.parametrize(
    ("what", "facts", "expected"),
    [
        (Uploads(types=("application/pdf",)), PLAIN, True),
        (Uploads(types=("image/*",)), file(content=content("image/svg+xml")), True),
        (Uploads(types=("image/*",)), file(content=content("Image/PNG; x=1")), True),
        (Uploads(types=("image/*",)), file(content=content("imageless/x")), False),
        # What the client says of a type does not count.
        (Uploads(types=("image/png",)), replace(PLAIN, claimed_type="image/png"), False),
        (Uploads(larger_than_bytes=1000), PLAIN, False),
        (Uploads(larger_than_bytes=999), PLAIN, True),
        (Uploads(sha256=("00" * 32,)), PLAIN, True),
        (Uploads(sha256=("01" * 32,)), PLAIN, False),
        (Uploads(marks=(FileMark.MACROS, FileMark.BOMB)), file(FileMark.BOMB, FileMark.ARCHIVE), True),
        (Uploads(marks=(FileMark.MACROS,)), file(FileMark.BOMB), False),
        (Uploads(purposes=(Purpose.PROFILE,)), PLAIN, False),
        # Every setting has to fit.
        (Uploads(types=("application/pdf",), marks=(FileMark.MACROS,)), PLAIN, False),
        (Uploads(types=("application/pdf",), marks=(FileMark.MACROS,)), file(FileMark.MACROS), True),
    ],
)
def test_what_a_rule_matches(what: Uploads, facts: FileFacts, expected: bool) -> None:
    assert matches(what, facts) is expected


@pytest.mark.parametrize(
    ("glob", "name", "expected"),
    [
        ("*.exe", "A.EXE", True),
        ("*.exe", "a.exe.", True),
        ("*.exe", "a.e\u200bxe", True),
        ("*.exe", "ａ.ｅｘｅ", True),
        ("*.exe", "a.exe.pdf", False),
        ("*.exe", "axexe", False),
        ("*.straße", "x.STRASSE", True),
        ("报价*", "报价 7.pdf", True),
        ("отчёт?.pdf", "ОТЧЁТ7.pdf", True),
        ("отчёт?.pdf", "отчёт.pdf", False),
        ("[a].pdf", "a.pdf", False),
        ("[a].pdf", "[A].pdf", True),
        ("(a+)+$.pdf", "aaaaaaaa.pdf", False),
        ("*a*", "b\na", True),
    ],
)
def test_names_in_any_script(glob: str, name: str, expected: bool) -> None:
    what = Uploads(names=(glob, "other"))
    assert matches(what, replace(PLAIN, name=name)) is expected
    for path in (f"folder/{name}", f"folder\\{name}", f"{name}/"):
        inside = file(content=content(members=("x", path)))
        assert matches(what, inside) is expected


def test_a_folder_of_that_name_is_none() -> None:
    assert not matches(Uploads(names=("*.exe",)), file(content=content(members=("a.exe/readme",))))


def test_the_desk_is_that_of_who_sends_it() -> None:
    what = Uploads(desks=("copper", "tin"))
    assert [matches(what, PLAIN, desk) for desk in ("tin", "zinc", "")] == [True, False, False]


# --- what becomes of it ---


@pytest.mark.parametrize(("mark", "rule"), [(FileMark.MALWARE, MALWARE), (FileMark.DENIED_HASH, DENIED_HASH)])
def test_what_no_site_carries(mark: FileMark, rule: str) -> None:
    lenient = policy(("lenient", ContentAction.FLAG, Uploads(marks=tuple(FileMark))))
    for rules in (None, lenient):
        decision = FileRules(rules).decide(file(mark))
        assert decision.action is Action.REFUSE
        assert rule in decision.rules
        assert decision.text


def test_without_a_policy_anything_else_passes() -> None:
    others = set(FileMark) - {FileMark.MALWARE, FileMark.DENIED_HASH, FileMark.UNSCANNED}
    assert FileRules(None).decide(file(*others)) == FileDecision(Action.RELEASE)


def test_refused_types_are_those_of_the_content() -> None:
    rules = FileRules(None, {"video/*", "application/pdf"})
    assert rules.decide(PLAIN).rules == (REFUSED_TYPE,)
    assert rules.decide(file(content=content("video/mp4"))).action is Action.REFUSE
    claimed = replace(PLAIN, claimed_type="video/mp4", content=content("image/png"))
    assert rules.decide(claimed).action is Action.RELEASE


def test_the_strongest_wins_and_all_are_named() -> None:
    what = Uploads(marks=(FileMark.MACROS,))
    given = [(action.value, action, what) for action in ContentAction if action is not ContentAction.AMEND]
    found = FileRules(policy(*given)).decide(file(FileMark.MACROS))
    assert found == FileDecision(Action.REFUSE, ("flag", "hold", "refuse", "warn"), "Told by refuse.")
    held = FileRules(policy(*given[:3], ("b", ContentAction.HOLD, what), ("a", ContentAction.HOLD, what)))
    assert held.decide(file(FileMark.MACROS)) == FileDecision(
        Action.HOLD, ("a", "b", "flag", "hold", "warn"), "Told by a."
    )
    warned = FileRules(policy(*given[:2])).decide(file(FileMark.MACROS))
    assert warned == FileDecision(Action.RELEASE, ("flag", "warn"), "Told by warn.")


@pytest.mark.parametrize("action", [None, ContentAction.FLAG, ContentAction.WARN])
def test_what_nobody_looked_at_does_not_pass(action: ContentAction | None) -> None:
    what = Uploads(marks=(FileMark.UNSCANNABLE, FileMark.UNSCANNED))
    rules = FileRules(policy(("r", action, what)) if action else None)
    for facts, overdue in ((file(FileMark.UNSCANNABLE), True), (file(FileMark.UNSCANNED), False)):
        found = rules.decide(facts, overdue=overdue)
        assert (found.action, found.rules[0]) == (Action.REFUSE, UNCHECKED)
        assert found.rules[1:] == (("r",) if action else ())


def test_what_nobody_looked_at_is_held_where_a_rule_says_so() -> None:
    rules = policy(("r", ContentAction.HOLD, Uploads(marks=(FileMark.UNSCANNABLE,))))
    found = FileRules(rules).decide(file(FileMark.UNSCANNABLE), overdue=True)
    assert found == FileDecision(Action.HOLD, ("r",), "Told by r.")


def test_a_site_may_go_on_without_its_scanner() -> None:
    rules = FileRules(None, must_be_scanned=False)
    assert rules.decide(file(FileMark.UNSCANNED)).action is Action.RELEASE
    assert rules.decide(file(FileMark.UNSCANNED), overdue=True).action is Action.REFUSE


@pytest.mark.parametrize(
    ("mark", "action"),
    [
        (FileMark.EXECUTABLE, Action.REFUSE),
        (FileMark.BOMB, Action.REFUSE),
        (FileMark.ENCRYPTED, Action.HOLD),
        (FileMark.UNSCANNABLE, Action.HOLD),
        (FileMark.UNSCANNED, Action.HOLD),
        (FileMark.MACROS, Action.HOLD),
        (FileMark.LOCATION, Action.RELEASE),
        (FileMark.ARCHIVE, Action.RELEASE),
    ],
)
def test_the_example(mark: FileMark, action: Action) -> None:
    found = FileRules(EXAMPLE).decide(file(mark))
    assert found.action is action
    assert bool(found.text) is (action is not Action.RELEASE)


# --- how they are written ---


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "rule[0].kind: every file would match: give one of types, names, "),
        ({"types": ["pdf"]}, "rule[0].types[0]: is no media type"),
        ({"types": ["*/*"]}, "rule[0].types[0]: is no media type"),
        ({"sha256": ["00"]}, "rule[0].sha256[0]: is no SHA-256"),
        ({"marks": ["virus"]}, "rule[0].marks[0]: 'virus' is none of 'executable'"),
        ({"larger_than_mib": 0}, "rule[0].larger_than_mib: "),
        ({"names": ["x"], "must_match": ["x"]}, "rule[0].must_match[0]: must be a table"),
        (
            {"names": ["x"], "otherwise": "hold"},
            "rule[0].otherwise: has a meaning only if the action is amend",
        ),
        ({"names": ["x"], "action": "amend", "otherwise": "flag"}, "rule[0].otherwise: "),
        ({"names": ["x"], "must_match": [{"nome": "x"}]}, "rule[0].must_match[0].nome: there is no such"),
    ],
)
def test_mistakes(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(write_rule(**{"kind": "file", "must_match": [{"name": "x"}]} | settings))
    assert any(each.startswith(problem) for each in caught.value.problems), caught.value.problems


@pytest.mark.parametrize("id_", sorted(FILE_RULES))
def test_our_own_rules_have_their_names_to_themselves(id_: str) -> None:
    with pytest.raises(PolicyError, match="a rule of Steelyard's own"):
        parse_policy(write_rule(id_, kind="file", names=["x"], must_match=[{"name": "x"}]))


def test_what_a_rule_says() -> None:
    text = write_rule(
        kind="file", types=["Image/PNG"], names=["a"], larger_than_mib=1.5, sha256=["AB" * 32], marks=["macros"],
        from_desks=["tin"], purposes=["message"],
        must_match=[
            {"name": "A", "type": "image/png", "size_mib": 2, "sha256": "ab" * 32, "marks": ["macros"], "desk": "tin"}
        ],
    )  # fmt: skip
    (rule,) = parse_policy(text).rules
    assert rule.matched == Uploads(
        ("image/png",), ("a",), 3 << 19, ("ab" * 32,), (FileMark.MACROS,), ("tin",), (Purpose.MESSAGE,)
    )


def amends(id_: str, text: str, otherwise: ContentAction = ContentAction.REFUSE) -> Rule:
    what = Uploads(marks=(FileMark.LOCATION,), otherwise=otherwise)
    return Rule(id_, ContentAction.AMEND, text, what)


WARNS = Rule("warns", ContentAction.WARN, "Told.", Uploads(marks=(FileMark.LOCATION,)))
HOLDS = Rule("holds", ContentAction.HOLD, "With compliance.", Uploads(marks=(FileMark.LOCATION,)))
REFUSES = Rule("refuses", ContentAction.REFUSE, "Not sent.", Uploads(marks=(FileMark.LOCATION,)))
KEEPS = ContentAction.HOLD


@pytest.mark.parametrize(
    ("rules", "action", "text", "amending"),
    [
        ((amends("a", ""),), Action.RELEASE, "", True),
        ((amends("a", "Without."), WARNS), Action.RELEASE, "Without.", True),
        # What tells nothing takes nothing from what a weaker rule tells.
        ((amends("a", ""), WARNS), Action.RELEASE, "Told.", True),
        # A reviewer who releases it releases the copy.
        ((amends("a", "Without."), HOLDS), Action.HOLD, "With compliance.", True),
        ((amends("a", "Without."), REFUSES), Action.REFUSE, "Not sent.", False),
    ],
)
def test_what_is_amended_whatever_else_becomes_of_it(
    rules: tuple[Rule, ...], action: Action, text: str, amending: bool
) -> None:
    decision = FileRules(ContentPolicy(rules)).decide(file(FileMark.LOCATION))
    assert (decision.action, decision.text, decision.amends) == (action, text, amending)
    assert not FileRules(ContentPolicy(rules)).decide(PLAIN).amends


@pytest.mark.parametrize(
    ("rules", "action", "text"),
    [
        ((amends("a", ""),), Action.REFUSE, NOT_AMENDED_TEXT),
        ((amends("a", "", KEEPS),), Action.HOLD, NOT_AMENDED_TEXT),
        ((amends("a", "", KEEPS), amends("b", "")), Action.REFUSE, NOT_AMENDED_TEXT),
        ((amends("a", "", KEEPS), HOLDS), Action.HOLD, "With compliance."),
        ((amends("a", ""), HOLDS), Action.REFUSE, NOT_AMENDED_TEXT),
    ],
)
def test_what_cannot_be_amended_is_not_let_through(
    rules: tuple[Rule, ...], action: Action, text: str
) -> None:
    decision = FileRules(ContentPolicy(rules)).decide(file(FileMark.LOCATION)).not_amended()
    assert (decision.action, decision.text, decision.amends) == (action, text, False)
    assert decision.rules == tuple(sorted({NOT_AMENDED, *(rule.id for rule in rules)}))


def test_rules_that_do_not_count() -> None:
    rules = FileRules(ContentPolicy((WARNS, HOLDS)))
    assert rules.decide(file(FileMark.LOCATION), but=("holds",)) == FileDecision(
        Action.RELEASE, ("warns",), "Told."
    )
