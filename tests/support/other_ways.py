"""Every other way than the line's upload in which clients send a file, as stanzas' payloads."""

UPLOAD = "se your client's file upload instead."
"""How a refusal ends where there is an upload."""

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
