"""Chaperoned rooms: what is said there and when, and how it is known who is present."""

import pytest

from policy.decision import Decision
from policy.facts import NamedJid, StanzaFacts, Way
from policy.reach.affiliation import ALLOWED, decide_affiliation
from policy.reach.chaperone import CHAPERONE_ABSENT, CHAPERONED_FAREWELL, CHAPERONED_PRIVATE
from policy.reach.occupancy import NOBODY, Occupancy, observe
from tests.unit.policy.samples import read_stanza, say
from tests.unit.policy.walls import WALLED

ROOM = "both@rooms.metals.example"
CLEO = "cleo@metals.example/desk"
TOM = "tom@metals.example/desk"
MUC = "http://jabber.org/protocol/muc"
HERE = Occupancy(frozenset({(f"{ROOM}/cleo", CLEO)}))

WATCHED = [
    # said to everybody: while a chaperone is present
    ("<message type='groupchat' to='ROOM'><body>x</body></message>", True),
    ("<message type='groupchat' to='ROOM'><subject>x</subject></message>", True),
    (
        "<message type='groupchat' to='ROOM'><x xmlns='http://jabber.org/protocol/chatstates'/></message>",
        True,
    ),
    ("<message to='ROOM'><x xmlns='jabber:x:data'/></message>", True),
    (f"<presence to='ROOM/tom'><x xmlns='{MUC}'/></presence>", True),
    ("<presence to='ROOM/Buy copper'/>", True),
    ("<presence to='ROOM/tom'><status>x</status></presence>", True),
    ("<presence type='unavailable' to='ROOM/tom'><status>x</status></presence>", True),
    ("<presence type='unavailable' to='ROOM/tom' wibble='x'/>", True),
    (
        "<presence type='unavailable' to='ROOM/tom'><c xmlns='http://jabber.org/protocol/caps'>x</c></presence>",
        True,
    ),
    (f"<iq type='set' to='ROOM'><query xmlns='{MUC}#owner'/></iq>", True),
    ("<iq type='result' to='ROOM'><x xmlns='y'>x</x></iq>", True),
    ("<message type='error' to='ROOM'><body>x</body></message>", True),
    # what says nothing, and reading what was said while one was: always
    ("<presence type='unavailable' to='ROOM/tom'/>", None),
    ("<presence type='unavailable' to='ROOM'/>", None),
    (f"<iq type='get' to='ROOM'><query xmlns='{MUC}#admin'/></iq>", None),
    ("<iq type='set' to='ROOM'><query xmlns='urn:xmpp:mam:2'/></iq>", None),
    ("<iq type='get' to='ROOM/tom'><ping xmlns='urn:xmpp:ping'/></iq>", None),
    ("<iq type='result' to='ROOM/rita'/>", None),
    # said to one of them: never
    ("<message type='chat' to='ROOM/rita'><body>x</body></message>", False),
    ("<message to='ROOM/rita'/>", False),
    ("<message type='groupchat' to='ROOM/rita'><body>x</body></message>", False),
    ("<message type='error' to='ROOM/rita'><body>x</body></message>", False),
    ("<iq type='get' to='ROOM/rita'><query xmlns='jabber:iq:version'/></iq>", False),
    ("<iq type='get' to='ROOM/rita'><ping xmlns='urn:xmpp:ping'>x</ping></iq>", False),
    ("<iq type='get' to='ROOM/rita'><ping xmlns='urn:xmpp:ping' wibble='x'/></iq>", False),
    ("<iq type='get' to='ROOM/rita' wibble='x'><ping xmlns='urn:xmpp:ping'/></iq>", False),
    ("<iq type='result' to='ROOM/rita' wibble='x'/>", False),
    ("<iq type='result' to='ROOM/rita'><query xmlns='jabber:iq:version'><name>x</name></query></iq>", False),
]


@pytest.mark.parametrize(("xml", "opened"), WATCHED)
def test_what_passes_while_a_chaperone_is_present_and_without(xml: str, opened: bool | None) -> None:
    facts = read_stanza(xml.replace("ROOM", ROOM), sender=TOM)
    expected: dict[bool | None, tuple[Decision, Decision]] = {
        None: (ALLOWED, ALLOWED),
        True: (CHAPERONE_ABSENT, ALLOWED),
        False: (CHAPERONED_PRIVATE, CHAPERONED_PRIVATE),
    }
    assert (decide_affiliation(WALLED, facts), decide_affiliation(WALLED, facts, HERE)) == expected[opened]


@pytest.mark.parametrize("xml", [xml for xml, _ in WATCHED])
def test_who_is_on_no_side_is_as_free_as_anywhere(xml: str) -> None:
    assert decide_affiliation(WALLED, read_stanza(xml.replace("ROOM", ROOM), sender=CLEO)) is ALLOWED


@pytest.mark.parametrize(
    "present",
    [
        NOBODY,
        Occupancy(frozenset({(f"{ROOM}/tina", "tina@metals.example/d")})),  # no chaperone
        Occupancy(frozenset({("everybody@rooms.metals.example/cleo", CLEO)})),  # elsewhere
        Occupancy(frozenset({(f"{ROOM}x/cleo", CLEO)})),
        Occupancy(HERE.occupants, frozenset({CLEO})),
    ],
)
def test_nobody_else_stands_for_a_chaperone(present: Occupancy) -> None:
    facts = say("x", sender=TOM, to=ROOM, type="groupchat")
    assert decide_affiliation(WALLED, facts, present) is CHAPERONE_ABSENT


