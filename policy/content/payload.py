"""Refuses everything that the archive could not read, with any rules of the site.

This is end-to-end encryption of every kind, direct traffic from client to client past the archive, and text that
clients show in different ways.
"""

import re
from functools import lru_cache

from policy.content.namespaces import is_usual
from policy.decision import Decision, refuse, release
from policy.facts import StanzaFacts

READABLE = release()


def _unreadable(rule: str, text: str) -> Decision:
    return refuse(rule, "modify", "policy-violation", text)  # RFC 6120, 8.3.3.12


OMEMO = _unreadable(
    "encrypted-omemo",
    "This line is recorded, so OMEMO encryption is not possible. "
    "Turn off OMEMO for this conversation (in Conversations: the padlock > Unencrypted) and send again.",
)
OPENPGP = _unreadable(
    "encrypted-openpgp",
    "This line is recorded, so OpenPGP (OX) encryption is not possible. "
    "Turn off OpenPGP for this conversation and send again.",
)
PGP = _unreadable(
    "encrypted-pgp",
    "This line is recorded, so PGP encryption is not possible. Turn off PGP for this contact and send again.",
)
SMIME = _unreadable(
    "encrypted-smime",
    "This line is recorded, so S/MIME encryption is not possible. "
    "Turn off S/MIME for this conversation and send again.",
)
SESSION = _unreadable(
    "encrypted-session",
    "This line is recorded, so encrypted sessions are not possible. "
    "End the encrypted session with this contact and send again.",
)
FILE = _unreadable(
    "encrypted-file",
    "This line is recorded, so encrypted files are not possible. "
    "Turn off encryption for this conversation and send the file again.",
)
ENVELOPE = _unreadable(
    "encrypted-envelope",
    "This line is recorded, so encrypted content is not possible. "
    "Turn off encryption for this conversation and send again.",
)
SIGNED = _unreadable(
    "signed-envelope",
    "This line is recorded as readable text, so a message wrapped into its signature is not possible. "
    "Turn off message signing and send again.",
)
OTR = _unreadable(
    "encrypted-otr",
    "This line is recorded, so OTR encryption is not possible. "
    "End the private conversation, turn off OTR in your client's settings and send again.",
)
ARMOUR = _unreadable(
    "encrypted-armour",
    "This line is recorded, so encrypted text (PGP, age, S/MIME) is not possible. "
    "Send the text itself, without encrypting it first.",
)
LINK = _unreadable(
    "encrypted-link",
    "This line is recorded, so links to encrypted files (aesgcm) are not possible. "
    "Turn off encryption for this conversation and send the file again.",
)
MARKER = _unreadable(
    "encrypted-marker",
    "Your client marks this message as encrypted, which is not possible on a recorded line. "
    "Turn off encryption for this conversation and send again.",
)
MIXED = refuse(
    "mixed-text",
    "modify",
    "policy-violation",
    "Your client put markup into the plain text of this message, so that others would not all read the same. "
    "Send it as plain text.",
)
DIRECT_FILE = _unreadable(
    "direct-file",
    "Files cannot be sent this way on a recorded line, from client to client. "
    "Turn off direct file transfer in your client's settings and send the file again.",
)
DIRECT_CALL = _unreadable(
    "direct-call",
    "This line is recorded, so calls and screen sharing, which go from client to client, are not possible. "
    "Write a message instead.",
)
DIRECT_SESSION = _unreadable(
    "direct-session",
    "This line is recorded, so direct connections between clients are not possible. Write a message instead.",
)
REFUSALS = (
    OMEMO,
    OPENPGP,
    PGP,
    SMIME,
    SESSION,
    FILE,
    ENVELOPE,
    SIGNED,
    OTR,
    ARMOUR,
    LINK,
    MARKER,
    DIRECT_FILE,
    DIRECT_CALL,
    DIRECT_SESSION,
    MIXED,
)

