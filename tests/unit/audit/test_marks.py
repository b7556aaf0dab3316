"""What a stanza does to a conversation, by the examples of the XEPs and by what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.audit.marks import Mark, Marks, read_marks

ALICE, BOB, ROOM = "alice@metals.example", "bob@metals.example", "deals@rooms.metals.example"
BODY = "<body>Copper at 9,123</body>"
RETRACT = "<retract id='m1' xmlns='urn:xmpp:message-retract:1'/>"
OLD_RETRACT = (
    "<apply-to id='m1' xmlns='urn:xmpp:fasten:0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>"
)
MODERATED = (
    "<retract id='s1' xmlns='urn:xmpp:message-retract:1'>"
    f"<moderated by='{ROOM}/carol' xmlns='urn:xmpp:message-moderate:1'/><reason>No prices</reason></retract>"
)
OLD_MODERATED = (
    f"<apply-to id='s1' xmlns='urn:xmpp:fasten:0'><moderated by='{ROOM}/carol' xmlns='urn:xmpp:message-moderate:0'>"
    "<retract xmlns='urn:xmpp:message-retract:0'/><reason>No prices</reason></moderated></apply-to>"
)
MODERATE = (
    "<moderate id='s1' xmlns='urn:xmpp:message-moderate:1'><retract xmlns='urn:xmpp:message-retract:1'/>"
    "<reason>No prices</reason></moderate>"
)
OLD_MODERATE = (
    "<apply-to id='s1' xmlns='urn:xmpp:fasten:0'><moderate xmlns='urn:xmpp:message-moderate:0'>"
    "<retract xmlns='urn:xmpp:message-retract:0'/><reason>No prices</reason></moderate></apply-to>"
)
CORRECT = "<replace id='m1' xmlns='urn:xmpp:message-correct:0'/>"
REACT = (
    "<reactions id='m1' xmlns='urn:xmpp:reactions:0'><reaction>👋</reaction><reaction>🐢</reaction>"
    "<reaction>👋</reaction><reaction/></reactions>"
)
RECEIVED = "<received xmlns='urn:xmpp:receipts' id='m1'/>"
DISPLAYED = "<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>"
COMPOSING = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
MUC = "<x xmlns='http://jabber.org/protocol/muc'/>"
MUC_USER = "http://jabber.org/protocol/muc#user"


def said(content: str, to: str = BOB, sender: str = f"{ALICE}/desk", type_: str = "chat") -> Marks:
    return read_marks(
        f"<message xmlns='jabber:client' from='{sender}' to='{to}' type='{type_}' id='m2'>{content}</message>".encode()
    )


def told(content: str, type_: str = "", to: str = f"{ROOM}/Al", sender: str = f"{ALICE}/desk") -> Marks:
    kind = f" type='{type_}'" if type_ else ""
    return read_marks(
        f"<presence xmlns='jabber:client' from='{sender}' to='{to}'{kind}>{content}</presence>".encode()
    )


def asked(content: str, to: str = ROOM) -> Marks:
    return read_marks(
        f"<iq xmlns='jabber:client' from='{ALICE}/desk' to='{to}' type='set' id='i1'>{content}</iq>".encode()
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (BODY, (Mark.MESSAGE, "")),
        (f"<subject>Hi</subject>{BODY}", (Mark.MESSAGE, "")),
        (CORRECT + BODY, (Mark.CORRECTION, "m1")),
        (BODY + CORRECT, (Mark.CORRECTION, "m1")),
        (RETRACT, (Mark.RETRACTION, "m1")),
        (RETRACT + "<body>/me retracted a message</body>", (Mark.RETRACTION, "m1")),
        (OLD_RETRACT, (Mark.RETRACTION, "m1")),
        (REACT, (Mark.REACTION, "m1")),
        (REACT + BODY, (Mark.REACTION, "m1")),
        ("<reactions id='m1' xmlns='urn:xmpp:reactions:0'/>", (Mark.REACTION, "m1")),
        (RECEIVED, (Mark.RECEIPT, "m1")),
        ("<received xmlns='urn:xmpp:receipts'/>", (Mark.RECEIPT, "m2")),
        (DISPLAYED, (Mark.MARKER, "m1")),
        (DISPLAYED.replace("displayed", "acknowledged"), (Mark.MARKER, "m1")),
        (DISPLAYED.replace("displayed", "received"), (Mark.MARKER, "m1")),
        (COMPOSING, (Mark.CHAT_STATE, "")),
        (BODY + COMPOSING, (Mark.MESSAGE, "")),
        ("<markable xmlns='urn:xmpp:chat-markers:0'/>", (Mark.OTHER, "")),
        ("<request xmlns='urn:xmpp:receipts'/>", (Mark.OTHER, "")),
        ("<replace xmlns='urn:xmpp:message-correct:0'/><body>x</body>", (Mark.MESSAGE, "")),
        ("<retracted stamp='2026-11-24T14:02:11Z' id='r1' xmlns='urn:xmpp:message-retract:1'/>",
         (Mark.RETRACTION, "m2")),
        ("<retracted id='r1' xmlns='urn:xmpp:message-retract:1'/><body>seen by all</body>", (Mark.MESSAGE, "")),
        ("<subject>not of a room</subject>", (Mark.OTHER, "")),
        ("", (Mark.OTHER, "")),
    ],
)  # fmt: skip
def test_a_message_is_marked_by_what_it_does(content: str, expected: tuple[Mark, str]) -> None:
    marks = said(content)
    assert (marks.mark, marks.target) == expected
    assert (marks.id, marks.type) == ("m2", "chat")


def test_a_message_may_acknowledge_besides() -> None:
    marks = said(BODY + RECEIVED + DISPLAYED)
    assert marks.mark is Mark.MESSAGE
    assert marks.also == ((Mark.RECEIPT, "m1"), (Mark.MARKER, "m1"))
    assert said(CORRECT + BODY + COMPOSING).also == ()


def test_each_emoji_counts_once_in_its_order() -> None:
    assert said(REACT).emojis == ("👋", "🐢")


def test_ids_of_xep_0359_and_what_a_reply_answers() -> None:
    marks = said(
        "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/><stanza-id xmlns='urn:xmpp:sid:0' by='a.example' id='s1'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='b.example' id='s2'/>"
        f"<reply xmlns='urn:xmpp:reply:0' to='{BOB}/x' id='m1'/>"
        "<thread>t1</thread>" + BODY
    )
    assert (marks.origin_id, marks.stanza_ids) == ("o1", (("a.example", "s1"), ("b.example", "s2")))
    assert (marks.reply_to, marks.person, marks.thread) == ("m1", f"{BOB}/x", "t1")


def test_a_room_is_told_from_who_writes_in_it() -> None:
    to_room, from_room = (
        said(BODY, ROOM, type_="groupchat"),
        said(BODY, f"{BOB}/x", f"{ROOM}/Al", "groupchat"),
    )
    assert (to_room.room, to_room.nick) == (ROOM, "")
    assert (from_room.room, from_room.nick) == (ROOM, "Al")
    assert said("<subject>Today</subject>", ROOM, type_="groupchat").mark is Mark.SUBJECT
    assert said("<subject/>", ROOM, type_="groupchat").mark is Mark.SUBJECT
    assert said("<subject>x</subject><thread>t</thread>", ROOM, type_="groupchat").mark is Mark.OTHER
    private = said(f"{BODY}<x xmlns='{MUC_USER}'/>", f"{ROOM}/Bo")
    assert (private.mark, private.room, private.nick) == (Mark.MESSAGE, ROOM, "Bo")
    assert said(BODY).room == ""


@pytest.mark.parametrize("content", [MODERATED, OLD_MODERATED])
def test_a_room_says_who_retracted_as_its_moderator(content: str) -> None:
    marks = said(content, f"{BOB}/x", ROOM, "groupchat")
    assert (marks.mark, marks.target, marks.is_by_moderator) == (Mark.RETRACTION, "s1", True)
    assert (marks.person, marks.reason) == (f"{ROOM}/carol", "No prices")
    assert not said(RETRACT, ROOM, type_="groupchat").is_by_moderator


@pytest.mark.parametrize("content", [MODERATE, OLD_MODERATE])
def test_a_moderator_asks_for_a_retraction(content: str) -> None:
    marks = asked(content)
    assert (marks.mark, marks.target, marks.room) == (Mark.RETRACTION, "s1", ROOM)
    assert (marks.is_by_moderator, marks.reason) == (True, "No prices")


def test_joins_and_leaves_of_a_room() -> None:
    join = told(MUC)
    assert (join.mark, join.room, join.nick) == (Mark.JOIN, ROOM, "Al")
    leave = told("", "unavailable")
    assert (leave.mark, leave.room, leave.nick) == (Mark.LEAVE, ROOM, "Al")
    assert told("").mark is Mark.OTHER  # another nickname or status: one is in already
    assert told(MUC, to=ROOM).mark is Mark.OTHER  # nobody joins without a nickname
    assert told("", "unavailable", to="").mark is Mark.OTHER
    assert told(MUC, "error").mark is Mark.OTHER


def test_what_a_room_tells_of_its_occupants() -> None:
    item = f"<item affiliation='member' jid='{ALICE}/desk' role='participant'/>"
    content = f"<x xmlns='{MUC_USER}'>{item}<status code='110'/></x>"
    join = told(content, to=f"{ALICE}/desk", sender=f"{ROOM}/Al")
    assert (join.mark, join.room, join.nick, join.person, join.detail) == (
        Mark.JOIN,
        ROOM,
        "Al",
        ALICE,
        "110",
    )
    leave = told(content, "unavailable", f"{ALICE}/desk", f"{ROOM}/Al")
    assert (leave.mark, leave.person) == (Mark.LEAVE, ALICE)
    renamed = content.replace("</x>", "<status code='303'/></x>")
    assert told(renamed, "unavailable", f"{ALICE}/desk", f"{ROOM}/Al").mark is Mark.OTHER


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("<item nick='Bo' role='none'><reason>Out</reason></item>", (Mark.LEAVE, "Bo", "", "Out")),
        (f"<item affiliation='outcast' jid='{BOB}'/>", (Mark.LEAVE, "", BOB, "")),
        (f"<item affiliation='member' jid='{BOB}'/>", (Mark.OTHER, "", "", "")),
    ],
)
def test_somebody_is_removed_from_a_room(item: str, expected: tuple[Mark, str, str, str]) -> None:
    marks = asked(f"<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>")
    assert (marks.mark, marks.nick, marks.person, marks.reason) == expected


def test_what_one_has_read_is_told_to_ones_own_devices() -> None:
    marks = asked(
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'>"
        f"<item id='{BOB}'><displayed xmlns='urn:xmpp:mds:displayed:0'>"
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='{ALICE}' id='s1'/></displayed></item></publish></pubsub>",
        ALICE,
    )
    assert (marks.mark, marks.target, marks.person, marks.detail) == (Mark.MARKER, "s1", BOB, "displayed")


def test_invitations_to_a_room() -> None:
    direct = said(f"<x xmlns='jabber:x:conference' jid='{ROOM}' reason='Deals'/><body>Come</body>")
    assert (direct.mark, direct.room, direct.person, direct.reason) == (Mark.INVITE, ROOM, BOB, "Deals")
    invite = f"<x xmlns='{MUC_USER}'><invite to='{BOB}'><reason>Deals</reason></invite></x>"
    mediated = said(invite, ROOM, type_="normal")
    assert (mediated.mark, mediated.room, mediated.person, mediated.reason) == (
        Mark.INVITE,
        ROOM,
        BOB,
        "Deals",
    )
    told_by_room = said(f"<x xmlns='{MUC_USER}'><invite from='{ALICE}'/></x>", BOB, ROOM, "normal")
    assert (told_by_room.mark, told_by_room.room, told_by_room.person) == (Mark.INVITE, ROOM, BOB)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<message",
        b"<message xmlns='jabber:client'><body>\xed\xa0\x80</body></message>",
        b"<message xmlns='urn:other'><body>x</body></message>",
        b"<!DOCTYPE m [<!ENTITY a 'b'>]><message><body>&a;</body></message>",
        b"<message type='error' xmlns='jabber:client'><body>x</body></message>",
        b"<bind jid='alice@metals.example/desk'/>",
        b"<message/><message/>",
    ],
)
def test_what_is_no_stanza_of_a_conversation_is_other(body: bytes) -> None:
    assert read_marks(body).mark is Mark.OTHER


def test_a_deep_stanza_is_read() -> None:
    deep = "<a xmlns='urn:deep'>" * 500 + "</a>" * 500
    assert said(deep + CORRECT + BODY).mark is Mark.CORRECTION


@pytest.mark.parametrize("namespace", ["jabber:client", "jabber:server", ""])
def test_the_stream_of_a_stanza_does_not_matter(namespace: str) -> None:
    stream = f" xmlns='{namespace}'" if namespace else ""
    marks = read_marks(f"<message{stream} id='m1' type='chat'><thread>t</thread>{BODY}</message>".encode())
    assert (marks.mark, marks.thread) == (Mark.MESSAGE, "t")


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_nothing_raises(body: bytes) -> None:
    read_marks(body)
    read_marks(b"<message xmlns='jabber:client'>" + body + b"</message>")