EVERYWHERE = Occupancy(HERE.occupants | {("everybody@rooms.metals.example/cleo", CLEO)})


@pytest.mark.parametrize(
    ("xml", "sender", "present", "decision"),
    [
        ("<presence type='unavailable'><status>x</status></presence>", TOM, NOBODY, CHAPERONED_FAREWELL),
        ("<presence type='unavailable' wibble='x'/>", TOM, NOBODY, CHAPERONED_FAREWELL),
        ("<presence type='unavailable'><status>x</status></presence>", TOM, HERE, CHAPERONED_FAREWELL),
        ("<presence type='unavailable'><status>x</status></presence>", TOM, EVERYWHERE, ALLOWED),
        ("<presence type='unavailable'><status>x</status></presence>", CLEO, NOBODY, ALLOWED),
        (
            "<presence type='unavailable'><c xmlns='http://jabber.org/protocol/caps'/></presence>",
            TOM,
            NOBODY,
            ALLOWED,
        ),
        ("<presence><status>x</status></presence>", TOM, NOBODY, ALLOWED),  # rooms are not told of it
    ],
)
def test_last_words_are_told_in_rooms(xml: str, sender: str, present: Occupancy, decision: Decision) -> None:
    assert decide_affiliation(WALLED, read_stanza(xml, sender=sender, to=""), present) is decision


# --- how it is known who is present ---


def told(
    *, to: str = CLEO, room: str = ROOM, code: str = "110", type_: str = "", way: Way = Way.SERVER
) -> StanzaFacts:
    """What a room tells an occupant."""
    kind = f" type='{type_}'" if type_ else ""
    xml = f"<presence{kind}><x xmlns='{MUC}#user'><item affiliation='none'/><status code='{code}'/></x></presence>"
    return read_stanza(xml, way=way, sender=f"{room}/cleo", to=to)


def event(kind: str, jid: str = CLEO) -> StanzaFacts:
    named = NamedJid(f"{{urn:steelyard:gate:0}}{kind}", jid)
    return StanzaFacts(Way.SESSION, kind, "", "", "", jids=(named,))


def gone(to: str = "", sender: str = CLEO, way: Way = Way.C2S) -> StanzaFacts:
    return read_stanza("<presence type='unavailable'/>", way=way, sender=sender, to=to)


def after(*facts: StanzaFacts, begin: Occupancy = NOBODY) -> Occupancy:
    for each in facts:
        begin = observe(begin, WALLED, each)
    return begin


@pytest.mark.parametrize(
    "seen",
    [told(), told(way=Way.S2S)],
)
def test_present_once_the_room_says_so(seen: StanzaFacts) -> None:
    assert after(seen) == HERE


@pytest.mark.parametrize(
    "seen",
    [
        read_stanza(f"<presence to='{ROOM}/cleo'><x xmlns='{MUC}'/></presence>", sender=CLEO),  # may yet fail
        say("hello", sender=CLEO, to=ROOM, type="groupchat"),  # nor is it known whether this was taken
        told(code="100"),
        told(type_="unavailable"),
        told(type_="error"),
        told(to="rita@metals.example/desk"),
        told(room="trading@rooms.metals.example"),
        read_stanza("<presence><x xmlns='y' a='110'/></presence>", way=Way.S2S, sender=f"{ROOM}/c", to=CLEO),
    ],
)
def test_anything_less_proves_nothing(seen: StanzaFacts) -> None:
    assert after(seen) is NOBODY


@pytest.mark.parametrize(
    "end",
    [
        gone(),
        gone(ROOM),
        gone(f"{ROOM}/cleo"),
        gone(f"{ROOM}/cleo", way=Way.SERVER),
        told(type_="unavailable"),
        told(type_="unavailable", code="307"),
        event("unbind"),
        event("bind"),
    ],
)
def test_absent_at_once_on_whatever_may_end_it(end: StanzaFacts) -> None:
    assert after(told(), end) == NOBODY


@pytest.mark.parametrize(
    "other",
    [
        gone("all@rooms.metals.example/cleo"),
        gone(sender="cleo@metals.example/phone"),
        gone(ROOM, sender="rita@metals.example/desk"),
        event("unbind", "cleo@metals.example/phone"),
        say("bye", sender=CLEO, to=ROOM, type="groupchat"),
        read_stanza("<presence type='unavailable'/>", way=Way.S2S, sender=f"{ROOM}/rita", to=CLEO),
    ],
)
def test_present_whatever_else_happens(other: StanzaFacts) -> None:
    assert after(other, begin=HERE) is HERE


def test_a_broken_connection_is_absence_until_it_is_resumed() -> None:
    asleep = after(told(), event("hibernate"))
    facts = say("x", sender=TOM, to=ROOM, type="groupchat")
    assert decide_affiliation(WALLED, facts, asleep) is CHAPERONE_ABSENT
    assert after(event("resume"), begin=asleep) == HERE
    assert after(event("unbind"), begin=asleep) == NOBODY


def test_a_second_session_keeps_the_chaperone_present() -> None:
    phone = "cleo@metals.example/phone"
    both = after(told(), told(to=phone))
    facts = say("x", sender=TOM, to=ROOM, type="groupchat")
    assert decide_affiliation(WALLED, facts, after(event("unbind"), begin=both)) is ALLOWED
    assert after(event("unbind"), event("unbind", phone), begin=both) == NOBODY
