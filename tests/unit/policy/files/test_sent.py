"""Rules that say to which desks a file may not go decide on the message with its link, and on nothing else."""

from itertools import product
from typing import Any

import pytest

from policy.content.example import check_examples
from policy.content.parse import PolicyError, parse_policy
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.decision import HELD, Action, Decision, StanzaError
from policy.directory.directory import Directory, parse_directory
from policy.facts import StanzaFacts, Way
from policy.files.decide import FileDecision, FileRules
from policy.files.facts import ContentFacts, FileFacts, FileMark
from policy.files.media_type import UNTYPED
from policy.files.sent import SentFile, SentRules, find_desks
from policy.files.slot import Purpose
from tests.unit.policy.content.rules import write_rule
from tests.unit.policy.files.firsts import FIRST, FIRSTS, STRICTNESS
from tests.unit.policy.samples import ALICE, BOB, EXAMPLE, EXAMPLE_TEXT, GEORGE, ROOM
from tests.unit.policy.samples import say as message

SAID = message("see", to="carol@metals.example")
FACTS = FileFacts(
    "alice@metals.example", "prices.xlsm", UNTYPED, 1000, bytes(32), Purpose.MESSAGE,
    ContentFacts("application/vnd.ms-excel", frozenset({FileMark.MACROS})),
)  # fmt: skip
FILE, UNKNOWN = SentFile(FACTS, frozenset({"base"})), SentFile(None, frozenset({"base"}))


def rules(action: ContentAction = ContentAction.REFUSE, **matched: Any) -> SentRules:
    what = Uploads(**{"to_desks": ("precious",)} | matched)
    return SentRules(ContentPolicy((Rule("to-precious", action, "Not there.", what),)))


def decide(
    given: SentRules,
    *files: SentFile,
    to: str = "precious",
    facts: StanzaFacts = SAID,
    first: Decision = FIRST,
) -> Decision:
    return given.decide(first, facts, files, frozenset({to}))


def test_the_upload_itself_passes() -> None:
    policy = ContentPolicy((Rule("r", ContentAction.REFUSE, "No.", Uploads(to_desks=("precious",))),))
    for desk in ("precious", "base", ""):
        assert FileRules(policy).decide(FACTS, desk) == FileDecision(Action.RELEASE)


def test_rules_that_do_not_say_to_whom_are_not_asked_again() -> None:
    policy = ContentPolicy((Rule("r", ContentAction.REFUSE, "No.", Uploads(names=("*",))),))
    assert not SentRules(policy)
    assert not SentRules(None)
    assert decide(SentRules(policy), FILE) is FIRST


@pytest.mark.parametrize(
    ("action", "expected", "notice", "error"),
    [
        (ContentAction.FLAG, Action.RELEASE, "", None),
        (ContentAction.WARN, Action.RELEASE, "Not there.", None),
        (ContentAction.HOLD, Action.HOLD, "", StanzaError("wait", "policy-violation", HELD + "Not there.")),
        (ContentAction.REFUSE, Action.REFUSE, "", StanzaError("modify", "policy-violation", "Not there.")),
    ],
)
def test_each_action_is_done_to_the_message(
    action: ContentAction, expected: Action, notice: str, error: StanzaError | None
) -> None:
    given = rules(action)
    if action is ContentAction.FLAG:
        given = SentRules(ContentPolicy((Rule("to-precious", action, "", Uploads(to_desks=("precious",))),)))
    found = decide(given, FILE)
    assert found == Decision(expected, ("flagged", "to-precious"), error, notice=notice)
    assert decide(given, FILE, to="base") is FIRST
    assert given.decide(FIRST, SAID, [FILE], frozenset()) is FIRST


@pytest.mark.parametrize(
    "facts", [SAID._replace(kind="iq"), SAID._replace(kind="presence"), SAID._replace(type="error")]
)
@pytest.mark.parametrize("file", [FILE, UNKNOWN])
def test_what_cannot_wait_is_refused(facts: StanzaFacts, file: SentFile) -> None:
    found = decide(rules(ContentAction.HOLD), file, facts=facts)
    assert found.action is Action.REFUSE
    assert found.error is not None


@pytest.mark.parametrize(
    ("matched", "expected"),
    [
        ({"marks": (FileMark.MACROS,)}, True),
        ({"marks": (FileMark.BOMB,)}, False),
        ({"names": ("*.xlsm",), "larger_than_bytes": 999}, True),
        ({"names": ("*.pdf",)}, False),
        ({"types": ("application/*",), "sha256": ("00" * 32,)}, True),
        ({"desks": ("base",)}, True),
        ({"desks": ("tin", "floor")}, False),
        ({"to_desks": ("base", "precious")}, True),
    ],
)
def test_every_other_condition_has_to_fit_too(matched: dict[str, Any], expected: bool) -> None:
    assert (decide(rules(**matched), FILE).action is Action.REFUSE) is expected


