"""What any client shows of a stanza is text; names of protocols and Base64 are not."""

import base64
import re

import pytest

from components.audit.stanza import read_stanza as read_recorded
from policy.content.decide import decide_content
from policy.content.parse import parse_policy
from policy.content.payload import READABLE, decide_payload
from policy.content.refusals import MIXED
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
        ("<x xmlns='urn:unknown' name='one' where='two' id='three'/>", ["one", "two"]),
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


@pytest.mark.parametrize("top", ["message", "presence", "iq"])
def test_what_a_stanza_says_in_attributes_of_its_own_is_text(top: str) -> None:
    of_stanza = "from='a@b/c' to='d@e' id='one' type='error' xml:lang='two'"
    assert read_stanza(f"<{top} {of_stanza}/>").text == ""
    more = "wibble='three' xmlns:u='urn:u' u:wobble='four' node='five'"
    facts = read_stanza(f"<{top} {of_stanza} {more}/>")
    assert (facts.text, facts.attributes) == ("three\nfour", ("three", "four", "five"))
    recorded = read_recorded(
        f"<{top} xmlns='jabber:client' {of_stanza} {more}><x xmlns='y'>six</x></{top}>".encode()
    )
    assert {"three", "four", "six"} <= set(recorded.text.split("\n"))
    secret = read_stanza(f"<{top} wibble='aesgcm://files.example/x#y'/>")
    assert decide_payload(secret).rules == ("encrypted-link",)


_PROSE = ["off the record", "不要外传", "off\u2003the.record", "http://evil.example/ off"]


@pytest.mark.parametrize("prose", _PROSE)
@pytest.mark.parametrize(
    ("stanza", "is_address"),
    [
        ("<message id='{}'/>", False),
        ("<message type='{}'><body/></message>", False),
        ("<iq xml:lang='{}'/>", False),
        ("<presence><x xmlns='urn:x' node='{}'/></presence>", False),
        ("<message><replace xmlns='urn:xmpp:message-correct:0' id='{}'/></message>", False),
        ("<message><thread parent='{}'>q</thread></message>", False),
        ("<message><body xml:lang='{}'/></message>", False),
        ("<message><x xmlns='urn:x' jid='a@b.example/{}'/></message>", True),
        ("<message><x xmlns='urn:x' by='{}'/></message>", True),
    ],
)
def test_words_are_text_where_protocols_have_a_name(stanza: str, is_address: bool, prose: str) -> None:
    """No identifier has blanks, and none is in Chinese: whoever puts words there says something."""
    text = read_stanza(stanza.format(prose)).text
    words = re.sub(r"[\W_]+", " ", prose)
    if not is_address:
        assert words in text.split("\n")
    elif "/{}" in stanza:
        assert words in text.split("\n")
        assert "example" not in text.replace("evil example", "")
    assert "." not in text


@pytest.mark.parametrize(
    "name",
    [
        "0b1e1f2c-7d0a-4d57-8b0e-1a2b3c4d5e6f",
        "urn:xmpp:bookmarks:1",
        "a@b.example/desk",
        "de-CH",
        "purple1a2b",
    ],
)
def test_what_protocols_have_there_is_not(name: str) -> None:
    inside = f"<x xmlns='urn:x' node='{name}' jid='{name}' sid='{name}'/>"
    assert read_stanza(f"<message id='{name}' type='{name}' xml:lang='{name}'>{inside}</message>").text == ""
    drawn = "<x xmlns='urn:x' style='font-weight: bold; color: red' class='one two' dir='l r'/>"
    assert read_stanza(f"<message>{drawn}</message>").text == ""


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


