from policy.content.refusals import OMEMO, OTR
from policy.decide import decide
from policy.decision import Action
from policy.facts import Way
from policy.reach.affiliation import RECIPIENT_OUTSIDE, SENDER_NOT_ADMITTED
from tests.unit.policy.samples import BOB, EXAMPLE, GEORGE, ROOM, read_stanza, say

ENCRYPTED = "<message to='{0}'><body>x</body><encrypted xmlns='urn:xmpp:omemo:2'/></message>"


def test_colleagues_talk_and_no_rule_is_named() -> None:
    for to in (BOB, ROOM, "", "metals.example"):
        decision = decide(EXAMPLE, say("Copper 3M, 5 lots?", to=to))
        assert (decision.action, decision.rules, decision.error) == (Action.RELEASE, (), None)


def test_encrypted_among_colleagues() -> None:
    assert decide(EXAMPLE, read_stanza(ENCRYPTED.format(BOB))) is OMEMO
    assert decide(EXAMPLE, say("?OTRv23?", to=ROOM)) is OTR


def test_whom_comes_before_what() -> None:
    assert decide(EXAMPLE, read_stanza(ENCRYPTED.format(GEORGE))) is RECIPIENT_OUTSIDE
    assert decide(EXAMPLE, say("?OTRv23?", sender="zed@metals.example/x")) is SENDER_NOT_ADMITTED


def test_a_session_event_passes() -> None:
    event = say("", way=Way.SESSION, kind="session", type="bind", to="", elements=())
    assert decide(EXAMPLE, event).action is Action.RELEASE


def test_no_decision_is_made_anew() -> None:
    """The gate decides tens of thousands of stanzas a second: it must get constants."""
    for to in (BOB, GEORGE):
        assert decide(EXAMPLE, say("one", to=to)) is decide(EXAMPLE, say("two", to=to))
