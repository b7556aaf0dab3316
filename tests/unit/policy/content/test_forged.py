"""What only servers and rooms say is refused where a person says it, and passes where a server or a room does."""

import pytest

from policy.content.forged import decide_forged
from policy.content.refusals import FORGED, OMEMO
from policy.decide import decide, decide_again
from policy.decision import Action
from policy.directory.directory import parse_directory
from policy.facts import Way
from policy.review import delay_stanza
from tests.unit.policy.samples import ALICE, BOB, EXAMPLE, EXAMPLE_TEXT, GEORGE, ROOM, read_stanza

CAROL = "carol@metals.example"
FORWARDED = (
    "<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' from='rooms.metals.example' "
    f"stamp='2026-01-05T09:00:00Z'/><message xmlns='jabber:client' from='{CAROL}/desk' to='{BOB}' type='chat'>"
    "<body>Sold.</body></message></forwarded>"
)
MUC = "http://jabber.org/protocol/muc#user"
ITEMS = "<items node='urn:xmpp:bookmarks:1'><item id='r@rooms.metals.example'/></items>"
COPIES = {
    f"{name} {namespace}": f"<message to='{BOB}'><{name} xmlns='{namespace}'>{FORWARDED}</{name}></message>"
    for namespace in ("urn:xmpp:carbons:0", "urn:xmpp:carbons:1", "urn:xmpp:carbons:2")
    for name in ("received", "sent")
}
ARCHIVED = {
    f"archived {version}": f"<message to='{BOB}'><result xmlns='urn:xmpp:mam:{version}'>{FORWARDED}</result></message>"
    for version in ("tmp", "0", "1", "2")
}
OF_PERSONS = {
    "a copy in a copy": f"<message to='{BOB}'><body>Look</body><forwarded xmlns='urn:xmpp:forward:0'>"
    f"<message xmlns='jabber:client'><sent xmlns='urn:xmpp:carbons:2'/></message></forwarded></message>",
    "a copy with a prefix": f"<message to='{BOB}'><c:sent xmlns:c='urn:xmpp:carbons:2'>{FORWARDED}</c:sent></message>",
    "a copy to oneself": f"<message to='{ALICE}'><sent xmlns='urn:xmpp:carbons:2'>{FORWARDED}</sent></message>",
    "a copy to a room": f"<message to='{ROOM}' type='groupchat'><sent xmlns='urn:xmpp:carbons:2'/></message>",
    "a notification": f"<message to='{BOB}' type='headline'>"
    f"<event xmlns='http://jabber.org/protocol/pubsub#event'>{ITEMS}</event></message>",
    "a room's invitation": f"<message to='{BOB}'><x xmlns='{MUC}'><invite from='{CAROL}'/></x></message>",
    "a room's word of a refusal": f"<message to='{BOB}'><x xmlns='{MUC}'><decline from='{CAROL}'/></x></message>",
    "a place in a room": f"<message to='{ROOM}'><x xmlns='{MUC}'><item role='moderator'/></x></message>",
    "a room's status": f"<message to='{ROOM}' type='groupchat'><x xmlns='{MUC}'><status code='104'/></x></message>",
    "a room's end": f"<presence to='{BOB}' type='unavailable'><x xmlns='{MUC}'><destroy jid='{ROOM}'/></x></presence>",
    "a word of the moderators": f"<message to='{ROOM}'><retract xmlns='urn:xmpp:message-retract:1' id='1'>"
    f"<moderated xmlns='urn:xmpp:message-moderate:1' by='{ROOM}/carol'/></retract></message>",
    "one of before": f"<message to='{ROOM}' type='groupchat'><apply-to xmlns='urn:xmpp:fasten:0' id='1'>"
    "<moderated xmlns='urn:xmpp:message-moderate:0'/></apply-to></message>",
    "an office": f"<presence to='{ROOM}/alice'><hats xmlns='urn:xmpp:hats:0'><hat title='Law'/></hats></presence>",
    "an office of before": f"<presence to='{ROOM}/alice'><hats xmlns='http://prosody.im/protocol/hats:1'/></presence>",
    "a contact pushed": f"<iq type='set' id='1' to='{BOB}/desk'><query xmlns='jabber:iq:roster'>"
    f"<item jid='{CAROL}' name='Bank' subscription='both'/></query></iq>",
    "a block list pushed": f"<iq type='set' id='1' to='{BOB}/desk'><block xmlns='urn:xmpp:blocking'>"
    f"<item jid='{CAROL}'/></block></iq>",
    "a privacy list pushed": f"<iq type='set' id='1' to='{BOB}/desk'><query xmlns='jabber:iq:privacy'/></iq>",
    "an original sender": f"<message to='{BOB}'><body>Sold.</body><addresses xmlns='http://jabber.org/protocol/address'>"
    f"<address type='ofrom' jid='{CAROL}'/></addresses></message>",
} | {
    f"a delay of {whose or 'nobody'}": f"<message to='{BOB}'><body>Sold.</body>"
    f"<delay xmlns='urn:xmpp:delay' from='{whose}' stamp='2026-01-05T09:00:00Z'/></message>"
    for whose in (CAROL, BOB, "metals.example", "gate.line.example", ROOM, f"{ROOM}/alice", "")
}  # fmt: skip
OF_PERSONS["a delay of before"] = (
    f"<message to='{BOB}'><body>Sold.</body><x xmlns='jabber:x:delay' from='{CAROL}' stamp='20260105T09:00:00'/>"
    "</message>"
)
OF_PERSONS["a delay that names somebody besides"] = OF_PERSONS[f"a delay of {CAROL}"].replace(
    "from=", f"to='{ALICE.partition('/')[0]}' from="
)
TWO_SITES = parse_directory(
    'access = "access.metals.example"\n'
    + EXAMPLE_TEXT.replace("sites = [", 'sites = [{ domain = "london.metals.example" }, ', 1)
    + '\n[[enterprise.metals.person]]\njid = "lena@london.metals.example"\nname = "Lena"\nroles = ["trader"]\n'
)
HONEST = {
    "a message": f"<message to='{BOB}'><body>Sold.</body></message>",
    "a message that is passed on": f"<message to='{BOB}'><body>Look</body>{FORWARDED}</message>",
    "a delay of one's own": f"<message to='{BOB}'><body>Sold.</body>"
    f"<delay xmlns='urn:xmpp:delay' from='{ALICE}' stamp='2026-01-05T09:00:00Z'/></message>",
    "a delay in another spelling": f"<message to='{BOB}'><body>Sold.</body>"
    "<delay xmlns='urn:xmpp:delay' from='Alice@METALS.example' stamp='2026-01-05T09:00:00Z'/></message>",
    "a delay of nobody": f"<message to='{BOB}'><body>Sold.</body>"
    "<delay xmlns='urn:xmpp:delay' stamp='2026-01-05T09:00:00Z'/></message>",
    "carbons": "<iq type='set' id='1'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
    "no carbon": f"<message to='{BOB}'><body>Sold.</body><private xmlns='urn:xmpp:carbons:2'/></message>",
    "a question to the archive": "<iq type='set' id='1'><query xmlns='urn:xmpp:mam:2'/></iq>",
    "a receipt": f"<message to='{BOB}'><received xmlns='urn:xmpp:receipts' id='1'/></message>",
    "an invitation through a room": f"<message to='{ROOM}'><x xmlns='{MUC}'><invite to='{BOB}'/></x></message>",
    "an answer to one": f"<message to='{ROOM}'><x xmlns='{MUC}'><decline to='{BOB}'/></x></message>",
    "a moderator's request": f"<iq type='set' id='1' to='{ROOM}'><moderate xmlns='urn:xmpp:message-moderate:1' id='2'>"
    "<retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>",
    "a private message": f"<message to='{ROOM}/bob' type='chat'><body>Sold.</body><x xmlns='{MUC}'/></message>",
    "a contact of one's own": f"<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='{BOB}'/></query></iq>",
    "the same with an address": "<iq type='set' id='1' to='alice@metals.example'>"
    f"<query xmlns='jabber:iq:roster'><item jid='{BOB}'/></query></iq>",
    "somebody blocked": f"<iq type='set' id='1'><block xmlns='urn:xmpp:blocking'><item jid='{BOB}'/></block></iq>",
    "a copy for somebody": f"<message to='{BOB}'><body>Sold.</body><addresses xmlns='http://jabber.org/protocol/address'>"
    f"<address type='cc' jid='{CAROL}'/></addresses></message>",
}  # fmt: skip