PASSWORDS = [
    f"<query xmlns='{namespace}'><username>x</username><password>sideletter</password></query>"
    for namespace in ("jabber:iq:auth", "jabber:iq:register")
]
FROM = "from='alice@metals.example/desk'"
TO_OTHERS = [
    f"<message {FROM} to='bob@metals.example'>{{}}</message>",
    f"<message {FROM}>{{}}</message>",
    f"<presence {FROM}>{{}}</presence>",
    f"<iq {FROM} to='bob@metals.example/desk' type='result'>{{}}</iq>",
    f"<iq {FROM} to='room@rooms.metals.example' type='set'>{{}}</iq>",
    f"<iq {FROM} to='alice@metals.example.evil' type='set'>{{}}</iq>",
    f"<message {FROM}><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client'>{{}}</iq></forwarded></message>",
]
TO_OWN = [
    f"<iq {FROM} type='set'>{{}}</iq>",
    f"<iq {FROM} to='alice@metals.example' type='set'>{{}}</iq>",
    f"<iq {FROM} to='metals.example' type='set'>{{}}</iq>",
    "<iq from='alice@metals.example' to='alice@metals.example/desk' type='result'>{}</iq>",
]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("stanza", TO_OTHERS)
def test_a_password_that_others_are_told_is_a_text(password: str, stanza: str) -> None:
    told = stanza.format(password)
    assert "sideletter" in read_stanza(told).text.split("\n")
    assert decide_content(parse_policy(LINKS, {}), read_stanza(told)).rules == ("words",)
    assert "sideletter" in read_recorded(told.encode()).text.split("\n")


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("stanza", TO_OWN)
def test_a_password_that_the_own_server_is_told_is_in_no_text(password: str, stanza: str) -> None:
    told = stanza.format(password)
    assert read_stanza(told).text == "x"
    assert read_recorded(told.encode()).text == "x"


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


