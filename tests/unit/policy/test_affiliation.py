import itertools

import pytest

from policy.decision import Action, Decision, StanzaError
from policy.directory.directory import parse_directory
from policy.facts import Way
from policy.reach.affiliation import (
    ALLOWED,
    GATE_ADDRESS,
    GATE_PROTOCOL,
    NAMES_OUTSIDER,
    OUT_OF_REACH,
    RECIPIENT_NOT_ADMITTED,
    RECIPIENT_OUTSIDE,
    REFUSALS,
    SENDER_NOT_ADMITTED,
    decide_affiliation,
)
from tests.unit.policy.samples import ALICE, BOB, EXAMPLE, GEORGE, ROOM, read_stanza, say

KINDS = [
    ("message", "chat"),
    ("message", "groupchat"),
    ("message", "headline"),
    ("message", ""),
    ("message", "error"),
    ("presence", ""),
    ("presence", "subscribe"),
    ("presence", "unsubscribed"),
    ("presence", "unavailable"),
    ("presence", "probe"),
    ("presence", "error"),
    ("iq", "get"),
    ("iq", "set"),
    ("iq", "result"),
    ("iq", "error"),
]

RECIPIENTS = [
    # the account itself
    ("", ALLOWED),
    ("alice@metals.example", ALLOWED),
    (ALICE, ALLOWED),
    ("alice@metals.example/another-device", ALLOWED),
    # the servers of the enterprise
    ("metals.example", ALLOWED),
    ("metals.example/announce", ALLOWED),
    ("rooms.metals.example", ALLOWED),
    # its people and rooms
    (BOB, ALLOWED),
    (f"{BOB}/phone", ALLOWED),
    ("carol@metals.example", ALLOWED),
    ("dora@metals.example/x", ALLOWED),
    (ROOM, ALLOWED),
    (f"{ROOM}/Bob", ALLOWED),
    # addresses on its domains that nobody listed
    ("zed@metals.example", RECIPIENT_NOT_ADMITTED),
    ("zed@metals.example/phone", RECIPIENT_NOT_ADMITTED),
    ("lunch@rooms.metals.example", RECIPIENT_NOT_ADMITTED),
    ("lunch@rooms.metals.example/Bob", RECIPIENT_NOT_ADMITTED),
    ("desk@metals.example", RECIPIENT_NOT_ADMITTED),
    ("bob@rooms.metals.example", RECIPIENT_NOT_ADMITTED),
    # everybody else
    (GEORGE, RECIPIENT_OUTSIDE),
    (f"{GEORGE}/floor", RECIPIENT_OUTSIDE),
    ("nobody@grain.example", RECIPIENT_OUTSIDE),
    ("grain.example", RECIPIENT_OUTSIDE),
    ("rooms.grain.example", RECIPIENT_OUTSIDE),
    ("floor@rooms.grain.example", RECIPIENT_OUTSIDE),
    ("floor@rooms.grain.example/George", RECIPIENT_OUTSIDE),
    ("eve@stranger.example", RECIPIENT_OUTSIDE),
    ("stranger.example", RECIPIENT_OUTSIDE),
    ("example", RECIPIENT_OUTSIDE),
    ("steelyard.example", RECIPIENT_OUTSIDE),
    # near misses
    ("bob@metals.example.stranger.example", RECIPIENT_OUTSIDE),
    ("bob@sub.metals.example", RECIPIENT_OUTSIDE),
    ("bob@metals.example.", RECIPIENT_OUTSIDE),
    ("stranger.example/bob@metals.example", RECIPIENT_OUTSIDE),
    ("@metals.example", RECIPIENT_NOT_ADMITTED),
    # the recorder
    ("gate.steelyard.example", GATE_ADDRESS),
    ("gate.steelyard.example/x", GATE_ADDRESS),
    ("alice@gate.steelyard.example", GATE_ADDRESS),
]