# Where a stanza has several, the first row is the one that the sender is told.
_BY_NAMESPACE = {
    "eu.siacs.conversations.axolotl": OMEMO,  # XEP-0384 0.3, still the one that most clients use
    "urn:xmpp:omemo:0": OMEMO,
    "urn:xmpp:omemo:1": OMEMO,
    "urn:xmpp:omemo:2": OMEMO,
    "urn:xmpp:openpgp:0": OPENPGP,  # XEP-0373 and 0374
    "urn:xmpp:openpgp:pubsub:0": OPENPGP,  # XEP-0473
    "jabber:x:encrypted": PGP,  # XEP-0027
    "urn:ietf:params:xml:ns:xmpp-e2e": SMIME,  # RFC 3923
    "http://www.xmpp.org/extensions/xep-0116.html#ns": SESSION,
    "http://www.xmpp.org/extensions/xep-0116.html#ns-init": SESSION,
    "http://www.xmpp.org/extensions/xep-0187.html#ns": SESSION,
    "http://www.xmpp.org/extensions/xep-0200.html#ns": SESSION,
    "jabber:security:session": SESSION,  # XEP-0031
    "jabber:security:message": SESSION,
    "jabber:security:key": SESSION,
    "jabber:security:keyTransport": SESSION,
    "urn:xmpp:jingle:apps:xmlstream:0": SESSION,  # XEP-0246 and 0247: a TLS stream between two clients
    "urn:xmpp:jingle:security:xtls:0": SESSION,
    "urn:xmpp:esfs:0": FILE,  # XEP-0448
    "urn:xmpp:jingle:jet:0": FILE,  # XEP-0391 and 0396
    "urn:xmpp:jingle:jet-omemo:0": FILE,
    "urn:xmpp:jingle:apps:encrypted:file-transfer:0": FILE,
    "urn:xmpp:sce:0": ENVELOPE,  # XEP-0420
    "urn:xmpp:sce:1": ENVELOPE,
    "urn:xmpp:pte:0": ENVELOPE,  # XEP-0477
    "urn:xmpp:gre:0": ENVELOPE,  # Gateway Relayed Encryption
    "urn:xmpp:encryption:stub:0": ENVELOPE,
    "urn:xmpp:encryption:stub:sce:1": ENVELOPE,
    "xmpp:sec": ENVELOPE,  # XEP-0102
    "http://www.w3.org/2001/04/xmlenc#": ENVELOPE,  # XML Encryption, also of XEP-0241
    "http://www.w3.org/2009/xmlenc11#": ENVELOPE,
    "urn:xmpp:signed:0": SIGNED,  # XEP-0285: the text is inside, in Base64
    "urn:xmpp:eme:0": MARKER,  # XEP-0380, for whatever has no row of its own
}
# What goes from client to client, or tells a client where to fetch it; the first row that fits is told.
_DIRECT = {
    "urn:xmpp:jingle:apps:file-transfer:": DIRECT_FILE,  # XEP-0234, of all versions
    "urn:xmpp:jingle:apps:rtp:": DIRECT_CALL,  # XEP-0167, and 0293, 0294, 0320 and the like below it
    "urn:xmpp:jingle:apps:": DIRECT_SESSION,
    "urn:xmpp:jingle-message:": DIRECT_CALL,  # XEP-0353
    "urn:xmpp:call-invites:": DIRECT_CALL,  # XEP-0482
    "urn:xmpp:call-message:": DIRECT_CALL,
    "urn:xmpp:jinglepub:": DIRECT_FILE,  # XEP-0358
    "urn:xmpp:rayo:": DIRECT_CALL,  # XEP-0327
    "http://telepathy.freedesktop.org/muji": DIRECT_CALL,  # XEP-0272
    "http://www.google.com/session": DIRECT_CALL,  # what Jingle was before
    "http://jabber.org/protocol/jinglenodes": DIRECT_CALL,  # XEP-0278
    "http://jabber.org/protocol/si": DIRECT_FILE,  # XEP-0095, 0096; sipub, XEP-0137
    "http://jabber.org/protocol/bytestreams": DIRECT_FILE,  # XEP-0065
    "http://jabber.org/protocol/ibb": DIRECT_FILE,  # XEP-0047
    "urn:xmpp:http:0": DIRECT_SESSION,  # XEP-0332
    "urn:xmpp:jingle:": DIRECT_SESSION,
}

_NAMESPACES = frozenset("{" + namespace for namespace in _BY_NAMESPACE)

# Keys and device lists are published here (XEP-0384, 5.3; XEP-0373, 4): without them no client can encrypt.
_BY_NODE_PREFIX = {
    "eu.siacs.conversations.axolotl": OMEMO,
    "urn:xmpp:omemo:": OMEMO,
    "urn:xmpp:openpgp:0": OPENPGP,
}
_PUBLISHING = frozenset(
    {"{http://jabber.org/protocol/pubsub}publish", "{http://jabber.org/protocol/pubsub}create"}
)