# Each shows `sideletter` in some client, or may in one that knows what nobody else does: where people write.
SHOWN = {
    "a body in a second language": "<body xml:lang='de'>x</body><body xml:lang='en'>sideletter</body>",
    "CDATA": "<body><![CDATA[side]]>letter</body>",
    "references to characters": "<body>side&#108;&#x65;tter</body>",
    "a subject": "<subject>sideletter</subject>",
    "a form's title": "<x xmlns='jabber:x:data'><title>sideletter</title></x>",
    "a form's instructions": "<x xmlns='jabber:x:data'><instructions>sideletter</instructions></x>",
    "a label": "<x xmlns='jabber:x:data'><field label='sideletter'/></x>",
    "a label of a choice": "<x xmlns='jabber:x:data'><field><option label='sideletter'/></field></x>",
    "a description": "<x xmlns='jabber:x:data'><field><desc>sideletter</desc></field></x>",
    "a value": "<x xmlns='jabber:x:data'><field var='x'><value>sideletter</value></field></x>",
    "a value that begins like a protocol": "<x xmlns='jabber:x:data'><field var='x'>"
    "<value>jabber:about-the-sideletter</value></field></x>",
    "a type of form that is shown": "<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='text-single'>"
    "<value>jabber:sideletter</value></field></x>",
    "a field without a label": "<x xmlns='jabber:x:data' type='form'><field var='sideletter'/></x>",
    "a field of a result without a label": "<x xmlns='jabber:x:data' type='result'><field var='sideletter'/></x>",
    "a column without a label": "<x xmlns='jabber:x:data' type='result'><reported><field var='sideletter'/></reported>"
    "</x>",
    "a field that is named like a protocol": "<x xmlns='jabber:x:data' type='form'>"
    "<field var='urn:xmpp:the_sideletter'/></x>",
    "a value that ends a protocol's name": "<x xmlns='jabber:x:data'><field var='x'>"
    "<value>http://jabber.org/protocol/muc#the-sideletter</value></field></x>",
    "a mood that nobody knows": "<mood xmlns='http://jabber.org/protocol/mood'><sideletter/></mood>",
    "an activity within another": "<activity xmlns='http://jabber.org/protocol/activity'><working>"
    "<sideletter xmlns='urn:x'/></working></activity>",
    "who is answered": "<reply xmlns='urn:xmpp:reply:0' to='desk@rooms.x/sideletter' id='1'/>",
    "whose joining is passed on": "<forwarded xmlns='urn:xmpp:forward:0'><presence xmlns='jabber:client' "
    "to='desk@rooms.x/sideletter'/></forwarded>",
    "a file's name with dots": "<file xmlns='urn:xmpp:file:metadata:0'><name>side.letter.pdf</name></file>",
    "a page of a form": "<page xmlns='http://jabber.org/protocol/xdata-layout' label='sideletter'/>",
    "a nickname in a room": "<x xmlns='http://jabber.org/protocol/muc#user'><item nick='sideletter'/></x>",
    "who removed somebody": "<x xmlns='urn:x'><item><actor nick='sideletter'/></item></x>",
    "a reason": "<x xmlns='http://jabber.org/protocol/muc#user'><invite><reason>sideletter</reason></invite></x>",
    "a room's password": "<x xmlns='jabber:x:conference' jid='a@b' password='sideletter'/>",
    "a conversation to go on with": "<x xmlns='jabber:x:conference' jid='a@b' thread='sideletter'/>",
    "a note of a command": "<command xmlns='http://jabber.org/protocol/commands'><note>sideletter</note></command>",
    "a description of a link": "<x xmlns='jabber:x:oob'><desc>sideletter</desc></x>",
    "a place": "<geoloc xmlns='http://jabber.org/protocol/geoloc'><text>sideletter</text></geoloc>",
    "a mood": "<mood xmlns='http://jabber.org/protocol/mood'><happy/><text>sideletter</text></mood>",
    "a tune": "<tune xmlns='http://jabber.org/protocol/tune'><title>sideletter</title></tune>",
    "why it comes late": "<delay xmlns='urn:xmpp:delay' stamp='x'>sideletter</delay>",
    "a file's name": "<file xmlns='urn:xmpp:file:metadata:0'><name>sideletter</name></file>",
    "a file's name as it is uploaded": "<request xmlns='urn:xmpp:http:upload:0' filename='sideletter'/>",
    "a reaction": "<reactions xmlns='urn:xmpp:reactions:0'><reaction>sideletter</reaction></reactions>",
    "reactions in a row": "<reactions xmlns='urn:xmpp:reactions:0'><reaction>side</reaction><reaction>letter</reaction>"
    "</reactions>",
    "a file's name in a link": "<body>https://ours.example/a%20side%6Cetter.pdf</body>",
    "HTML's references as characters": "<content xmlns='http://www.w3.org/2005/Atom' type='html'>"
    "side&amp;#108;etter</content>",
    "what is written in a drawing": "<data xmlns='urn:xmpp:bob'>"
    + base64.b64encode(
        b"<svg xmlns='http://www.w3.org/2000/svg'><text x='1'>a sideletter</text></svg>"
    ).decode()
    + "</data>",
    "a spoiler": "<spoiler xmlns='urn:xmpp:spoiler:0'>sideletter</spoiler>",
    "a bookmark": "<conference xmlns='urn:xmpp:bookmarks:1' name='sideletter'/>",
    "what is kept for oneself": "<query xmlns='jabber:iq:private'><x xmlns='urn:q'>sideletter</x></query>",
    "a vCard": "<vCard xmlns='vcard-temp'><NOTE>sideletter</NOTE></vCard>",
    "a vCard's type of picture": "<vCard xmlns='vcard-temp'><PHOTO><TYPE>sideletter</TYPE></PHOTO></vCard>",
    "a picture that is words": "<BINVAL xmlns='vcard-temp'>we wrote the sideletter with 7 lines + for You "
    "alone to read and nobody else and more</BINVAL>",
    "a picture that is one word": f"<BINVAL xmlns='vcard-temp'>{'sideletter/' * 8}</BINVAL>",
    "a picture that is a text": f"<data xmlns='urn:xmpp:bob'>{base64.b64encode(b'a sideletter ' * 6).decode()}</data>",
    "a vCard 4": "<note xmlns='urn:ietf:params:xml:ns:vcard-4.0'><text>sideletter</text></note>",
    "a contact's name": "<query xmlns='jabber:iq:roster'><item jid='a@b' name='sideletter'/></query>",
    "a contact's group": "<query xmlns='jabber:iq:roster'><item><group>sideletter</group></item></query>",
    "what a client is": "<identity xmlns='http://jabber.org/protocol/disco#info' name='sideletter'/>",
    "what went wrong": "<error><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>sideletter</text></error>",
    "an entry": "<entry xmlns='http://www.w3.org/2005/Atom'><title>sideletter</title></entry>",
    "a category of an entry": "<category xmlns='http://www.w3.org/2005/Atom' term='sideletter'/>",
    "HTML as characters": "<content xmlns='http://www.w3.org/2005/Atom' type='html'>&lt;b&gt;side&lt;/b&gt;letter"
    "</content>",
    "HTML in an entry": f"<content xmlns='urn:a'><p {XHTML}><b>side</b><i>letter</i></p></content>",
    "what stands in a field of HTML": f"<input {XHTML} value='sideletter'/>",
    "what a field of HTML asks for": f"<input {XHTML} placeholder='sideletter'/>",
    "what HTML reads out": f"<span {XHTML} aria-label='sideletter'/>",
    "a hat": "<hat xmlns='urn:xmpp:hats:0' title='sideletter'/>",
    "a list of those blocked": "<list xmlns='jabber:iq:privacy' name='sideletter'/>",
    "a header": "<header xmlns='http://jabber.org/protocol/shim' name='Subject'>sideletter</header>",
    "an attribute that nobody knows": "<x xmlns='urn:x' caption='sideletter'/>",
    "an attribute in a namespace": "<x xmlns='urn:x' xmlns:a='urn:a' a:title='sideletter'/>",
    "who speaks in a message that is passed on": "<forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='desk@rooms.x/sideletter'><body>x</body></message></forwarded>",
    "a message that is passed on": "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>"
    "<body>sideletter</body></message></forwarded>",
    "a forged answer of an archive": "<result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client'><body>sideletter</body></message></forwarded></result>",
    "a forged carbon": "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client'><body>sideletter</body></message></forwarded></received>",
    "an item": "<event xmlns='http://jabber.org/protocol/pubsub#event'><items><item><x xmlns='urn:x'>sideletter</x>"
    "</item></items></event>",
}