WITH_COMPONENTS = parse_directory(
    """
    gate = "gate.example"
    [enterprise.metals]
    name = "Metals"
    sites = [
      { domain = "metals.example", rooms = "rooms.metals.example", components = ["files.metals.example"] },
      { domain = "metals.asia", rooms = "rooms.metals.asia" },
    ]
    person = [
      { jid = "alice@metals.example", name = "Alice", roles = ["trader"] },
      { jid = "lin@metals.asia", name = "Lin", roles = ["trader"] },
    ]
    room = [
      { jid = "desk@rooms.metals.example", name = "Desk" },
      { jid = "desk@rooms.metals.asia", name = "Asia" },
    ]
    [enterprise.grain]
    name = "Grain"
    sites = [{ domain = "grain.example", components = ["files.grain.example"] }]
    person = [{ jid = "george@grain.example", name = "George", roles = ["trader"] }]
    """
)


@pytest.mark.parametrize(("kind", "type_"), KINDS)
def test_whom_a_trader_reaches_by_every_kind_of_stanza(kind: str, type_: str) -> None:
    stanzas = [(to, say("hello", to=to, kind=kind, type=type_)) for to, _ in RECIPIENTS]
    assert [(to, decide_affiliation(EXAMPLE, stanza)) for to, stanza in stanzas] == list(RECIPIENTS)


@pytest.mark.parametrize(
    ("way", "sender", "to", "decision"),
    [
        # a client speaks for a listed person only
        (Way.C2S, "zed@metals.example/x", "", SENDER_NOT_ADMITTED),
        (Way.C2S, "zed@metals.example/x", "metals.example", SENDER_NOT_ADMITTED),
        (Way.C2S, "zed@metals.example/x", "zed@metals.example", SENDER_NOT_ADMITTED),
        (Way.C2S, "zed@metals.example/x", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.C2S, "zed@metals.example/x", "gate.example", SENDER_NOT_ADMITTED),
        (Way.C2S, "", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.C2S, "metals.example", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.C2S, "desk@rooms.metals.example/Alice", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.C2S, "alice@metals.example/x", "lin@metals.asia", ALLOWED),
        (Way.C2S, "alice@metals.example/x", "metals.asia", ALLOWED),
        (Way.C2S, "alice@metals.example/x", "desk@rooms.metals.asia/Lin", ALLOWED),
        (Way.C2S, "alice@metals.example/x", "files.metals.example", ALLOWED),
        (Way.C2S, "alice@metals.example/x", "bot@files.metals.example", RECIPIENT_NOT_ADMITTED),
        (Way.C2S, "alice@metals.example/x", "files.grain.example", RECIPIENT_OUTSIDE),
        (Way.C2S, "alice@metals.example/x", "gate.example", GATE_ADDRESS),
        # another site: its people, rooms and itself, to the same enterprise
        (Way.S2S, "lin@metals.asia/x", "alice@metals.example", ALLOWED),
        (Way.S2S, "lin@metals.asia", "alice@metals.example/phone", ALLOWED),
        (Way.S2S, "lin@metals.asia/x", "desk@rooms.metals.example/Lin", ALLOWED),
        (Way.S2S, "desk@rooms.metals.asia/Lin", "alice@metals.example/x", ALLOWED),
        (Way.S2S, "metals.asia", "alice@metals.example/x", ALLOWED),
        (Way.S2S, "metals.asia", "metals.example", ALLOWED),
        (Way.S2S, "rooms.metals.asia", "alice@metals.example/x", ALLOWED),
        (Way.S2S, "zed@metals.asia/x", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.S2S, "lunch@rooms.metals.asia/Lin", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.S2S, "lin@metals.asia/x", "zed@metals.example", RECIPIENT_NOT_ADMITTED),
        (Way.S2S, "lin@metals.asia/x", "george@grain.example", RECIPIENT_OUTSIDE),
        (Way.S2S, "lin@metals.asia/x", "grain.example", RECIPIENT_OUTSIDE),
        (Way.S2S, "lin@metals.asia/x", "gate.example", GATE_ADDRESS),
        (Way.S2S, "lin@metals.asia/x", "", RECIPIENT_OUTSIDE),
        (Way.S2S, "eve@stranger.example/x", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.S2S, "stranger.example", "metals.example", SENDER_NOT_ADMITTED),
        # a component: itself and its rooms, never a person
        (Way.COMPONENT, "files.metals.example", "alice@metals.example/x", ALLOWED),
        (Way.COMPONENT, "rooms.metals.example", "alice@metals.example/x", ALLOWED),
        (Way.COMPONENT, "desk@rooms.metals.example/Bob", "alice@metals.example/x", ALLOWED),
        (Way.COMPONENT, "files.metals.example", "metals.example", ALLOWED),
        (Way.COMPONENT, "files.metals.example", "george@grain.example", RECIPIENT_OUTSIDE),
        (Way.COMPONENT, "files.metals.example", "", RECIPIENT_OUTSIDE),
        (Way.COMPONENT, "files.metals.example", "gate.example", GATE_ADDRESS),
        (Way.COMPONENT, "bot@files.metals.example", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.COMPONENT, "lunch@rooms.metals.example/Bob", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.COMPONENT, "alice@metals.example/x", "lin@metals.asia", SENDER_NOT_ADMITTED),
        (Way.COMPONENT, "metals.example", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.COMPONENT, "gate.example", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.COMPONENT, "sms.stranger.example", "alice@metals.example", SENDER_NOT_ADMITTED),
        # what the server makes itself: pings, answers, the broadcasts of rooms, presence in a session's name
        (Way.SERVER, "metals.example", "alice@metals.example/x", ALLOWED),
        (Way.SERVER, "desk@rooms.metals.example/Lin", "alice@metals.example/x", ALLOWED),
        (Way.SERVER, "alice@metals.example", "alice@metals.example/x", ALLOWED),
        (Way.SERVER, "alice@metals.example/x", "", ALLOWED),
        (Way.SERVER, "alice@metals.example/x", "lin@metals.asia", ALLOWED),
        (Way.SERVER, "alice@metals.example", "george@grain.example", RECIPIENT_OUTSIDE),
        (Way.SERVER, "stranger.example", "alice@metals.example", SENDER_NOT_ADMITTED),
        (Way.SERVER, "zed@metals.example/x", "alice@metals.example", SENDER_NOT_ADMITTED),
        # a canary is the gate's own, and nobody else's
        (Way.CANARY, "gate.example", "gate.example", ALLOWED),
        (Way.CANARY, "gate.example", "alice@metals.example", GATE_PROTOCOL),
        (Way.CANARY, "alice@metals.example/x", "gate.example", GATE_PROTOCOL),
        (Way.CANARY, "alice@metals.example/x", "alice@metals.example/x", GATE_PROTOCOL),
        (Way.CANARY, "", "", GATE_PROTOCOL),
        # a session's events go to nobody
        (Way.SESSION, "alice@metals.example/x", "", ALLOWED),
        (Way.SESSION, "zed@metals.example/x", "", ALLOWED),
        (Way.SESSION, "", "", ALLOWED),
    ],
)
def test_who_speaks_by_which_way(way: Way, sender: str, to: str, decision: Decision) -> None:
    assert decide_affiliation(WITH_COMPONENTS, say("hello", way=way, sender=sender, to=to)) is decision


