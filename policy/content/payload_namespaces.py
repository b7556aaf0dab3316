"""The namespaces that are refused: encryption of every kind, and what goes from client to client past the archive."""

from policy.content.refusals import (
    DIRECT_CALL,
    DIRECT_FILE,
    DIRECT_SESSION,
    ENVELOPE,
    FILE,
    MARKER,
    OMEMO,
    OPENPGP,
    OTR,
    PGP,
    PIECES,
    SESSION,
    SIGNED,
    SMIME,
)

# Namespaces begin with one of these, whatever the version: a new one says as little. Where a stanza has several, the
# first row is the one that the sender is told.
ENCRYPTED = {
    "eu.siacs.conversations.axolotl": OMEMO,  # XEP-0384 0.3, still the one that most clients use
    "urn:xmpp:omemo": OMEMO,
    "urn:xmpp:openpgp": OPENPGP,  # XEP-0373, 0374 and 0473
    "jabber:x:encrypted": PGP,  # XEP-0027
    "urn:ietf:params:xml:ns:xmpp-e2e": SMIME,  # RFC 3923
    "http://www.xmpp.org/extensions/xep-0116.html": SESSION,
    "http://www.xmpp.org/extensions/xep-0187.html": SESSION,
    "http://www.xmpp.org/extensions/xep-0200.html": SESSION,
    "urn:xmpp:esession": SESSION,
    "jabber:security:": SESSION,  # XEP-0031
    "urn:xmpp:jingle:apps:xmlstream": SESSION,  # XEP-0246 and 0247: a TLS stream between two clients
    "urn:xmpp:jingle:security:xtls": SESSION,
    "urn:xmpp:esfs": FILE,  # XEP-0448
    "urn:xmpp:jingle:jet": FILE,  # XEP-0391 and 0396
    "urn:xmpp:jingle:apps:encrypted": FILE,
    "urn:xmpp:sce": ENVELOPE,  # XEP-0420
    "urn:xmpp:pte:": ENVELOPE,  # XEP-0477
    "urn:xmpp:gre:": ENVELOPE,  # Gateway Relayed Encryption
    "urn:xmpp:encryption": ENVELOPE,
    "urn:xmpp:encrypted": ENVELOPE,
    "urn:xmpp:mls": ENVELOPE,  # RFC 9420 has no XEP yet
    "urn:ietf:params:xml:ns:mls": ENVELOPE,
    "xmpp:sec": ENVELOPE,  # XEP-0102
    "http://www.w3.org/2001/04/xmlenc": ENVELOPE,  # XML Encryption, also of XEP-0241
    "http://www.w3.org/2009/xmlenc": ENVELOPE,
    "urn:xmpp:signed": SIGNED,  # XEP-0285: the text is inside, in Base64
    "urn:xmpp:otr": OTR,  # XEP-0364
    "urn:xmpp:eme": MARKER,  # XEP-0380, for whatever has no row of its own
}
# What goes from client to client, or tells a client where to fetch it; the first row that fits is told.
DIRECT = {
    "urn:xmpp:jingle:apps:file-transfer": DIRECT_FILE,  # XEP-0234, of all versions
    "urn:xmpp:jingle:apps:rtp": DIRECT_CALL,  # XEP-0167, and 0293, 0294, 0320 and the like below it
    "urn:xmpp:jingle:apps:": DIRECT_SESSION,
    "urn:xmpp:jingle-message": DIRECT_CALL,  # XEP-0353
    "urn:xmpp:jingle:muji": DIRECT_CALL,  # XEP-0272
    "urn:xmpp:call-invites": DIRECT_CALL,  # XEP-0482
    "urn:xmpp:call-message": DIRECT_CALL,
    "urn:xmpp:jinglepub": DIRECT_FILE,  # XEP-0358
    "urn:xmpp:rayo:": DIRECT_CALL,  # XEP-0327
    "urn:xmpp:coin": DIRECT_CALL,  # XEP-0298
    "http://telepathy.freedesktop.org/muji": DIRECT_CALL,
    "http://telepathy.freedesktop.org/xmpp": DIRECT_SESSION,  # Jingle's and tubes' of before
    "http://jitsi.org/": DIRECT_CALL,
    "http://www.google.com/session": DIRECT_CALL,  # what Jingle was before
    "http://www.google.com/transport": DIRECT_CALL,
    "http://jabber.org/protocol/jinglenodes": DIRECT_CALL,  # XEP-0278
    "http://jabber.org/protocol/jingle": DIRECT_SESSION,
    "http://jabber.org/protocol/tins": DIRECT_CALL,  # XEP-0111
    "http://www.xmpp.org/extensions/xep-0167.html": DIRECT_CALL,
    **dict.fromkeys(
        (
            f"http://www.xmpp.org/extensions/xep-0{number}.html"
            for number in (166, 176, 177, 179, 180, 181, 234, 247, 260, 261)
        ),
        DIRECT_SESSION,
    ),
    "http://jabber.org/protocol/si": DIRECT_FILE,  # XEP-0095, 0096; sipub, XEP-0137
    "http://jabber.org/protocol/bytestreams": DIRECT_FILE,  # XEP-0065
    "http://jabber.org/protocol/ibb": DIRECT_FILE,  # XEP-0047
    "http://jabber.org/protocol/dtcp": DIRECT_FILE,
    "http://jabber.org/protocol/fileshare": DIRECT_FILE,  # XEP-0135
    "urn:xmpp:fis": DIRECT_FILE,  # XEP-0329
    "jabber:iq:oob": DIRECT_FILE,  # XEP-0066, 3: to be fetched from the sender's own machine
    "urn:xmpp:http:0": DIRECT_SESSION,  # XEP-0332
    "urn:xmpp:jingle": DIRECT_SESSION,
    "urn:xmpp:tmp:jingle": DIRECT_SESSION,
    "urn:xmpp:rtt": PIECES,  # XEP-0301
}
