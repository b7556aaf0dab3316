import pytest

from policy.content import payload
from policy.content.payload import READABLE, decide_payload
from policy.content.refusals import (
    ARMOUR,
    DIRECT_CALL,
    DIRECT_FILE,
    DIRECT_SESSION,
    ENVELOPE,
    FILE,
    LINK,
    MARKER,
    OMEMO,
    OPENPGP,
    OTR,
    PGP,
    PIECES,
    REFUSALS,
    SESSION,
    SIGNED,
    SMIME,
)
from policy.decision import Action, Decision
from policy.facts import Way
from tests.support.rounds import mostly_slow
from tests.unit.policy.samples import read_stanza, say

FALLBACK = "<body>I sent you an encrypted message</body>"
AXOLOTL = "eu.siacs.conversations.axolotl"
PUBSUB = "http://jabber.org/protocol/pubsub"
XML_ENCRYPTION = "http://www.w3.org/2001/04/xmlenc#"

ELEMENTS = [
    (OMEMO, AXOLOTL, ("encrypted", "list", "bundle")),  # XEP-0384
    (OMEMO, "urn:xmpp:omemo:0", ("encrypted", "list", "bundle")),
    (OMEMO, "urn:xmpp:omemo:1", ("encrypted", "devices", "bundle")),
    (OMEMO, "urn:xmpp:omemo:2", ("encrypted", "devices", "bundle")),
    (OPENPGP, "urn:xmpp:openpgp:0", ("openpgp", "pubkey", "public-keys-list", "secretkey")),  # XEP-0373
    (OPENPGP, "urn:xmpp:openpgp:pubsub:0", ("encrypted", "shared-secret")),  # XEP-0473
    (PGP, "jabber:x:encrypted", ("x",)),  # XEP-0027
    (SMIME, "urn:ietf:params:xml:ns:xmpp-e2e", ("e2e",)),  # RFC 3923
    (SESSION, "http://www.xmpp.org/extensions/xep-0116.html#ns", ("x",)),
    (SESSION, "http://www.xmpp.org/extensions/xep-0116.html#ns-init", ("init",)),
    (SESSION, "http://www.xmpp.org/extensions/xep-0187.html#ns", ("x",)),
    (SESSION, "http://www.xmpp.org/extensions/xep-0200.html#ns", ("c", "key", "terminate")),
    (SESSION, "jabber:security:session", ("session",)),  # XEP-0031
    (SESSION, "jabber:security:message", ("message",)),
    (SESSION, "jabber:security:key", ("key",)),
    (SESSION, "jabber:security:keyTransport", ("keyTransport",)),
    (SESSION, "urn:xmpp:jingle:apps:xmlstream:0", ("description",)),  # XEP-0247
    (SESSION, "urn:xmpp:jingle:security:xtls:0", ("security",)),
    (FILE, "urn:xmpp:esfs:0", ("encrypted",)),  # XEP-0448
    (FILE, "urn:xmpp:jingle:jet:0", ("security",)),  # XEP-0391
    (FILE, "urn:xmpp:jingle:jet-omemo:0", ("security",)),  # XEP-0396
    (FILE, "urn:xmpp:jingle:apps:encrypted:file-transfer:0", ("description",)),
    (ENVELOPE, "urn:xmpp:sce:0", ("envelope", "content")),  # XEP-0420
    (ENVELOPE, "urn:xmpp:sce:1", ("envelope", "content")),
    (ENVELOPE, "urn:xmpp:pte:0", ("encrypted",)),  # XEP-0477
    (ENVELOPE, "urn:xmpp:gre:0", ("encrypted",)),
    (ENVELOPE, "urn:xmpp:encryption:stub:0", ("encrypted",)),
    (ENVELOPE, "urn:xmpp:encryption:stub:sce:1", ("encrypted",)),
    (ENVELOPE, "xmpp:sec", ("secure",)),  # XEP-0102
    (ENVELOPE, XML_ENCRYPTION, ("EncryptedData",)),
    (ENVELOPE, "http://www.w3.org/2009/xmlenc11#", ("MGF",)),
    (SIGNED, "urn:xmpp:signed:0", ("signed", "plain")),  # XEP-0285
    (MARKER, "urn:xmpp:eme:0", ("encryption",)),  # XEP-0380
    # versions that are not there yet, or were before; what no specification has
    (OMEMO, "urn:xmpp:omemo:22", ("encrypted",)),
    (OMEMO, f"{AXOLOTL}.devicelist", ("list",)),
    (OMEMO, "URN:XMPP:OMEMO:2", ("encrypted",)),
    (OMEMO, f" {AXOLOTL} ", ("encrypted",)),
    (OPENPGP, "urn:xmpp:openpgp:1", ("openpgp",)),
    (PGP, "jabber:x:Encrypted", ("x",)),
    (SESSION, "http://www.xmpp.org/extensions/xep-0200.html#ns-encrypted", ("encrypted",)),
    (FILE, "urn:xmpp:esfs:1", ("encrypted",)),
    (ENVELOPE, "urn:xmpp:sce:2", ("envelope",)),
    (ENVELOPE, "urn:xmpp:mls:0", ("mls",)),
    (ENVELOPE, "urn:ietf:params:xml:ns:mls", ("mls",)),
    (ENVELOPE, "http://www.w3.org/2001/04/xmlenc", ("EncryptedData",)),
    (SIGNED, "urn:xmpp:signed:1", ("signed",)),
    (OTR, "urn:xmpp:otr:0", ("otr",)),
    (MARKER, "urn:xmpp:eme", ("encryption",)),
]
PAST_THE_ARCHIVE = [
    (DIRECT_SESSION, "urn:xmpp:jingle:1"),
    (DIRECT_SESSION, "urn:xmpp:jingle:0"),
    (DIRECT_SESSION, "urn:xmpp:jingle"),
    (DIRECT_SESSION, "URN:XMPP:JINGLE:1"),
    (DIRECT_SESSION, " urn:xmpp:jingle:1"),
    (DIRECT_SESSION, "urn:xmpp:tmp:jingle"),
    (DIRECT_SESSION, "http://jabber.org/protocol/jingle"),
    (DIRECT_SESSION, "http://www.xmpp.org/extensions/xep-0166.html#ns"),
    (DIRECT_SESSION, "urn:xmpp:jingle:transports:ice-udp:1"),  # XEP-0176
    (DIRECT_SESSION, "urn:xmpp:jingle:transports:raw-udp:1"),  # XEP-0177
    (DIRECT_SESSION, "urn:xmpp:jingle:transports:s5b:1"),  # XEP-0260
    (DIRECT_SESSION, "urn:xmpp:jingle:transports:ibb:1"),  # XEP-0261
    (DIRECT_SESSION, "urn:xmpp:jingle:apps:dtls:0"),  # XEP-0320
    (DIRECT_FILE, "urn:xmpp:jingle:apps:file-transfer:5"),  # XEP-0234
    (DIRECT_CALL, "urn:xmpp:jingle:apps:rtp:1"),  # XEP-0167
    (DIRECT_CALL, "urn:xmpp:jingle-message:1"),  # XEP-0353
    (DIRECT_CALL, "urn:xmpp:call-invites:0"),  # XEP-0482
    (DIRECT_CALL, "urn:xmpp:jingle:muji:0"),  # XEP-0272
    (DIRECT_CALL, "http://jitsi.org/protocol/focus"),
    (DIRECT_CALL, "http://www.google.com/transport/p2p"),
    (DIRECT_FILE, "http://jabber.org/protocol/si"),  # XEP-0095
    (DIRECT_FILE, "http://jabber.org/protocol/si/profile/file-transfer"),  # XEP-0096
    (DIRECT_FILE, "http://jabber.org/protocol/sipub"),  # XEP-0137
    (DIRECT_FILE, "http://jabber.org/protocol/bytestreams"),  # XEP-0065
    (DIRECT_FILE, "http://jabber.org/protocol/IBB"),  # XEP-0047
    (DIRECT_FILE, "urn:xmpp:fis:0"),  # XEP-0329
    (DIRECT_FILE, "jabber:iq:oob"),  # XEP-0066, 3
    (PIECES, "urn:xmpp:rtt:0"),  # XEP-0301
]
ENCRYPTED = [
    *((decision, f"<x xmlns='{namespace}'/>") for decision, namespace in PAST_THE_ARCHIVE),
    *(
        (decision, f"<{local} xmlns='{namespace}'>QQ==</{local}>")
        for decision, namespace, locals_ in ELEMENTS
        for local in locals_
    ),
    # as clients send them
    (OMEMO, f"<encrypted xmlns='{AXOLOTL}'><header sid='1'><key rid='2'>QQ==</key></header></encrypted>"),
    (OMEMO, "<encryption xmlns='urn:xmpp:eme:0'/><encrypted xmlns='urn:xmpp:omemo:2'/>"),
    (FILE, "<sources xmlns='urn:xmpp:sfs:0'><encrypted xmlns='urn:xmpp:esfs:0'/></sources>"),
    (FILE, "<jingle xmlns='urn:xmpp:jingle:1'><security xmlns='urn:xmpp:jingle:jet:0'/></jingle>"),
    (MARKER, "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:example:mls:1' name='MLS'/>"),
]  # fmt: skip