def test_the_border_holds_both_ways_between_all_people_rooms_and_servers() -> None:
    metals, grain = (
        [jid for jid, member in EXAMPLE.members.items() if member.enterprise == enterprise]
        for enterprise in ("metals", "grain")
    )
    assert len(metals) == 7
    assert len(grain) == 5
    for one, other in [*itertools.product(metals, grain), *itertools.product(grain, metals)]:
        for way in (Way.C2S, Way.S2S, Way.COMPONENT, Way.SERVER):
            assert (
                decide_affiliation(EXAMPLE, say("hi", way=way, sender=one, to=other)).action is Action.REFUSE
            )


def test_a_stranger_learns_nothing_from_the_error() -> None:
    """An outsider, a departed colleague and a name that nobody bears look the same."""
    errors = {
        decide_affiliation(EXAMPLE, facts).error
        for facts in (
            say("hi", to=GEORGE),
            say("hi", to="nobody@grain.example"),
            say("hi", to="zed@metals.example"),
            say("hi", to="lunch@rooms.metals.example"),
            say("hi", to="eve@stranger.example"),
            read_stanza(
                f"<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{GEORGE}'/></query></iq>"
            ),
        )
    }
    assert errors == {StanzaError("cancel", "not-allowed", OUT_OF_REACH)}


@pytest.mark.parametrize("to", ["alice@metals.example", "nobody@metals.example", GEORGE, ""])
def test_who_is_not_listed_is_told_so_whomever_they_write_to(to: str) -> None:
    for sender in ("zed@metals.example/x", "nobody@metals.example/x"):
        assert decide_affiliation(EXAMPLE, say("hi", to=to, sender=sender)) is SENDER_NOT_ADMITTED


