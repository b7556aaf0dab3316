"""Whoever sends a file another way than by the line's upload is refused, and told of the upload if there is one."""

from dataclasses import replace

import pytest

from policy.address import Domain
from policy.content.upload_instead import REFUSALS, name_upload
from policy.decide import decide
from policy.decision import Action
from tests.unit.policy.samples import BOB, EXAMPLE, read_stanza

UPLOAD = "se your client's file upload instead."
WITH_UPLOAD = replace(EXAMPLE, transfer=Domain("files.metals.example"))

JINGLE = (
    "<jingle xmlns='urn:xmpp:jingle:1' action='{}' sid='s'>"
    "<content creator='initiator' name='f'>{}</content></jingle>"
)
OFFERED = (
    "<description xmlns='urn:xmpp:jingle:apps:file-transfer:{}'><file><name>a.exe</name></file></description>"
)
S5B = "<transport xmlns='urn:xmpp:jingle:transports:s5b:1' sid='t'><candidate host='10.1.1.1' port='5086'/></transport>"
IBB = "<transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='t'/>"
BYTESTREAMS = "http://jabber.org/protocol/bytestreams"

# By the way that a file goes: stanzas of its beginning, of its middle and of its end.
WAYS = {
    "Jingle file transfer, XEP-0234": (
        JINGLE.format("session-initiate", OFFERED.format(5) + S5B),
        JINGLE.format("session-accept", OFFERED.format(3)),
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='s'>"
        "<checksum xmlns='urn:xmpp:jingle:apps:file-transfer:5'/></jingle>",
    ),
    "Jingle, XEP-0166": (
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='s'><reason><success/></reason></jingle>",
        JINGLE.format("session-initiate", "<description xmlns='urn:xmpp:jingle:apps:other:0'/>"),
    ),
    "Jingle SOCKS5, XEP-0260": (JINGLE.format("transport-info", S5B), S5B),
    "Jingle in-band, XEP-0261": (JINGLE.format("transport-replace", IBB), IBB),
    "stream initiation, XEP-0095 and 0096": (
        "<si xmlns='http://jabber.org/protocol/si' id='a' profile='http://jabber.org/protocol/si/profile/file-transfer'>"
        "<file xmlns='http://jabber.org/protocol/si/profile/file-transfer' name='a.exe' size='9'/></si>",
        "<file xmlns='http://jabber.org/protocol/si/profile/file-transfer' name='a.exe' size='9'/>",
    ),
    "SOCKS5, XEP-0065": (
        f"<query xmlns='{BYTESTREAMS}' sid='a'>"
        "<streamhost jid='x@metals.example/y' host='10.1.1.1' port='1080'/></query>",
        f"<query xmlns='{BYTESTREAMS}' sid='a'><streamhost-used jid='proxy.metals.example'/></query>",
        f"<query xmlns='{BYTESTREAMS}' sid='a'><activate>bob@metals.example/x</activate></query>",
        f"<udpsuccess xmlns='{BYTESTREAMS}' dstaddr='a'/>",
    ),
    "in-band bytestreams, XEP-0047": (
        "<open xmlns='http://jabber.org/protocol/ibb' sid='a' block-size='4096'/>",
        "<data xmlns='http://jabber.org/protocol/ibb' sid='a' seq='0'>TVqQAAMAAAAEAAAA</data>",
        "<close xmlns='http://jabber.org/protocol/ibb' sid='a'/>",
    ),
    "encrypted sharing, XEP-0448": (
        "<file-sharing xmlns='urn:xmpp:sfs:0'><sources><encrypted xmlns='urn:xmpp:esfs:0' cipher='urn:xmpp:ciphers:"
        "aes-256-gcm-nopadding:0'><key>QQ==</key><iv>QQ==</iv></encrypted></sources></file-sharing>",
    ),
    "aesgcm links, XEP-0454": (
        "<body>aesgcm://files.metals.example/f/a.png#00ff</body>",
        "<x xmlns='jabber:x:oob'><url>aesgcm://files.metals.example/f/a.png#00ff</url></x>",
    ),
    "out-of-band requests, XEP-0066": (
        "<query xmlns='jabber:iq:oob'><url>http://10.1.1.1/a.exe</url></query>",
    ),
}
STANZAS = [
    pytest.param(payload, id=f"{way} {number}")
    for way, all_ in WAYS.items()
    for number, payload in enumerate(all_)
]


@pytest.mark.parametrize("wrapping", ["<iq type='set' to='{}/x'>{}</iq>", "<message to='{}'>{}</message>"])
@pytest.mark.parametrize("payload", STANZAS)
def test_every_other_way_names_the_upload(payload: str, wrapping: str) -> None:
    stanza = read_stanza(wrapping.format(BOB, payload))
    told, without = decide(WITH_UPLOAD, stanza), decide(EXAMPLE, stanza)
    assert told.action is without.action is Action.REFUSE
    assert told.rules == without.rules
    assert told.error is not None and without.error is not None
    assert told.error.text.endswith(UPLOAD) and not without.error.text.endswith(UPLOAD)
    assert decide(WITH_UPLOAD, stanza) is told  # a constant


def test_other_refusals_stay() -> None:
    stanza = read_stanza(f"<message to='{BOB}'><encrypted xmlns='urn:xmpp:omemo:2'/></message>")
    assert decide(WITH_UPLOAD, stanza) is decide(EXAMPLE, stanza)
    assert {name_upload(refusal) for refusal in REFUSALS} == set(REFUSALS)
