"""The access component: who reaches it, and what passes of somebody who has not acknowledged the recording."""

from dataclasses import replace

import pytest

from policy.address import BareJid, Domain
from policy.content.parse import parse_policy
from policy.decide import decide
from policy.decision import Action
from policy.facts import Way
from policy.reach import affiliation
from policy.reach.affiliation import decide_affiliation
from tests.unit.policy.samples import EXAMPLE, read_stanza, say

ACCESS = replace(EXAMPLE, access=Domain("access.steelyard.example"))
UNINFORMED = replace(ACCESS, uninformed=frozenset({BareJid("alice@metals.example")}))
PING = "<iq type='get' to='{}'><ping xmlns='urn:xmpp:ping'/></iq>"
INFO = "<iq type='get' to='{}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
MOOD = (
    "<iq type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='mood'><item/></publish>"
    "</pubsub></iq>"
)


@pytest.mark.parametrize("to", ["access.steelyard.example", "notice@access.steelyard.example"])
def test_people_of_this_server_reach_the_access_component(to: str) -> None:
    for way, allowed in ((Way.C2S, True), (Way.SERVER, True), (Way.S2S, False)):
        found = decide_affiliation(ACCESS, say("yes", to, way=way))
        assert (found is affiliation.ALLOWED) == allowed, way
    assert decide_affiliation(EXAMPLE, say("yes", to)) is affiliation.RECIPIENT_OUTSIDE
    assert decide_affiliation(ACCESS, say("hello", "x@access.steelyard.example")) is affiliation.ALLOWED


def test_the_access_component_may_have_something_recorded_by_writing_to_itself() -> None:
    own = say("approved", "access.steelyard.example", way=Way.COMPONENT, sender="access.steelyard.example")
    assert decide_affiliation(ACCESS, own) is affiliation.ALLOWED


@pytest.mark.parametrize("sender", ["access.steelyard.example", "notice@access.steelyard.example"])
def test_the_access_component_writes_to_those_who_are_listed(sender: str) -> None:
    for to, allowed in (("bob@metals.example/x", True), ("mallory@metals.example", False)):
        found = decide_affiliation(ACCESS, say("hello", to, way=Way.COMPONENT, sender=sender))
        assert (found is affiliation.ALLOWED) == allowed, to
    assert decide_affiliation(ACCESS, say("hello", "bob@metals.example", sender=sender)) is not (
        affiliation.ALLOWED
    )


@pytest.mark.parametrize(
    ("xml", "passes"),
    [
        ("<presence/>", True),
        ("<presence type='unavailable'/>", True),
        ("<presence><status xmlns='jabber:client'>copper 9410?</status></presence>", False),
        ("<presence to='bob@metals.example' type='subscribe'/>", False),
        ("<presence to='desk@rooms.metals.example/alice' type='unavailable'/>", False),
        ("<presence to='desk@rooms.metals.example'/>", False),
        (INFO.format("desk@rooms.metals.example"), True),
        (INFO.format("desk@rooms.metals.example/bob"), False),
        (INFO.format("bob@metals.example"), False),
        (PING.format("desk@rooms.metals.example"), False),
        ("<message to='desk@rooms.metals.example' type='groupchat'><body>hello</body></message>", False),
        ("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>", True),
        (PING.format("metals.example"), True),
        (PING.format("alice@metals.example"), True),
        (PING.format("access.steelyard.example"), True),
        (PING.format("bob@metals.example/phone"), False),
        (MOOD, False),
        ("<message to='bob@metals.example'><body xmlns='jabber:client'>hello</body></message>", False),
        ("<message to='access.steelyard.example'><body xmlns='jabber:client'>yes</body></message>", True),
        ("<message><body xmlns='jabber:client'>to myself</body></message>", False),
    ],
)
def test_whoever_has_not_acknowledged_the_notice_only_signs_in(xml: str, passes: bool) -> None:
    found = decide_affiliation(UNINFORMED, read_stanza(xml))
    assert found is (affiliation.ALLOWED if passes else affiliation.NOTICE_UNACKNOWLEDGED)
    if passes:
        assert decide_affiliation(ACCESS, read_stanza(xml)) is affiliation.ALLOWED


JOIN = "<presence to='{}/alice'><x xmlns='http://jabber.org/protocol/muc'/>{}</presence>"
ROOM = "desk@rooms.metals.example"


def test_a_join_waits_where_it_would_pass_afterwards() -> None:
    early = read_stanza(JOIN.format(ROOM, ""))
    assert decide(UNINFORMED, early) is affiliation.JOIN_WAITS
    assert decide(ACCESS, early).action is Action.RELEASE
    for room in ("desk@rooms.grain.example", "nowhere@rooms.metals.example", "bob@metals.example"):
        facts = read_stanza(JOIN.format(room, ""))
        assert decide(UNINFORMED, facts).action is Action.REFUSE, room
    assert decide(UNINFORMED, early._replace(sender="carol@metals.example/x")).action is Action.RELEASE


def test_what_is_never_let_in_does_not_wait() -> None:
    unreadable = read_stanza(JOIN.format(ROOM, "<x xmlns='jabber:x:encrypted'>a</x>"))
    assert decide(UNINFORMED, unreadable).action is Action.REFUSE
    assert decide(UNINFORMED, unreadable).rules == decide(ACCESS, unreadable).rules


@pytest.mark.parametrize(
    ("action", "becomes"),
    [("flag", "hold"), ("warn", "hold"), ("amend", "refuse"), ("hold", "refuse"), ("refuse", "refuse")],
)
def test_a_join_that_a_rule_would_change_is_refused_at_once(action: str, becomes: str) -> None:
    kind = (
        'kind = "link"\nhosts = ["ours.example"]'
        if action == "amend"
        else 'kind = "lexicon"\nterms.en = ["there"]'
    )
    text = "" if action == "flag" else '\ntext = "No."'
    rule = f'[[rule]]\nid = "r1"\naction = "{action}"{text}\n{kind}\nmust_match = ["https://there.example/x"]'
    content = parse_policy(rule)
    says = "<status xmlns='jabber:client'>https://there.example/x</status>"
    decision = decide(UNINFORMED, read_stanza(JOIN.format(ROOM, says)), content)
    assert (decision.action, "r1" in decision.rules) == (becomes, True)


@pytest.mark.parametrize(
    ("xml", "way", "allowed"),
    [
        (INFO, Way.C2S, True),
        (INFO, Way.SERVER, True),
        (INFO, Way.S2S, False),
        (INFO.replace("'{}'", "'{}/a'"), Way.C2S, False),
        (INFO.replace("'{}'", "'a@{}'"), Way.C2S, False),
        ("<message to='{}'><body xmlns='jabber:client'>hello</body></message>", Way.C2S, False),
        ("<presence to='{}'/>", Way.C2S, False),
    ],
)
def test_people_of_this_server_ask_the_transfer_component(xml: str, way: Way, allowed: bool) -> None:
    files = replace(EXAMPLE, transfer=Domain("files.steelyard.example"))
    asked = read_stanza(xml.format("files.steelyard.example"), way=way)
    assert (decide_affiliation(files, asked) is affiliation.ALLOWED) is allowed
    assert decide_affiliation(EXAMPLE, asked) is not affiliation.ALLOWED


def test_who_has_not_acknowledged_the_recording_sends_no_file_yet() -> None:
    files = replace(UNINFORMED, transfer=Domain("files.steelyard.example"))
    asked = read_stanza(INFO.format("files.steelyard.example"))
    assert decide_affiliation(files, asked) is affiliation.NOTICE_UNACKNOWLEDGED
