"""Refuses everything that the archive could not read, with any rules of the site.

This is end-to-end encryption of every kind, direct traffic from client to client past the archive, and text that
clients show in different ways.
"""

import re
from functools import lru_cache

from policy.content.fold import may_hide, reveal
from policy.content.namespaces import is_usual
from policy.content.payload_namespaces import DIRECT, ENCRYPTED
from policy.content.refusals import (
    ARMOUR,
    DIRECT_CALL,
    DIRECT_FILE,
    DIRECT_SESSION,
    LINK,
    MARKER,
    MIXED,
    OMEMO,
    OPENPGP,
    OTR,
    PIECES,
)
from policy.content.upload_instead import name_upload
from policy.decision import Decision, release
from policy.facts import StanzaFacts

READABLE = release()


_MEDIA_SHARING = "urn:xmpp:sims:1"
_DESCRIBING = {f"urn:xmpp:jingle:apps:file-transfer:{version}" for version in (4, 5)}

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
    r"""-----\s{0,8}(?:BEGIN|END)\s{1,8}
        (?: PGP\s{1,8}MESSAGE (?: ,\s{0,8}PART\s{1,8}[0-9/]{1,16} )?  # RFC 9580, 6.2
          | PKCS\s?\#?7 | CMS                                     # RFC 7468, 8 and 9
          | PRIVACY-ENHANCED\s{1,8}MESSAGE                         # RFC 1421, 4.4
          | [A-Z0-9\s]{0,40} ENCRYPTED [A-Z0-9\s]{0,40}  # AGE ENCRYPTED FILE, ENCRYPTED PRIVATE KEY, ...
        ) \s{0,8}-----
      | \b(?:BEGIN|END)\s{1,8} (?: [A-Za-z0-9]{1,32}\s{1,8} )? SALTPACK\s{1,8}ENCRYPTED\s{1,8}MESSAGE\s{0,8}\.
      | \bapplication/(?:x-)?pkcs7-mime\b                          # RFC 8551, 3.2
      | \bage-encryption\.org/v[0-9]
      | (?<![\w.-])eyJ[\w-]{8,}\.[\w-]*(?:\.[\w-]{8,}){3}         # RFC 7516, 3.1
    """,
    re.VERBOSE | re.IGNORECASE,
)
_AESGCM = re.compile(
    r"aesgcm:(?://\S|(?<=\baesgcm:)[/\\]{1,2}[^\s/\\])", re.IGNORECASE | re.ASCII
)  # XEP-0454


def decide_payload(facts: StanzaFacts, *, has_upload: bool = False) -> Decision:
    """Decide whether the archive can read a stanza (docs/policy.md, section 4).

    It checks all descendants, so that nothing hides in a forwarded message, a carbon or a pubsub item. A readable body
    beside the encrypted one makes no difference. Refusals are `policy-violation` errors; those of files name the
    upload, if the site has one.
    """
    elements = facts.elements
    encrypted, direct = _find_by_namespace(elements) if is_usual(elements) else _find_anew(elements)
    refusal = encrypted
    if refusal is None or refusal is MARKER:
        refusal = _refusal_by_text(facts.text)
        if refusal is None and facts.joined:
            refusal = _refusal_by_text(facts.joined)
        if refusal is None and may_hide(facts.text):
            refusal = _refusal_by_text(reveal(facts.text))
        refusal = refusal or _refusal_by_attributes(facts) or encrypted
    if refusal is None:
        refusal = direct or (MIXED if facts.mixed else None)
    if refusal is None:
        return READABLE
    return name_upload(refusal) if has_upload else refusal


def _find_anew(elements: tuple[str, ...]) -> tuple[Decision | None, Decision | None]:
    """Return what is told of encryption, and of direct connections, by the namespaces of a stanza's elements."""
    # No client knows them in capitals or with a blank, but one that is made for this might.
    namespaces = {name[1:].rpartition("}")[0].strip().casefold() for name in elements}
    encrypted = next((told for name, told in ENCRYPTED.items() if _begins(namespaces, name)), None)
    if _MEDIA_SHARING in namespaces:
        # It describes an uploaded file in the words of Jingle (XEP-0385, 2); a session has more of Jingle's namespaces.
        namespaces -= _DESCRIBING
    found = {_find_direct(name) for name in namespaces}
    direct = next(
        (each for each in (DIRECT_FILE, DIRECT_CALL, DIRECT_SESSION, PIECES) if each in found), None
    )
    return encrypted, direct


def _begins(namespaces: set[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in namespaces)


# Most stanzas have the elements of some other before.
_find_by_namespace = lru_cache(maxsize=1024)(_find_anew)


def _find_direct(namespace: str) -> Decision | None:
    """Return what is told of a namespace in small letters, if it is one of direct connections."""
    return next((direct for name, direct in DIRECT.items() if namespace.startswith(name)), None)


def _refusal_by_text(text: str) -> Decision | None:
    if _OTR_WHITESPACE in text or ("?OTR" in text and _OTR_MESSAGE.search(text)):
        return OTR
    if _hints_at_armour(text) and _ARMOUR.search(text):
        return ARMOUR
    if (":/" in text or ":\\" in text) and _AESGCM.search(text):
        return LINK
    return None


def _hints_at_armour(text: str) -> bool:
    """Return whether there is what is in all armour: one look after the other is quicker than any expression."""
    return "-----" in text or "eyJ" in text or "pkcs7" in text or "age-enc" in text or "ALTPACK" in text


def _refusal_by_attributes(facts: StanzaFacts) -> Decision | None:
    values = "\n".join(facts.attributes)
    if (":/" in values or ":\\" in values) and _AESGCM.search(values):
        return LINK
    if not _PUBLISHING.isdisjoint(facts.elements):
        for prefix, refusal in _BY_NODE_PREFIX.items():
            if any(value.startswith(prefix) for value in facts.attributes):
                return refusal
    return None