def test_one_of_several_files_is_enough_and_the_strongest_rule_wins() -> None:
    what = Uploads(to_desks=("precious",))
    given = SentRules(
        ContentPolicy(
            (
                Rule("a", ContentAction.HOLD, "Hold.", what),
                Rule("b", ContentAction.REFUSE, "No.", Uploads(names=("*.xlsm",), to_desks=("precious",))),
                Rule("c", ContentAction.FLAG, "", what),
            )
        )
    )
    other = SentFile(FileFacts(*_changed("a.pdf")), frozenset())
    assert decide(given, other).rules == ("flagged", "a", "c")
    found = decide(given, other, FILE)
    assert (found.action, found.rules) == (Action.REFUSE, ("flagged", "a", "b", "c"))
    assert found.error == StanzaError("modify", "policy-violation", "No.")


def _changed(name: str) -> tuple[Any, ...]:
    return (FACTS.owner, name, UNTYPED, 1, bytes(32), Purpose.MESSAGE, ContentFacts(UNTYPED))


def test_what_nobody_knows_is_held_where_a_rule_might_match() -> None:
    found = decide(rules(ContentAction.FLAG, names=("x",)), UNKNOWN)
    assert (found.action, found.rules) == (Action.HOLD, ("flagged", "file-held"))
    assert decide(rules(), UNKNOWN, to="base") is FIRST
    assert decide(rules(desks=("tin",)), UNKNOWN) is FIRST
    assert decide(rules(), UNKNOWN, FILE).action is Action.REFUSE


def test_no_rule_makes_a_decision_weaker() -> None:
    actions = (ContentAction.FLAG, ContentAction.WARN, ContentAction.HOLD, ContentAction.REFUSE)
    for first, action, file, kind, way in product(FIRSTS, actions, (FILE, UNKNOWN), ("message", "iq"), Way):
        found = decide(rules(action), file, facts=SAID._replace(kind=kind, way=way), first=first)
        assert STRICTNESS.index(found.action) >= STRICTNESS.index(first.action)
        assert set(found.rules) >= set(first.rules)
        assert found is first or way in (Way.C2S, Way.S2S)


# --- to whom a stanza goes ---

LISTED = EXAMPLE_TEXT.replace(
    'name = "Metals desk"',
    'name = "Metals desk"\ndesks = ["base"]\npeople = ["dora@metals.example"]',
)


@pytest.mark.parametrize(
    ("to", "kind", "desks"),
    [
        (BOB, "message", {"base"}),
        (f"{BOB}/phone", "message", {"base"}),
        ("carol@metals.example", "message", {"precious"}),
        ("dora@metals.example", "message", set()),
        (ROOM, "message", {"base", "precious"}),
        (f"{ROOM}/carol", "message", {"base", "precious"}),
        ("", "presence", {"base", "precious"}),
        ("", "iq", {"base", "precious"}),
        ("alice@metals.example", "iq", {"base", "precious"}),
        ("alice@metals.example", "message", {"base"}),
        ("metals.example", "iq", set()),
        ("nobody@metals.example", "message", set()),
    ],
)
def test_who_may_get_a_stanza(to: str, kind: str, desks: set[str]) -> None:
    assert find_desks(EXAMPLE, SAID._replace(sender=ALICE, to=to, kind=kind)) == desks


def test_only_those_count_who_may_enter_a_room() -> None:
    listed: Directory = parse_directory(LISTED)
    assert find_desks(listed, SAID._replace(to=ROOM)) == {"base"}


def test_those_of_another_enterprise_do_not_count() -> None:
    facts = SAID._replace(sender=f"{GEORGE}/x", to="", kind="presence")
    assert find_desks(EXAMPLE, facts) == {"floor"}


# --- how it is written ---


def test_examples_say_to_which_desk_a_file_goes() -> None:
    example = {"name": "a.pdf", "desk": "base", "to_desk": "precious"}
    given: dict[str, Any] = {
        "kind": "file",
        "from_desks": ["base"],
        "to_desks": ["precious"],
        "must_match": [example],
    }
    policy = parse_policy(
        write_rule(**given, must_not_match=[example | {"to_desk": "base"}, {"name": "a.pdf"}])
    )
    assert policy.rules[0].matched == Uploads(desks=("base",), to_desks=("precious",))
    assert check_examples(policy, _no_model) == ()
    wrong = parse_policy(write_rule(**given | {"must_match": [example | {"to_desk": "tin"}]}))
    assert [failure.path for failure in check_examples(wrong, _no_model)] == ["r.must_match[0]"]
    with pytest.raises(PolicyError, match="nobody knows then to whom it goes"):
        parse_policy(write_rule(**given | {"action": "amend"}))
    with pytest.raises(PolicyError, match="to_desks"):
        parse_policy(write_rule(kind="file", must_match=[example]))


def _no_model(_name: object) -> Any:
    raise AssertionError
