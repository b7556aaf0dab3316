"""A link goes only to those whom the owner of its file may reach."""

import pytest

from policy.address import BareJid
from policy.decision import Action, release
from policy.decision import refuse as refusal
from policy.facts import Way
from policy.files.reach import OUT_OF_REACH, decide_file_links
from policy.reach.occupancy import NOBODY
from tests.unit.policy.samples import say
from tests.unit.policy.walls import WALLED

FIRST = release("flagged")


@pytest.mark.parametrize(
    ("sender", "to", "owners", "passes"),
    [
        ("anna", "tom@metals.example", ("tina",), True),
        ("anna", "tom@metals.example", ("rita",), False),
        ("anna", "tom@metals.example/phone", ("rita",), False),
        ("anna", "tom@metals.example", ("tina", "rita"), False),
        ("anna", "rita@metals.example", ("rita",), True),
        ("rita", "anna@metals.example", ("rita",), True),
        ("anna", "tom@metals.example", ("gone",), False),
    ],
)
def test_who_may_be_sent_a_link(sender: str, to: str, owners: tuple[str, ...], passes: bool) -> None:
    facts = say("https://files/x", to, sender=f"{sender}@metals.example/desk")
    jids = [BareJid(f"{owner}@metals.example") for owner in owners]
    decision = decide_file_links(FIRST, WALLED, facts, jids, NOBODY)
    if passes:
        assert decision is FIRST
    else:
        assert (decision.action, decision.error) == (Action.REFUSE, OUT_OF_REACH.error)
        assert decision.rules == ("flagged", "file-reach")


# Anna reaches traders and researchers, who do not reach one another: whoever follows her may be either.
@pytest.mark.parametrize(("kind", "to"), [("presence", ""), ("iq", ""), ("iq", "anna@metals.example")])
@pytest.mark.parametrize(
    ("sender", "owner", "passes"),
    [
        ("anna", "anna", True),
        ("anna", "rita", False),
        ("anna", "tina", False),
        ("tina", "tom", True),
        ("tom", "tina", False),
        ("anna", "gone", False),
    ],
)
def test_what_is_published_goes_to_all_who_may_follow(
    kind: str, to: str, sender: str, owner: str, passes: bool
) -> None:
    facts = say("https://files/x", to.replace("anna", sender), sender=f"{sender}@metals.example/desk")
    decision = decide_file_links(
        FIRST, WALLED, facts._replace(kind=kind), [BareJid(f"{owner}@metals.example")]
    )
    assert (decision is FIRST) is passes


def test_a_message_to_oneself_is_not_published() -> None:
    facts = say("https://files/x", "", sender="anna@metals.example/desk")
    assert decide_file_links(FIRST, WALLED, facts, [BareJid("rita@metals.example")]) is FIRST


def test_what_is_refused_already_stays_so() -> None:
    first = refusal("words", "modify", "policy-violation", "No.")
    facts = say("https://files/x", "tom@metals.example", sender="anna@metals.example/desk")
    assert decide_file_links(first, WALLED, facts, [BareJid("rita@metals.example")]) is first


def test_what_a_room_passes_on_was_decided_when_it_was_said() -> None:
    facts = say(
        "https://files/x", "tom@metals.example/a", way=Way.COMPONENT, sender="all@rooms.metals.example/rita"
    )
    assert decide_file_links(FIRST, WALLED, facts, [BareJid("rita@metals.example")]) is FIRST