WRAPPINGS = [
    "<message to='bob@metals.example' type='chat'>{0}</message>",
    f"<message to='bob@metals.example' type='chat'>{FALLBACK}{{0}}</message>",
    f"<message to='bob@metals.example' type='chat'>{{0}}{FALLBACK}</message>",
    "<message to='desk@rooms.metals.example' type='groupchat'>{0}</message>",
    "<message to='desk@rooms.metals.example/Bob' type='chat'>{0}</message>",
    "<message to='bob@metals.example' type='headline'>{0}</message>",
    "<message to='bob@metals.example' type='error'>{0}<error type='cancel'/></message>",
    "<message to='bob@metals.example'><replace xmlns='urn:xmpp:message-correct:0' id='1'/>{0}</message>",
    "<message to='bob@metals.example'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message>{0}</message></forwarded></sent></message>",
    f"<message to='bob@metals.example'><event xmlns='{PUBSUB}#event'><item>{{0}}</item></event></message>",
    "<presence>{0}</presence>",
    f"<iq type='set'><pubsub xmlns='{PUBSUB}'><publish node='n'><item>{{0}}</item></publish></pubsub></iq>",
    "<iq type='set' to='bob@metals.example/x'>{0}</iq>",
]


@pytest.mark.parametrize(("decision", "payload"), ENCRYPTED)
def test_every_encrypted_element_wherever_it_hides(decision: Decision, payload: str) -> None:
    decided = {wrapping: decide_payload(read_stanza(wrapping.format(payload))) for wrapping in WRAPPINGS}
    assert decided == dict.fromkeys(WRAPPINGS, decision)