@pytest.mark.parametrize("way", [Way.C2S, Way.S2S])
@pytest.mark.parametrize("name", COPIES | ARCHIVED | OF_PERSONS)
def test_a_person_does_not_say_what_servers_and_rooms_do(name: str, way: Way) -> None:
    facts = read_stanza((COPIES | ARCHIVED | OF_PERSONS)[name], way=way)
    if way is Way.S2S and name in ("a delay of metals.example", "a delay of gate.line.example"):
        assert (
            decide_forged(EXAMPLE, facts) is None
        )  # their own server, or its gate, which may have kept it back
    else:
        assert decide(EXAMPLE, facts) is FORGED


@pytest.mark.parametrize("way", [Way.C2S, Way.S2S])
@pytest.mark.parametrize("name", HONEST)
def test_what_clients_say_themselves_is_theirs(name: str, way: Way) -> None:
    facts = read_stanza(HONEST[name], way=way)
    assert decide_forged(EXAMPLE, facts) is None
    if way is Way.C2S:
        assert decide(EXAMPLE, facts).action is Action.RELEASE


@pytest.mark.parametrize("way", [Way.S2S, Way.COMPONENT])
def test_a_room_tells_of_itself_and_its_archive_answers(way: Way) -> None:
    told = {name: xml for name, xml in (ARCHIVED | OF_PERSONS).items() if "copy" not in name}
    for name, xml in told.items():
        if "pushed" in name and way is Way.S2S:
            continue
        assert decide_forged(EXAMPLE, read_stanza(xml, way=way, sender=ROOM)) is None, name
    # But nobody who is in it speaks for its archive.
    for name, xml in ARCHIVED.items():
        assert decide_forged(EXAMPLE, read_stanza(xml, way=way, sender=f"{ROOM}/alice")) is FORGED, name


