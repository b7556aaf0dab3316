"""What any client shows of a stanza is text; names of protocols and Base64 are not."""

import base64

import pytest

from policy.content.decide import decide_content
from policy.content.parse import parse_policy
from policy.content.payload import MIXED, READABLE, decide_payload
from policy.content.stanza import read_stanza
from policy.content.text_model import texts_of
from policy.decision import Action

XHTML = "xmlns='http://www.w3.org/1999/xhtml'"
FORM = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>{}</value></field>{}</x>"
PICTURE = base64.b64encode(bytes(range(120))).decode()


def shown(content: str, top: str = "message") -> list[str]:
    facts = read_stanza(f"<{top} to='desk@rooms.x/nick'>{content}</{top}>")
    return [line for text in texts_of(facts) for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("<body>one</body><body xml:lang='de'>eins</body>", ["one", "eins"]),
        ("<subject>one</subject><thread>two</thread>", ["one", "two"]),
        ("<nick xmlns='http://jabber.org/protocol/nick'>one</nick>", ["one"]),
        (f"<html><body {XHTML}><p>s<b>i</b>de</p></body></html>", ["s", "i", "de", "side"]),
        (f"<body {XHTML}><b>si</b><i>de</i></body>", ["si", "de", "side"]),
        (f"<img {XHTML} alt='one' title='two' src='cid:3' class='four'/>", ["one", "two", "cid:3"]),
        (f"<a {XHTML} href='https://one.example'>two</a>", ["two", "https://one.example"]),
        ("<x xmlns='urn:unknown'>one<y/>two</x>", ["one", "two", "onetwo"]),
        ("<x xmlns='urn:unknown' name='one' where='two'/>", ["one"]),
        ("<x xmlns='jabber:x:conference' jid='a@b' reason='one'/>", ["one"]),
        (f"<data xmlns='urn:xmpp:bob'>{PICTURE}</data>", []),
        ("<data xmlns='urn:xmpp:bob'>one two</data>", ["one two"]),
        (f"<data xmlns='urn:unknown'>{PICTURE}</data>", [PICTURE]),
        (f"<BINVAL xmlns='vcard-temp'>{PICTURE}</BINVAL>behind", ["behind"]),
        (f"<BINVAL xmlns='vcard-temp'>{PICTURE}?</BINVAL>", [PICTURE + "?"]),
        (FORM.format("http://jabber.org/protocol/muc#roomconfig", ""), []),
        (FORM.format("urn:xmpp:mam:2", "<field var='x'><value>one</value></field>"), ["one"]),
        (FORM.format("call me at six", ""), ["call me at six"]),
        (FORM.format("http://evil.example/protocol", ""), ["http://evil.example/protocol"]),
        ("<body>http://jabber.org/protocol/muc</body>", ["http://jabber.org/protocol/muc"]),
        ("<c xmlns='http://jabber.org/protocol/caps' node='http://gajim.org' ver='x' hash='sha-1'/>", []),
    ],
)
def test_what_is_shown(content: str, lines: list[str]) -> None:
    assert shown(content) == lines


def test_whoever_enters_a_room_is_shown_by_the_name() -> None:
    assert shown("<status>one</status>", "presence") == ["one", "nick"]
    assert shown("<query xmlns='urn:x'/>", "iq") == []


@pytest.mark.parametrize("name", ["body", "subject", "thread"])
@pytest.mark.parametrize("inside", ["?OT<x xmlns='urn:x'/>R:", "<x xmlns='urn:x'/>", "a<b>c</b>"])
def test_a_plain_text_has_no_elements(name: str, inside: str) -> None:
    mixed = f"<{name}>{inside}</{name}>"
    for content in (
        mixed,
        f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>{mixed}</message></forwarded>",
    ):
        decision = decide_payload(read_stanza(f"<message>{content}</message>"))
        assert decision.action is Action.REFUSE
    assert decide_payload(read_stanza(f"<message><{name}>a<x/></{name}></message>")) is MIXED
    assert decide_payload(read_stanza(f"<message><{name}>a</{name}><x/></message>")) is READABLE


LINKS = """
[[rule]]
id = "links"
kind = "link"
action = "refuse"
text = "No links."
hosts = ["ours.example"]
must_match = ["https://theirs.example/x"]
[[rule]]
id = "words"
kind = "lexicon"
action = "refuse"
text = "No side letters."
terms = { en = ["sideletter"] }
must_match = ["sideletter"]
"""


@pytest.mark.parametrize(
    ("stanza", "rules"),
    [
        # What clients send by themselves: catching up with the archive, configuring a room, publishing.
        (
            f"<iq type='set'><query xmlns='urn:xmpp:mam:2'>{FORM.format('urn:xmpp:mam:2', '')}</query></iq>",
            (),
        ),
        (
            "<iq type='set'><query xmlns='http://jabber.org/protocol/muc#owner'>"
            + FORM.format("http://jabber.org/protocol/muc#roomconfig", "")
            + "</query></iq>",
            (),
        ),
        (
            "<iq type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish-options>"
            + FORM.format("http://jabber.org/protocol/pubsub#publish-options", "")
            + "</publish-options></pubsub></iq>",
            (),
        ),
        # The same rules find what people are shown.
        ("<presence to='desk@rooms.x/sideletter'/>", ("words",)),
        (f"<message><x {XHTML}><b>side</b>letter</x></message>", ("words",)),
        (f"<message><img {XHTML} alt='sideletter' src='cid:1'/></message>", ("words",)),
        (f"<message><a {XHTML} href='https://theirs.example'>x</a></message>", ("links",)),
        (f"<message><body {XHTML}>https://the<b>irs.example</b>/</body></message>", ("links",)),
        ("<message><data xmlns='urn:xmpp:bob'>a sideletter</data></message>", ("words",)),
        ("<presence><status>sideletter</status></presence>", ("words",)),
        (
            "<iq type='set'><query xmlns='http://jabber.org/protocol/muc#owner'>"
            + FORM.format(
                "urn:xmpp:x", "<field var='muc#roomconfig_roomname'><value>sideletter</value></field>"
            )
            + "</query></iq>",
            ("words",),
        ),
    ],
)
def test_rules_look_at_what_is_shown_and_not_at_protocol(stanza: str, rules: tuple[str, ...]) -> None:
    assert decide_content(parse_policy(LINKS, {}), read_stanza(stanza)).rules == rules