OTR_TAG = "\x20\x09\x20\x20\x09\x09\x09\x09\x20\x09\x20\x09\x20\x09\x20\x20"

TEXTS = [
    # OTR (XEP-0364): queries, data, fragments, errors, whitespace tags
    (OTR, "?OTR?"),
    (OTR, "?OTRv2?"),
    (OTR, "?OTRv23?"),
    (OTR, "?OTR?v23?"),
    (OTR, "?OTRv34? Bob has requested an Off-the-Record conversation"),
    (OTR, "?OTRv?"),
    (OTR, "Hello ?OTRv3? there"),
    (
        OTR,
        "?OTR:AAMDJ+MVmSfjFZcAAAAAAQAAAAIAAADA1g5IjD1ZGLDVQEyCgCyn9hbrL3KAbGDdzE2ZkMyTKl7XfkSxh8YJnudstiB74i4=.",
    ),
    (OTR, "fwd: ?OTR:AAMC."),
    (OTR, "?OTR,1,3,?OTR:AAMDJ,"),
    (OTR, "?OTR|5a73a599|27e31597,00001,00003,?OTR:AAMDJ,"),
    (OTR, "?OTR Error: you are not in a private conversation"),
    (OTR, "line one\n?OTR:AAMC."),
    (OTR, "  ?OTRanything"),
    (OTR, "What is the price of copper?" + OTR_TAG + "\x20\x20\x09\x09\x20\x20\x09\x09"),
    (
        OTR,
        "Hi" + OTR_TAG + "\x20\x09\x20\x09\x20\x20\x09\x20" + "\x20\x20\x09\x09\x20\x20\x09\x20" + " there",
    ),
    (OTR, OTR_TAG),
    # armour
    (ARMOUR, "-----BEGIN PGP MESSAGE-----\n\nhQEMA...\n-----END PGP MESSAGE-----"),
    (ARMOUR, "see below\r\n-----BEGIN PGP MESSAGE-----\r\nVersion: GnuPG v2\r\n"),
    (ARMOUR, "> -----BEGIN PGP MESSAGE-----"),
    (ARMOUR, "-----BEGIN PGP MESSAGE, PART 1/2-----"),
    (ARMOUR, "-----BEGIN PGP MESSAGE, PART 3-----"),
    (
        ARMOUR,
        "-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3Jn\n-----END AGE ENCRYPTED FILE-----",
    ),
    (ARMOUR, "-----BEGIN PKCS7-----"),
    (ARMOUR, "-----BEGIN PKCS #7-----"),
    (ARMOUR, "-----BEGIN CMS-----"),
    (ARMOUR, "-----BEGIN PRIVACY-ENHANCED MESSAGE-----"),
    (ARMOUR, "-----BEGIN ENCRYPTED PRIVATE KEY-----"),
    (ARMOUR, "-----BEGIN SSH ENCRYPTED FILE-----"),
    (ARMOUR, "BEGIN KEYBASE SALTPACK ENCRYPTED MESSAGE. kiOUtMhcc4NXXRb XMxIeCtf"),
    (ARMOUR, "BEGIN SALTPACK ENCRYPTED MESSAGE. kiOUtMhcc4NXXRb"),
    (ARMOUR, "-----begin pgp message-----"),
    (ARMOUR, "-----BEGIN  PGP\nMESSAGE-----"),
    (ARMOUR, "-----BEGIN\u00a0PGP MESSAGE-----"),
    (ARMOUR, "-----BE\u200bGIN PGP MESSAGE-----"),
    (ARMOUR, "－－－－－ＢＥＧＩＮ ＰＧＰ ＭＥＳＳＡＧＥ－－－－－"),
    (ARMOUR, "hQEMA5\n=abcd\n-----END PGP MESSAGE-----"),
    (ARMOUR, "Content-Type: application/pkcs7-mime; smime-type=enveloped-data"),
    (ARMOUR, "age-encryption.org/v1\n-> X25519 TEiF0"),
    (ARMOUR, "eyJhbGciOiJSU0EtT0FFUCJ9.OKOawDo13gRp2.48V1_ALb6US04U3b.5eym8TW_c8SuK0lt.XFBoMYUZodetZdvT"),
    (OTR, "?O\u200bTR:AAMC."),
    (OTR, "？ＯＴＲ：AAMC."),
    (LINK, "aes\u200bgcm://x/y#z"),
    (LINK, "aesgcm:/x/y#z"),
    (LINK, "aesgcm:\\\\x\\y#z"),
    # links to encrypted files (XEP-0454)
    (LINK, "aesgcm://files.metals.example/4a77/photo.jpg#8c3d050e9386ec17"),
    (LINK, "AESGCM://files.metals.example/4a77/photo.jpg#8c3d"),
    (LINK, "look: AesGcm://x/y#z"),
    (LINK, "aesgcm://x/y#z\ndata:image/jpeg;base64,QQ=="),
]

