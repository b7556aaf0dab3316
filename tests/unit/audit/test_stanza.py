"""What is read of a stanza: who, to whom, and whatever a person could read in it."""

import base64

import pytest

from components.audit.query.tree import SearchKind
from components.audit.stanza import Reading, format_stanza, read_event, read_stanza, split_jid

CLIENT = "xmlns='jabber:client' from='alice@metals.example/desk' to='bob@metals.example'"
ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
PICTURE = base64.b64encode(bytes(range(120))).decode()


def message(children: str) -> bytes:
    return f"<message {CLIENT} type='chat' id='never-shown'>{children}</message>".encode()


@pytest.mark.parametrize(
    ("children", "text"),
    [
        ("<body>Selling copper</body>", "Selling copper"),
        ("<subject>Offer</subject><body>copper</body>", "Offer\ncopper"),
        ("<body xml:lang='en'>tin</body><body xml:lang='de'>Zinn</body>", "tin\nZinn"),
        ("<body>a &lt;b&gt; &#x1F680; &amp;</body>", "a <b> 🚀 &"),
        ("<body><![CDATA[<raw>]]></body>", "<raw>"),
        ("<body>铜价 שלום \u202e\u200b</body>", "铜价 שלום \u202e\u200b"),
        ("<thread>t1</thread><body>x</body>", "t1\nx"),
        ("<body> \n </body>", ""),
        ("", ""),
        ("stray text", "stray text"),
        # Corrections (XEP-0308), retractions (0424), reactions (0444), links (0066), invitations (0249).
        ("<body>tin</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>", "tin"),
        ("<reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>👍</reaction></reactions>", "👍"),
        (
            "<x xmlns='jabber:x:oob'><url>https://metals.example/f</url><desc>prices</desc></x>",
            "https://metals.example/f\nprices",
        ),
        (
            "<x xmlns='jabber:x:conference' jid='desk@rooms.metals.example' reason='a side room'/>",
            "a side room",
        ),
        ("<file xmlns='urn:x' name='prices.xlsx'/>", "prices.xlsx"),
        # Rich text (XEP-0071): by element, and joined, so that markup inside a word does not hide it.
        (
            "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
            "<p>sell <b>co</b>pper</p></body></html>",
            "sell \nco\npper\nsell copper",
        ),
        # Elements inside a word, text behind what is left out, text that is no Base64 where Base64 belongs.
        ("<body>cop<x xmlns='urn:x'/>per</body>", "cop\nper\ncopper"),
        ("<thread/><body>a <thread xmlns='urn:x'>b</thread> c</body>", "a \nb\n c\na b c"),
        ("<body>a</body><BINVAL xmlns='vcard-temp'/>behind", "a\nbehind"),
        (f"<data xmlns='urn:xmpp:bob'>{PICTURE}</data><body>x</body>", "x"),
        ("<data xmlns='urn:xmpp:bob'>side letter</data><body>x</body>", "side letter\nx"),
        (
            "<x xmlns='urn:x'><p xmlns='http://www.w3.org/1999/xhtml'><img alt='side letter' src='cid:1'/></p></x>",
            "side letter\ncid:1",
        ),
    ],
)
def test_every_text_that_a_person_could_read_is_read(children: str, text: str) -> None:
    reading = read_stanza(message(children))
    assert (reading.kind, reading.sender, reading.to) == (SearchKind.MESSAGE, ALICE, BOB)
    assert reading.text == text


def test_the_thread_is_kept_apart() -> None:
    assert read_stanza(message("<body>x</body><thread>t1</thread>")).thread == "t1"


