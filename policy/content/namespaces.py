"""The namespaces that XMPP's clients and servers use in stanzas (the XSF's registry), and those of some payloads."""

CALLS = frozenset(
    {
        "urn:xmpp:jingle:1",  # XEP-0166: calls, and whatever else goes from client to client past the archive
        "urn:xmpp:jingle-message:0",  # XEP-0353
        "urn:xmpp:call-invites:0",  # XEP-0482
        "urn:xmpp:call-message:1",
        "urn:xmpp:jinglepub:1",  # XEP-0358
        "urn:xmpp:coin:1",  # XEP-0298
        "urn:xmpp:rayo:1",  # XEP-0327
        "http://telepathy.freedesktop.org/muji",  # XEP-0272
        "http://jabber.org/protocol/jinglenodes",  # XEP-0278
        "http://www.google.com/session",  # what Jingle was before
        "http://www.google.com/session/phone",
        "http://www.google.com/session/video",
    }
)
LOCATION = frozenset(
    {
        "http://jabber.org/protocol/geoloc",  # XEP-0080
        "urn:xmpp:locationquery:0",  # XEP-0255
    }
)
HTML = frozenset({"http://jabber.org/protocol/xhtml-im", "http://www.w3.org/1999/xhtml"})  # XEP-0071
STICKERS = frozenset({"urn:xmpp:stickers:0"})  # XEP-0449