PLAIN = [
    "",
    "hello",
    "did you get the BEGIN PGP thing?",
    "BEGIN PGP MESSAGE",
    "-----BEGIN PGP MESSAGE",
    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nI buy 5 lots\n-----BEGIN PGP SIGNATURE-----",
    "-----BEGIN PGP PUBLIC KEY BLOCK-----",
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN SSH SIGNATURE-----",
    "untrusted comment: minisign public key 8A1B",
    "please turn off OTR, OMEMO and PGP, this line is recorded",
    "Did you turn off OTR?",
    "is it on?OTR",
    "what is ?OTR exactly",
    "? OTR?",
    "?otr?",
    "OTR?v2?",
    "we never send aesgcm:// links",
    "aesgcm: what is that?",
    "https://files.metals.example/aesgcm/contract.pdf#page=2",
    "xaesgcm:/x",
    "eu.siacs.conversations.axolotl urn:xmpp:omemo:2 jabber:x:encrypted",
    "<encrypted xmlns='urn:xmpp:omemo:2'/>",
    "price\t\t\tqty\t\t\t \t \tbid  ask",
    "Saltpack ENCRYPTED MESSAGE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpMeJ",  # signed alone (RFC 7515)
    "five ----- begin message -----",
    "Zürich — ＭＥＳＳＡＧＥ ----- 五",
    "5 lots @ 8,412.50 — done ✅ 銅 10噸",
]


@pytest.mark.parametrize(("decision", "text"), TEXTS)
def test_every_encrypted_text(decision: Decision, text: str) -> None:
    assert decide_payload(say(text)) is decision
    assert decide_payload(
        say(f"A subject\n{text}\n", elements=("{jabber:client}subject", "{jabber:client}body"))
    ) is (decision)


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_talk_passes_also_about_encryption(text: str) -> None:
    assert decide_payload(say(text)) is READABLE