@pytest.mark.parametrize(
    ("body", "reading"),
    [
        (b"<presence from='a@x'/>", Reading(SearchKind.PRESENCE, "a@x", "", "", "")),
        (
            b"<presence xmlns='jabber:client' from='a@x' to='b@x'><status>away</status></presence>",
            Reading(SearchKind.PRESENCE, "a@x", "b@x", "", "away"),
        ),
        (
            b"<iq xmlns='jabber:client' from='a@x' type='set'><query xmlns='jabber:iq:roster'>"
            b"<item jid='b@x' name='Bob the broker'/></query></iq>",
            Reading(SearchKind.IQ, "a@x", "", "", "Bob the broker"),
        ),
        (
            b"<iq from='a@x'><vCard xmlns='vcard-temp'><FN>Alice</FN><PHOTO><BINVAL>"
            + PICTURE.encode()
            + b"</BINVAL></PHOTO>"
            b"</vCard></iq>",
            Reading(SearchKind.IQ, "a@x", "", "", "Alice"),
        ),
        (
            b"<stream:error xmlns:stream='s'>gone</stream:error>",
            Reading(SearchKind.OTHER, "", "", "", "gone"),
        ),
    ],
)
def test_other_stanzas_are_read(body: bytes, reading: Reading) -> None:
    assert read_stanza(body) == reading


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"not xml at all",
        b"<message from='a@x' to='b@x'><body>cut off",
        b"<message from='a@x' to='b@x'><body>one</body></message><message/>",
        b"<message from='a@x' to='b@x'><body>\x00\x1b[2J</body></message>",
        b"<message from='a@x' to='b@x'><body>\xff\xfe</body></message>",
        b"<message from='a@x' to='b@x'><body>&undefined;</body></message>",
        b"<message from='a@x' to='b@x'><body>visible<!-- hidden -->after</body></message>",
        b"<message from='a@x' to='b@x'><body>visible<?hidden text?>after</body></message>",
    ],
    ids=["empty", "blank", "text", "cut", "two", "controls", "bytes", "entity", "comment", "instruction"],
)
def test_what_is_malformed_is_read_as_text_and_keeps_its_addresses(body: bytes) -> None:
    reading = read_stanza(body)
    assert reading.text == body.decode(errors="replace")
    if body.startswith(b"<message"):
        assert (reading.kind, reading.sender, reading.to) == (SearchKind.MESSAGE, "a@x", "b@x")
    else:
        assert (reading.kind, reading.sender, reading.to) == (SearchKind.OTHER, "", "")
    assert format_stanza(body) is None or b"<!" in body or b"<?" in body


@pytest.mark.parametrize(
    "body",
    [
        b"<message from='a@x'>" + b"<x>" * 2000 + b"deep" + b"</x>" * 2000 + b"</message>",
        b"<message from='a@x'><body>" + b"x" * 11_000_000 + b" deep</body></message>",
    ],
    ids=["nested", "long"],
)
def test_nothing_is_too_deep_or_too_long_to_be_read(body: bytes) -> None:
    assert read_stanza(body).text.endswith("deep")


def test_the_name_by_which_one_joins_a_room_is_read() -> None:
    assert read_stanza(b"<presence from='a@x' to='desk@rooms.x/side letter'/>").text == "side letter"


def test_no_entity_is_expanded_and_no_file_is_read() -> None:
    laughs = "".join(f"<!ENTITY l{n + 1} '{f'&l{n};' * 10}'>" for n in range(9))
    body = (
        f"<!DOCTYPE m [<!ENTITY l0 'ha'>{laughs}<!ENTITY file SYSTEM 'file:///etc/hostname'>]>"
        "<message from='a@x'><body>before &l9; &file; after</body></message>"
    )
    reading = read_stanza(body.encode())
    assert len(reading.text) < 2 * len(body)
    assert "before" in reading.text
    assert "after" in reading.text


def test_an_event_of_a_session_is_read() -> None:
    event = b"<bind jid='alice@metals.example/desk' address='192.0.2.7' tls='TLSv1.3'/>"
    assert read_event(event) == Reading(
        SearchKind.SESSION, ALICE, "", "", f"bind\n{ALICE}\n192.0.2.7\nTLSv1.3"
    )
    assert read_event(b"<bind") == Reading(SearchKind.SESSION, "", "", "", "<bind")


def test_a_stanza_is_indented_for_reading() -> None:
    assert (
        format_stanza(b"<message><body>a  b</body></message>") == "<message>\n  <body>a  b</body>\n</message>"
    )


@pytest.mark.parametrize(
    ("jid", "parts"),
    [
        ("alice@metals.example/desk", ("alice", "metals.example")),
        ("Alice@Metals.Example", ("alice", "metals.example")),
        ("metals.example", ("", "metals.example")),
        ("rooms.metals.example/a@b", ("", "rooms.metals.example")),
        ("desk@rooms.metals.example/bob/at/lunch", ("desk", "rooms.metals.example")),
        ("Weiß@Metals.Example", ("weiss", "metals.example")),
        ("νίκος@ｍetals.example", ("νίκοσ", "metals.example")),
        ("דוד1@Metals.Example", ("דוד1", "metals.example")),
        ("", ("", "")),
    ],
)
def test_a_jid_is_split(jid: str, parts: tuple[str, str]) -> None:
    assert split_jid(jid) == parts