@pytest.mark.parametrize("sender", [ROOM, f"{ROOM}/alice", "metals.example", "alice@metals.example", ALICE])
@pytest.mark.parametrize("name", COPIES)
def test_no_other_server_has_copies_of_what_our_people_wrote(name: str, sender: str) -> None:
    assert decide_forged(EXAMPLE, read_stanza(COPIES[name], way=Way.S2S, sender=sender)) is FORGED


@pytest.mark.parametrize("sender", ["metals.example", "alice@metals.example", "files.metals.example"])
def test_no_other_server_answers_for_an_archive_but_of_a_room(sender: str) -> None:
    for xml in ARCHIVED.values():
        assert decide_forged(EXAMPLE, read_stanza(xml, way=Way.S2S, sender=sender)) is FORGED


@pytest.mark.parametrize("sender", ["london.metals.example", "rooms.metals.example", ROOM])
@pytest.mark.parametrize("type_", ["set", "result"])
@pytest.mark.parametrize("name", [name for name in OF_PERSONS if "pushed" in name])
def test_no_other_server_tells_our_clients_what_is_on_our_accounts_lists(
    name: str, type_: str, sender: str
) -> None:
    xml = OF_PERSONS[name].replace("type='set'", f"type='{type_}'")
    assert decide(TWO_SITES, read_stanza(xml, way=Way.S2S, sender=sender)) is FORGED
    # It may ask, and finds nothing. A component of ours may be one that keeps contacts for the enterprise.
    asked = OF_PERSONS[name].replace("type='set'", "type='get'")
    assert decide_forged(TWO_SITES, read_stanza(asked, way=Way.S2S, sender=sender)) is None
    assert decide_forged(TWO_SITES, read_stanza(xml, way=Way.COMPONENT, sender=ROOM)) is None


@pytest.mark.parametrize(
    ("by", "is_forged"),
    [
        ("london.metals.example", False),
        ("London.METALS.example.", False),
        ("gate.london.example", False),  # of which only London's directory knows
        ("metals.example", True),
        ("rooms.metals.example", True),
        ("gate.steelyard.example", True),
        ("Gate.Steelyard.example", True),
        ("access.metals.example", True),
    ],
)
def test_another_site_does_not_say_that_ours_kept_something_back(by: str, is_forged: bool) -> None:
    xml = OF_PERSONS[f"a delay of {CAROL}"].replace(f"from='{CAROL}'", f"from='{by}'")
    assert by in xml
    facts = read_stanza(xml, way=Way.S2S, sender="lena@london.metals.example/desk")
    assert (decide_forged(TWO_SITES, facts) is FORGED) is is_forged


def test_a_server_notifies_of_its_accounts_nodes() -> None:
    facts = read_stanza(OF_PERSONS["a notification"], way=Way.S2S, sender="alice@metals.example")
    assert decide(EXAMPLE, facts).action is Action.RELEASE


@pytest.mark.parametrize("way", [Way.SERVER, Way.SESSION, Way.CANARY, Way.GATE])
def test_what_our_own_server_makes_is_its_own(way: Way) -> None:
    for xml in (*COPIES.values(), *OF_PERSONS.values()):
        assert decide_forged(EXAMPLE, read_stanza(xml, way=way)) is None


def test_who_may_not_reach_somebody_learns_nothing_else() -> None:
    for xml in (COPIES | OF_PERSONS).values():
        decision = decide(EXAMPLE, read_stanza(xml, to=GEORGE))
        assert decision.rules == ("recipient-outside",)


def test_what_nobody_could_read_is_told_first() -> None:
    inside = FORWARDED.replace("<body>", "<encrypted xmlns='urn:xmpp:omemo:2'/><body>")
    facts = read_stanza(f"<message to='{BOB}'><sent xmlns='urn:xmpp:carbons:2'>{inside}</sent></message>")
    assert decide(EXAMPLE, facts) is OMEMO


def test_a_line_with_an_upload_says_the_same() -> None:
    with_upload = parse_directory('transfer = "upload.metals.example"\n' + EXAMPLE_TEXT)
    for xml in COPIES.values():
        assert decide(with_upload, read_stanza(xml)) is FORGED


def test_what_a_person_has_released_may_have_the_gates_delay_in_it() -> None:
    said = f"<message to='{BOB}' type='chat'><body>Sold.</body></message>"
    released = delay_stanza(said.encode(), "gate.metals.example", 1_767_603_600_000_000_000).decode()
    assert decide(EXAMPLE, read_stanza(released)) is FORGED
    assert decide_again(EXAMPLE, read_stanza(released)).action is Action.RELEASE
    assert decide_again(EXAMPLE, read_stanza(released.replace(BOB, GEORGE))).action is Action.REFUSE
    omemo = released.replace("</message>", "<encrypted xmlns='eu.siacs.conversations.axolotl'/></message>")
    assert decide_again(EXAMPLE, read_stanza(omemo)) is OMEMO