@pytest.mark.parametrize(
    "xml",
    [
        "<message><x xmlns='jabber:x:oob'><url>aesgcm://x/y#z</url></x></message>",
        "<message><reference xmlns='urn:xmpp:reference:0' type='data' uri='aesgcm://x/y#z'/></message>",
        "<message><url-data xmlns='http://jabber.org/protocol/url-data' target='AESGCM://x/y#z'/></message>",
        "<message><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
        "<a href='https://ok.example'>file</a><a href='aesgcm://x/y#z'>file</a></body></html></message>",
    ],
)
def test_links_to_encrypted_files_in_elements_and_attributes(xml: str) -> None:
    assert decide_payload(read_stanza(xml)) is LINK


@pytest.mark.parametrize(
    ("decision", "node"),
    [
        (OMEMO, "eu.siacs.conversations.axolotl.devicelist"),
        (OMEMO, "eu.siacs.conversations.axolotl.bundles:31415"),
        (OMEMO, "urn:xmpp:omemo:0:devicelist"),
        (OMEMO, "urn:xmpp:omemo:1:bundles"),
        (OMEMO, "urn:xmpp:omemo:2:devices"),
        (OMEMO, "urn:xmpp:omemo:3:devices"),
        (OPENPGP, "urn:xmpp:openpgp:0:public-keys"),
        (OPENPGP, "urn:xmpp:openpgp:0:public-keys:1357B01865B2503C18453D208CAC2A9678548E35"),
        (OPENPGP, "urn:xmpp:openpgp:0:secret-key"),
        (READABLE, "urn:xmpp:microblog:0"),
        (READABLE, "http://jabber.org/protocol/tune"),
        (READABLE, "storage:bookmarks"),
        (READABLE, "not:urn:xmpp:omemo:2:devices"),
    ],
)
def test_keys_can_be_asked_for_and_removed_but_not_published(decision: Decision, node: str) -> None:
    pubsub = "<iq type='{0}'><pubsub xmlns='http://jabber.org/protocol/pubsub{1}'>{2}</pubsub></iq>"
    for action in (
        f"<publish node='{node}'><item id='current'/></publish>",
        f"<create node='{node}'/><configure/>",
    ):
        assert decide_payload(read_stanza(pubsub.format("set", "", action))) is decision
    for type_, part, action in (
        ("get", "", f"<items node='{node}'/>"),
        ("set", "", f"<retract node='{node}'><item id='current'/></retract>"),
        ("set", "#owner", f"<delete node='{node}'/>"),
        ("set", "", f"<unsubscribe node='{node}' jid='alice@metals.example'/>"),
    ):
        assert decide_payload(read_stanza(pubsub.format(type_, part, action))) is READABLE


@pytest.mark.parametrize(
    "xml",
    [
        # what a client can do is no encrypted payload (XEP-0030, XEP-0115)
        "<iq type='result' to='bob@metals.example/x'><query xmlns='http://jabber.org/protocol/disco#info'>"
        "<feature var='eu.siacs.conversations.axolotl.devicelist+notify'/><feature var='urn:xmpp:omemo:2'/>"
        "<feature var='urn:xmpp:eme:0'/><feature var='jabber:x:encrypted'/></query></iq>",
        "<presence><c xmlns='http://jabber.org/protocol/caps' node='https://dino.im' ver='q07'/></presence>",
        # a signature hides nothing (XEP-0027, 4.1; XEP-0290)
        "<presence><status>Online</status><x xmlns='jabber:x:signed'>QQ==</x></presence>",
        # near misses of the namespaces
        "<message><x xmlns='urn:xmpp:om'/></message>",
        "<message><x xmlns='not:urn:xmpp:omemo:2'/></message>",
        "<message><x xmlns='urn:example:omemo'/></message>",
        "<iq type='set'><request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/></iq>",
        "<message><x xmlns='http://jabber.org/protocol/shim'/></message>",
        "<message><encrypted xmlns='urn:example:own'/><encryption/></message>",
        # everyday stanzas
        "<message type='chat'><body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
        "<request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='1'/></message>",
        "<message><x xmlns='jabber:x:oob'><url>https://files.metals.example/a.pdf</url></x></message>",
        "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
        f"<iq type='set'><pubsub xmlns='{PUBSUB}'><publish node='urn:xmpp:avatar:data'><item id='urn:1'>"
        "<data xmlns='urn:xmpp:avatar:data'>QQ==</data></item></publish></pubsub></iq>",
        "<presence/>",
    ],
)
def test_readable_stanzas_pass(xml: str) -> None:
    assert decide_payload(read_stanza(xml)) is READABLE