def test_every_refusal_has_its_own_rule_and_says_what_to_do() -> None:
    assert len({refusal.rules for refusal in REFUSALS}) == len(REFUSALS)
    for refusal in REFUSALS:
        assert refusal.action is Action.REFUSE
        assert refusal.error is not None
        assert (refusal.error.type, refusal.error.condition) == ("cancel", "not-allowed")


GATE_STANZAS = [
    "<message to='{to}'><verdict xmlns='urn:steelyard:gate:0' epoch='1' through='9'/></message>",
    "<message to='{to}'><held xmlns='urn:steelyard:gate:0'><x xmlns='urn:xmpp:forward:0'/></held></message>",
    "<iq type='set' to='{to}'><x xmlns='a'><y xmlns='b'><z xmlns='urn:steelyard:gate:0'/></y></x></iq>",
    "<presence><anything xmlns='urn:steelyard:gate:0'/></presence>",
]


@pytest.mark.parametrize("xml", GATE_STANZAS)
@pytest.mark.parametrize("to", [BOB, ROOM, "metals.example", GEORGE, "gate.steelyard.example"])
def test_nobody_speaks_the_recorders_protocol(xml: str, to: str) -> None:
    assert decide_affiliation(EXAMPLE, read_stanza(xml.format(to=to))) is GATE_PROTOCOL


def test_near_misses_of_the_recorders_namespace_pass() -> None:
    for namespace in ("urn:steelyard:gate:00", "urn:steelyard:gate", "URN:STEELYARD:GATE:0"):
        facts = read_stanza(
            f"<message to='{BOB}'><body>urn:steelyard:gate:0</body><x xmlns='{namespace}'/></message>"
        )
        assert decide_affiliation(EXAMPLE, facts) is ALLOWED


MUC = "http://jabber.org/protocol/muc"
PUBSUB_OWNER = "http://jabber.org/protocol/pubsub#owner"
TO_BOB = "<message to='bob@metals.example'>{}</message>"
TO_ROOM = f"<message to='{ROOM}'><x xmlns='{MUC}#user'>{{}}</x></message>"
ROSTER_SET = "<iq type='set'><query xmlns='jabber:iq:roster'>{}</query></iq>"
ROOM_SET = f"<iq type='set' to='{ROOM}'><query xmlns='{MUC}#{{}}'>{{}}</query></iq>"
NODE_SET = f"<iq type='set'><pubsub xmlns='{PUBSUB_OWNER}'><{{0}}s node='n'>{{1}}</{{0}}s></pubsub></iq>"

# Each names `JID` in its own way.
NAMING_STANZAS = {
    "roster item": ROSTER_SET.format("<item jid='JID' name='N'/>"),
    "roster item that is not removed": ROSTER_SET.format("<item jid='JID' subscription='none'/>"),
    "roster item that seems to be removed": ROSTER_SET.format(
        "<item jid='JID' name='remove' affiliation='remove' ask='remove'/>"
    ),
    "second roster item": ROSTER_SET.format(
        "<item jid='bob@metals.example' subscription='remove'/><item jid='JID'/>"
    ),
    "suggested contact": TO_BOB.format(
        "<x xmlns='http://jabber.org/protocol/rosterx'><item action='add' jid='JID'/></x>"
    ),
    "mediated invitation": TO_ROOM.format("<invite to='JID'><reason>Join us</reason></invite>"),
    "second mediated invitation": TO_ROOM.format("<invite to='bob@metals.example'/><invite to='JID'/>"),
    "declined invitation": TO_ROOM.format("<decline to='JID'/>"),
    "direct invitation": TO_BOB.format("<x xmlns='jabber:x:conference' jid='JID'/>"),
    "forwarded invitation": TO_BOB.format(
        "<forwarded xmlns='urn:xmpp:forward:0'><message><x xmlns='jabber:x:conference' jid='JID'/></message>"
        "</forwarded>"
    ),
    "membership of a room": ROOM_SET.format("admin", "<item affiliation='member' jid='JID'/>"),
    "ownership of a room that seems to be taken away": ROOM_SET.format(
        "admin", "<item affiliation='owner' subscription='none' jid='JID'/>"
    ),
    "room to go to instead": ROOM_SET.format("owner", "<destroy jid='JID'/>"),
    "extended address": "<message to='metals.example'><addresses xmlns='http://jabber.org/protocol/address'>"
    "<address type='to' jid='bob@metals.example'/><address type='bcc' jid='JID'/></addresses></message>",
    "access to a node": NODE_SET.format("affiliation", "<affiliation jid='JID' affiliation='member'/>"),
    "subscription to a node": NODE_SET.format(
        "subscription", "<subscription jid='JID' subscription='subscribed'/>"
    ),
    "push notifications": "<iq type='set'><enable xmlns='urn:xmpp:push:0' jid='JID' node='n'/></iq>",
}