# OTR clients look for these anywhere in a message, so we must, too (XEP-0364, 3).
_OTR_WHITESPACE = " \t  \t\t\t\t \t \t \t  "
_OTR_MESSAGE = re.compile(
    r"""^[ ]{0,64}\?OTR           # whatever starts with it
      | \?OTR [:,|]               # data; a fragment (version 2; version 3)
      | \?OTR \??v[^?\s]{0,32}\?  # a query: ?OTRv23? ?OTR?v2?
      | \?OTR \?                  # a query (version 1)
    """,
    re.VERBOSE | re.MULTILINE,
)
_ARMOUR = re.compile(
    r"""-----BEGIN[ ]
        (?: PGP[ ]MESSAGE (?: ,[ ]PART[ ][0-9/]{1,16} )?  # RFC 9580, 6.2
          | PKCS[ ]?\#?7 | CMS                            # RFC 7468, 8 and 9
          | PRIVACY-ENHANCED[ ]MESSAGE                    # RFC 1421, 4.4
          | [A-Z0-9 ]{0,40} ENCRYPTED [A-Z0-9 ]{0,40}     # AGE ENCRYPTED FILE, ENCRYPTED PRIVATE KEY, ...
        ) -----
      | \bBEGIN [ ] (?: [A-Za-z0-9]{1,32} [ ] )? SALTPACK [ ] ENCRYPTED [ ] MESSAGE \.
    """,
    re.VERBOSE,
)
_AESGCM = re.compile(r"aesgcm://\S", re.IGNORECASE | re.ASCII)  # XEP-0454


def decide_payload(facts: StanzaFacts) -> Decision:
    """Decide whether the archive can read a stanza (docs/policy.md, section 4).

    It checks all descendants, so that nothing hides in a forwarded message, a carbon or a pubsub item. A readable body
    beside the encrypted one makes no difference. Refusals are `policy-violation` errors.
    """
    elements = facts.elements
    encrypted, direct = _find_by_namespace(elements) if is_usual(elements) else _find_anew(elements)
    refusal = encrypted
    if refusal is None or refusal is MARKER:
        refusal = _refusal_by_text(facts.text) or _refusal_by_text(facts.joined)
        refusal = refusal or _refusal_by_attributes(facts) or encrypted
    if refusal is None:
        refusal = direct or (MIXED if facts.mixed else None)
    return refusal or READABLE


def _find_anew(elements: tuple[str, ...]) -> tuple[Decision | None, Decision | None]:
    """Return the refusals for encryption and for direct connections, by the namespaces of a stanza's elements."""
    namespaces = {name.partition("}")[0] for name in elements}
    encrypted = None
    if not _NAMESPACES.isdisjoint(namespaces):
        encrypted = next(refusal for name, refusal in _BY_NAMESPACE.items() if "{" + name in namespaces)
    found = {_find_direct(name) for name in namespaces}
    direct = next((each for each in (DIRECT_FILE, DIRECT_CALL, DIRECT_SESSION) if each in found), None)
    return encrypted, direct


# Most stanzas have the elements of some other before.
_find_by_namespace = lru_cache(maxsize=1024)(_find_anew)


def _find_direct(namespace: str) -> Decision | None:
    """Return the refusal for a namespace, which begins with a brace, if it is one of direct connections."""
    return next((direct for name, direct in _DIRECT.items() if namespace.startswith("{" + name)), None)


def _refusal_by_text(text: str) -> Decision | None:
    if _OTR_WHITESPACE in text or ("?OTR" in text and _OTR_MESSAGE.search(text)):
        return OTR
    if "BEGIN " in text and _ARMOUR.search(text):
        return ARMOUR
    if "://" in text and _AESGCM.search(text):
        return LINK
    return None


def _refusal_by_attributes(facts: StanzaFacts) -> Decision | None:
    values = "\n".join(facts.attributes)
    if "://" in values and _AESGCM.search(values):
        return LINK
    if not _PUBLISHING.isdisjoint(facts.elements):
        for prefix, refusal in _BY_NODE_PREFIX.items():
            if any(value.startswith(prefix) for value in facts.attributes):
                return refusal
    return None