@pytest.mark.parametrize("way", list(Way))
def test_the_way_a_stanza_came_makes_no_difference(way: Way) -> None:
    assert decide_payload(read_stanza("<message><x xmlns='jabber:x:encrypted'/></message>", way=way)) is PGP
    assert decide_payload(say("hello", way=way)) is READABLE


def test_an_otr_message_with_the_marker_is_told_as_otr() -> None:
    xml = "<message><body>?OTRv23?</body><x xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:otr:0'/></message>"
    assert decide_payload(read_stanza(xml)) is OTR


def test_every_refusal_has_its_own_rule_and_says_what_to_do() -> None:
    assert len({refusal.rules for refusal in REFUSALS}) == len(REFUSALS)
    for refusal in REFUSALS:
        assert refusal.action is Action.REFUSE
        assert refusal.error is not None
        assert (refusal.error.type, refusal.error.condition) == ("modify", "policy-violation")
        assert refusal.error.text.endswith(
            (
                "send again.",
                "the file again.",
                "without encrypting it first.",
                "instead.",
                "as plain text.",
                "as a whole.",
            )
        )


@pytest.mark.parametrize(
    "filler",
    mostly_slow(
        [
            ".eyJaaaaaaaa",
            "-eyJaaaaaaaa",
            "-----BEGIN ENCRYPTE ",
            "-----BEGIN        \n",
            "BEGIN a SALTPACK ",
            "\n",
            " ",
            "\t",
            "?OTR",
            "-----BEGIN ",
            "-----BEGIN PGP MESSAGE, PART ",
            "://",
            "A ",
        ]
    ),
)
def test_a_huge_stanza_is_decided_in_one_pass(filler: str) -> None:
    """A quadratic search would take minutes here, so the test ends or it hangs."""
    text = filler * (2_000_000 // len(filler)) + " see ?OTR BEGIN ://"
    expected = OTR if filler == "?OTR" else READABLE
    assert decide_payload(say(text)) is expected


def test_nobody_can_fill_the_memory_with_names() -> None:
    payload._find_by_namespace.cache_clear()
    for number in range(50):
        long = "n" * 1_000
        assert decide_payload(read_stanza(f"<message><x xmlns='urn:{number}:{long}'/></message>")) is READABLE
    assert payload._find_by_namespace.cache_info().currsize == 0
    for _ in range(2):
        assert (
            decide_payload(read_stanza("<message><x xmlns='urn:xmpp:jingle:1'/></message>")) is DIRECT_SESSION
        )
    assert payload._find_by_namespace.cache_info().hits == 1


SIMS = (
    "<message><body>https://files.x/f/a</body><reference xmlns='urn:xmpp:reference:0' type='data'>"
    "<media-sharing xmlns='urn:xmpp:sims:1'><file xmlns='urn:xmpp:jingle:apps:file-transfer:{0}'>"
    "<media-type>image/png</media-type><name>a.png</name><size>9</size></file>"
    "<sources><reference xmlns='urn:xmpp:reference:0' type='data' uri='https://files.x/f/a'/></sources>"
    "</media-sharing></reference>{1}</message>"
)


@pytest.mark.parametrize("version", [4, 5])
def test_an_upload_that_is_described_is_no_transfer(version: int) -> None:
    assert decide_payload(read_stanza(SIMS.format(version, ""))) is READABLE


@pytest.mark.parametrize(
    ("beside", "decision"),
    [
        ("<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='1'/>", DIRECT_SESSION),
        ("<start xmlns='urn:xmpp:jinglepub:1' id='1'/>", DIRECT_FILE),
        ("<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>", DIRECT_CALL),
        ("<transport xmlns='urn:xmpp:jingle:transports:ibb:1' sid='1'/>", DIRECT_SESSION),
        ("<encrypted xmlns='urn:xmpp:esfs:0'/>", FILE),
    ],
)
def test_a_described_upload_hides_no_transfer(beside: str, decision: Decision) -> None:
    assert decide_payload(read_stanza(SIMS.format(5, beside))) is decision