_CORE = frozenset(
    {
        "jabber:client",
        "jabber:server",
        "jabber:component:accept",
        "jabber:iq:auth",  # XEP-0078
        "jabber:iq:gateway",  # XEP-0100
        "jabber:iq:last",  # XEP-0012
        "jabber:iq:oob",  # XEP-0066
        "jabber:iq:privacy",  # XEP-0016
        "jabber:iq:private",  # XEP-0049
        "jabber:iq:register",  # XEP-0077
        "jabber:iq:roster",
        "jabber:iq:search",  # XEP-0055
        "jabber:iq:time",  # XEP-0090
        "jabber:iq:version",  # XEP-0092
        "jabber:x:conference",  # XEP-0249
        "jabber:x:data",  # XEP-0004
        "jabber:x:delay",  # XEP-0091
        "jabber:x:event",  # XEP-0022
        "jabber:x:oob",
        "jabber:x:signed",  # XEP-0027
        "storage:bookmarks",  # XEP-0048
        "storage:metacontacts",  # XEP-0209
        "storage:rosternotes",  # XEP-0145
        "roster:delimiter",  # XEP-0083
        "urn:ietf:params:xml:ns:vcard-4.0",  # XEP-0292
        "urn:ietf:params:xml:ns:xmpp-bind",
        "urn:ietf:params:xml:ns:xmpp-session",
        "urn:ietf:params:xml:ns:xmpp-stanzas",
        "vcard-temp",  # XEP-0054
        "vcard-temp:x:update",  # XEP-0153
        "http://etherx.jabber.org/streams",
        "http://www.w3.org/2005/Atom",  # XEP-0277
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#",  # XEP-0511
        "https://ogp.me/ns#",
        "gajim:prefs",  # what Gajim keeps for itself
        "urn:gajim:bookmarks",
    }
)
_PROTOCOLS = (
    "activity",  # XEP-0108
    "address",  # XEP-0033
    "amp",  # XEP-0079
    "amp#errors",
    "bytestreams",  # XEP-0065
    "caps",  # XEP-0115
    "chatstates",  # XEP-0085
    "commands",  # XEP-0050
    "compress",  # XEP-0138
    "disco#info",  # XEP-0030
    "disco#items",
    "feature-neg",  # XEP-0020
    "http-auth",  # XEP-0070
    "ibb",  # XEP-0047
    "mood",  # XEP-0107
    "muc",  # XEP-0045
    "muc#admin",
    "muc#owner",
    "muc#unique",
    "muc#user",
    "nick",  # XEP-0172
    "offline",  # XEP-0013
    "physloc",  # XEP-0112
    "pubsub",  # XEP-0060
    "pubsub#errors",
    "pubsub#event",
    "pubsub#owner",
    "rosterx",  # XEP-0144
    "rsm",  # XEP-0059
    "shim",  # XEP-0131
    "si",  # XEP-0095
    "si/profile/file-transfer",  # XEP-0096
    "stats",  # XEP-0039
    "tune",  # XEP-0118
    "url-data",  # XEP-0103
    "xdata-layout",  # XEP-0141
    "xdata-validate",  # XEP-0122
)
_EXTENSIONS = (
    "attention:0",  # XEP-0224
    "avatar:data",  # XEP-0084
    "avatar:metadata",
    "blocking",  # XEP-0191
    "blocking:errors",
    "bob",  # XEP-0231
    "bookmarks:1",  # XEP-0402
    "bookmarks-conversion:0",  # XEP-0411
    "caps",  # XEP-0390
    "captcha",  # XEP-0158
    "carbons:2",  # XEP-0280
    "carbons:rules:0",
    "chat-markers:0",  # XEP-0333
    "content",  # XEP-0481
    "csi:0",  # XEP-0352
    "decloak:0",  # XEP-0276
    "delay",  # XEP-0203
    "ephemeral:0",  # XEP-0466
    "extdisco:1",  # XEP-0215
    "extdisco:2",
    "fallback:0",  # XEP-0428
    "fasten:0",  # XEP-0422
    "file:metadata:0",  # XEP-0446
    "forward:0",  # XEP-0297
    "hashes:1",  # XEP-0300
    "hashes:2",
    "hats:0",  # XEP-0317
    "hints",  # XEP-0334
    "http:upload",  # XEP-0363
    "http:upload:0",
    "idle:1",  # XEP-0319
    "inbox:1",
    "invite",  # XEP-0401
    "json:0",  # XEP-0335
    "mam:0",  # XEP-0313
    "mam:1",
    "mam:2",
    "mam:tmp",
    "markup:0",  # XEP-0394
    "mds:displayed:0",  # XEP-0490
    "media-element",  # XEP-0221
    "message-attaching:1",  # XEP-0367
    "message-correct:0",  # XEP-0308
    "message-moderate:0",  # XEP-0425
    "message-moderate:1",
    "message-retract:0",  # XEP-0424
    "message-retract:1",
    "microblog:0",  # XEP-0277
    "mix:core:0",  # XEP-0369
    "mix:core:1",
    "mix:pam:2",
    "occupant-id:0",  # XEP-0421
    "order-by:1",  # XEP-0413
    "pars:0",  # XEP-0379
    "ping",  # XEP-0199
    "push:0",  # XEP-0357
    "reactions:0",  # XEP-0444
    "reactions:0:restrictions",
    "receipts",  # XEP-0184
    "reference:0",  # XEP-0372
    "reply:0",  # XEP-0461
    "report:0",  # XEP-0377
    "reporting:0",
    "reporting:1",
    "rtt:0",  # XEP-0301
    "sfs:0",  # XEP-0447
    "sid:0",  # XEP-0359
    "sims:1",  # XEP-0385
    "sm:3",  # XEP-0198
    "spaces:0",  # XEP-0503
    "spoiler:0",  # XEP-0382
    "styling:0",  # XEP-0393
    "thumbs:0",  # XEP-0264
    "thumbs:1",
    "time",  # XEP-0202
    "vcard4",  # XEP-0292
)
KNOWN = (
    _CORE
    | {f"http://jabber.org/protocol/{name}" for name in _PROTOCOLS}
    | {f"urn:xmpp:{name}" for name in _EXTENSIONS}
    | CALLS
    | LOCATION
    | HTML
    | STICKERS
)

_REMEMBERED_CHARACTERS = 1_000


def is_usual(elements: tuple[str, ...]) -> bool:
    """Return whether what is found of these names may be remembered: whoever sends long ones must not fill memory."""
    return sum(map(len, elements)) <= _REMEMBERED_CHARACTERS