@pytest.mark.parametrize("place", SHOWN)
@pytest.mark.parametrize("top", ["message", "presence", "iq"])
def test_the_same_word_is_seen_wherever_people_write(place: str, top: str) -> None:
    facts = read_stanza(f"<{top}>{SHOWN[place]}</{top}>")
    assert decide_content(parse_policy(LINKS, {}), facts).rules == ("words",)
    assert decide_payload(facts) is READABLE


@pytest.mark.parametrize("attribute", ["action", "background", "data", "longdesc", "poster", "srcset", "src"])
def test_a_link_is_seen_wherever_html_follows_one(attribute: str) -> None:
    stanza = f"<message><x {XHTML} {attribute}='https://theirs.example/x'/></message>"
    assert decide_content(parse_policy(LINKS, {}), read_stanza(stanza)).rules == ("links",)


def test_how_a_device_is_called_is_seen_and_is_no_link() -> None:
    for device, rules in (
        ("my.sideletter.x1", ("words",)),
        ("Conversations.info", ()),
        ("a://b.example", ()),
    ):
        presence = read_stanza(f"<presence from='alice@metals.example/{device}'/>")
        assert decide_content(parse_policy(LINKS, {}), presence).rules == rules


@pytest.mark.parametrize("top", ["message type='chat'", "message", "iq type='get'"])
def test_words_in_a_devices_name_are_seen_of_whoever_is_never_present(top: str) -> None:
    """A client may write without presence; others show from which device a message came."""
    named = read_stanza(f"<{top} from='alice@metals.example/the sideletter, at noon'/>")
    assert decide_content(parse_policy(LINKS, {}), named).rules == ("words",)
    assert texts_of(named) == ["the sideletter at noon"]
    for usual in (
        "alice@metals.example/sideletter.x1",
        "älice@metals.example/gajim.5B2",
        "rooms.metals.example",
    ):
        assert texts_of(read_stanza(f"<{top} from='{usual}'/>")) == []
    in_room = read_stanza("<message type='groupchat' from='desk@rooms.metals.example/The sideletter'/>")
    assert texts_of(in_room) == []