NAMED = [
    (BOB, ALLOWED),
    (f"{BOB}/phone", ALLOWED),
    ("Bob@Metals.Example", ALLOWED),
    ("ｂo\u00adb@metals.example./phone", ALLOWED),  # the server makes bob of it
    ("ｇeorge@grain.example.", NAMES_OUTSIDER),
    ("b\u0585b@metals.example", NAMES_OUTSIDER),  # one letter is Armenian
    (ROOM, ALLOWED),
    ("metals.example", ALLOWED),
    (GEORGE, NAMES_OUTSIDER),
    ("GEORGE@GRAIN.EXAMPLE/x", NAMES_OUTSIDER),
    ("floor@rooms.grain.example", NAMES_OUTSIDER),
    ("grain.example", NAMES_OUTSIDER),
    ("eve@stranger.example", NAMES_OUTSIDER),
    ("zed@metals.example", NAMES_OUTSIDER),
    ("lunch@rooms.metals.example", NAMES_OUTSIDER),
    ("gate.steelyard.example", NAMES_OUTSIDER),
    (" bob@metals.example", NAMES_OUTSIDER),
    ("george@grain.example/bob@metals.example", NAMES_OUTSIDER),
    (" ", NAMES_OUTSIDER),
    ("", ALLOWED),  # names nobody
]


@pytest.mark.parametrize("case", NAMING_STANZAS)
def test_no_stanza_brings_an_outsider_in(case: str) -> None:
    stanzas = [(jid, read_stanza(NAMING_STANZAS[case].replace("JID", jid))) for jid, _ in NAMED]
    assert [(jid, decide_affiliation(EXAMPLE, stanza)) for jid, stanza in stanzas] == list(NAMED)


@pytest.mark.parametrize(
    ("way", "sender"), [(Way.S2S, "desk@rooms.metals.asia"), (Way.COMPONENT, "files.metals.example")]
)
@pytest.mark.parametrize("case", NAMING_STANZAS)
def test_neither_does_one_from_another_site_or_a_component(case: str, way: Way, sender: str) -> None:
    xml = NAMING_STANZAS[case].replace("JID", GEORGE)
    facts = read_stanza(xml, way=way, sender=sender, to="alice@metals.example")
    assert decide_affiliation(WITH_COMPONENTS, facts) is NAMES_OUTSIDER


@pytest.mark.parametrize(
    "xml",
    [
        ROSTER_SET.format("<item jid='JID' subscription='remove'/>"),
        ROOM_SET.format("admin", "<item affiliation='none' jid='JID'/>"),
        ROOM_SET.format("admin", "<item affiliation='outcast' jid='JID'/>"),
        NODE_SET.format("affiliation", "<affiliation jid='JID' affiliation='none'/>"),
        NODE_SET.format("subscription", "<subscription jid='JID' subscription='none'/>"),
        "<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='JID'/></block></iq>",
        TO_BOB.format("<body>See JID</body><reply xmlns='urn:xmpp:reply:0' to='JID' id='1'/>"),
        TO_BOB.format("<forwarded xmlns='urn:xmpp:forward:0'><message from='JID' to='JID'/></forwarded>"),
    ],
)
def test_an_outsider_may_be_removed_banned_blocked_and_talked_about(xml: str) -> None:
    assert decide_affiliation(EXAMPLE, read_stanza(xml.replace("JID", GEORGE))) is ALLOWED


def test_what_the_server_says_of_a_roster_made_before_is_no_new_contact() -> None:
    push = ROSTER_SET.format(f"<item jid='{GEORGE}'/>")
    facts = read_stanza(push, way=Way.SERVER, sender="alice@metals.example", to=ALICE)
    assert decide_affiliation(EXAMPLE, facts) is ALLOWED
