import dataclasses

import pytest

from policy.content.decide import UNOBJECTIONABLE, decide_content
from policy.content.parse import parse_policy
from policy.content.policy import ContentPolicy
from policy.content.refusals import OTR
from policy.decide import decide
from policy.decision import HELD, Action, Decision, StanzaError
from policy.facts import Way
from policy.reach.affiliation import RECIPIENT_OUTSIDE
from tests.unit.policy.content.rules import write_rule
from tests.unit.policy.samples import EXAMPLE, GEORGE, say

ACTIONS = ("flag", "warn", "amend", "hold", "refuse")


def make_policy(*actions: str) -> ContentPolicy:
    """A rule for each action, that matches its name; `amend` matches a link."""
    rules = [
        write_rule(f"to-{action}", action, f"Told by {action}.", kind="link", hosts=[])
        if action == "amend"
        else write_rule(f"to-{action}", action, f"Told by {action}.", kind="lexicon", terms={"en": [action]})
        for action in actions
    ]
    return parse_policy("\n".join(rules))


POLICY = make_policy(*ACTIONS)
REFUSED = StanzaError("modify", "policy-violation", "Told by refuse.")
HELD_BACK = StanzaError("wait", "policy-violation", f"{HELD}Told by hold.")


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("hello", Decision(Action.RELEASE)),
        ("flag", Decision(Action.RELEASE, ("to-flag",))),
        ("warn", Decision(Action.RELEASE, ("to-warn",), notice="Told by warn.")),
        ("flag warn", Decision(Action.RELEASE, ("to-flag", "to-warn"), notice="Told by warn.")),
        ("x.com", Decision(Action.AMEND, ("to-amend",), notice="Told by amend.", strip=("x.com",))),
        (
            "warn x.com",
            Decision(Action.AMEND, ("to-amend", "to-warn"), notice="Told by amend.", strip=("x.com",)),
        ),
        ("hold", Decision(Action.HOLD, ("to-hold",), HELD_BACK)),
        (
            "hold x.com",
            Decision(Action.HOLD, ("to-amend", "to-hold"), HELD_BACK, strip=("x.com",)),
        ),
        ("refuse", Decision(Action.REFUSE, ("to-refuse",), REFUSED)),
        (
            "flag warn x.com hold refuse",
            Decision(Action.REFUSE, ("to-amend", "to-flag", "to-hold", "to-refuse", "to-warn"), REFUSED),
        ),
    ],
)
def test_the_strongest_action_wins_and_all_rules_are_named(text: str, decision: Decision) -> None:
    assert decide_content(POLICY, say(text)) == decision


def test_of_a_remote_sites_people_their_own_gate_tells_them() -> None:
    assert decide_content(POLICY, say("hold", way=Way.S2S)) == Decision(Action.HOLD, ("to-hold",))


def test_of_several_equal_ones_the_first_id_tells() -> None:
    rules = [
        write_rule(id_, text=f"From {id_}.", kind="lexicon", terms={"en": ["x"]}) for id_ in ("b", "a", "c")
    ]
    decision = decide_content(parse_policy("\n".join(rules)), say("x"))
    assert decision.rules == ("a", "b", "c")
    assert decision.error is not None
    assert decision.error.text == "From a."


@pytest.mark.parametrize("way", [Way.SESSION, Way.CANARY, Way.SERVER])
def test_what_nobody_says_is_not_decided_on(way: Way) -> None:
    assert decide_content(POLICY, say("refuse", way=way)) is UNOBJECTIONABLE


@pytest.mark.parametrize("way", [Way.C2S, Way.S2S, Way.COMPONENT])
def test_what_somebody_says_is(way: Way) -> None:
    assert decide_content(POLICY, say("refuse", way=way)).action is Action.REFUSE


@pytest.mark.parametrize("text", ["hello", "refuse", "hold", "flag"])
def test_without_rules_nothing_changes(text: str) -> None:
    assert decide(EXAMPLE, say(text)) is decide(EXAMPLE, say(text), None)
    assert decide(EXAMPLE, say(text)).action is Action.RELEASE
    assert decide(EXAMPLE, say("hello")) is decide(EXAMPLE, say("hello"), POLICY)


def test_a_refusal_for_another_reason_stands_and_names_the_rules_besides() -> None:
    for facts, first in ((say("flag", to=GEORGE), RECIPIENT_OUTSIDE), (say("?OTRv23? hold"), OTR)):
        decision = decide(EXAMPLE, facts, POLICY)
        assert (decision.action, decision.error) == (Action.REFUSE, first.error)
        assert decision.rules == (*first.rules, f"to-{facts.text.split()[-1]}")


def test_a_rule_decides_among_colleagues() -> None:
    assert decide(EXAMPLE, say("please hold"), POLICY).action is Action.HOLD


def test_the_digest_names_what_decides() -> None:
    base = (
        write_rule("a", kind="lexicon", terms={"en": ["x", "y"]}),
        write_rule("b", kind="pattern", patterns=["z", "w"]),
    )
    digest = parse_policy("\n".join(base)).digest
    assert len(digest) == 64
    reordered = (
        write_rule("b", kind="pattern", patterns=["w", "z", "w"], must_match=["w"], must_not_match=["y"]),
        write_rule("a", kind="lexicon", terms={"en": ["y", "x"]}),
    )
    assert parse_policy("# a comment\n" + "\n".join(reordered)).digest == digest
    others = [
        (write_rule("a2", kind="lexicon", terms={"en": ["x", "y"]}), base[1]),
        (write_rule("a", kind="lexicon", terms={"en": ["x", "y", "z"]}), base[1]),
        (write_rule("a", "hold", kind="lexicon", terms={"en": ["x", "y"]}), base[1]),
        (write_rule("a", text="Else.", kind="lexicon", terms={"en": ["x", "y"]}), base[1]),
        (write_rule("a", kind="lexicon", terms={"en": ["x", "y"]}, fold=False), base[1]),
        base[:1],
    ]
    digests = {digest, *(parse_policy("\n".join(rules)).digest for rules in others)}
    assert len(digests) == len(others) + 1


def test_the_digest_of_a_known_policy_stays() -> None:
    """Records name it: whoever changes the canonical form changes its format's number, and this."""
    text = write_rule("a", kind="lexicon", terms={"en": ["x"]})
    assert parse_policy(text).digest == "186c4171de7b12107b13ecf1b88e8406419e0c1fee5724837f09e2a6dcb0ca25"


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        POLICY.digest = "x"  # type: ignore[misc]


@pytest.mark.parametrize("written", ["http://" * 100_000, "https://x.com/" + "/" * 500_000])
def test_a_link_as_long_as_one_can_say_is_taken_out_in_one_pass(written: str) -> None:
    """A quadratic search would take hours here, so the test ends or it hangs."""
    decision = decide_content(POLICY, say(f"see {written} and x.com"))
    assert decision.action is Action.AMEND
    assert decision.strip is not None
    assert len(decision.strip) == 2
    assert decision.strip[1] == "x.com"
