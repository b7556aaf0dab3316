"""Stanzas as clients write them, for made-up talk."""

from base64 import b64encode
from hashlib import sha1, sha256
from xml.sax.saxutils import escape

_CLIENT = "xmlns='jabber:client'"


def make_message(sender: str, to: str, id_: str, content: str, *, is_room: bool = False) -> bytes:
    """Return a message with children that are written already."""
    kind = "groupchat" if is_room else "chat"
    head = f"<message {_CLIENT} from='{sender}' to='{to}' type='{kind}' id='{id_}'>"
    return f"{head}{content}</message>".encode()


def say(text: str) -> str:
    """Return a body, with a wish for a receipt."""
    return f"<body>{escape(text)}</body><request xmlns='urn:xmpp:receipts'/>"


def correct(text: str, id_: str) -> str:
    """Return a text instead of that of an earlier message (XEP-0308)."""
    return f"<body>{escape(text)}</body><replace xmlns='urn:xmpp:message-correct:0' id='{id_}'/>"


def retract(id_: str) -> str:
    """Return a retraction (XEP-0424)."""
    return (
        f"<retract xmlns='urn:xmpp:message-retract:1' id='{id_}'/>"
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>"
    )


def react(id_: str, emojis: tuple[str, ...]) -> str:
    """Return all the reactions of a person to a message (XEP-0444)."""
    inside = "".join(f"<reaction>{emoji}</reaction>" for emoji in emojis)
    return f"<reactions xmlns='urn:xmpp:reactions:0' id='{id_}'>{inside}</reactions>"


def reply(text: str, id_: str, quoted: str) -> str:
    """Return an answer that quotes a message, also for clients that know no replies (XEP-0461)."""
    quote = "".join(f"> {line}\n" for line in quoted.split("\n"))
    fallback = f"<body start='0' end='{len(quote)}'/>"
    return (
        f"<body>{escape(quote + text)}</body><reply xmlns='urn:xmpp:reply:0' id='{id_}'/>"
        f"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>{fallback}</fallback>"
    )


def attach(text: str, name: str, content: bytes) -> str:
    """Return a text with a small file inside (XEP-0231), which has a name and a hash (XEP-0447, 0446)."""
    digest = b64encode(sha256(content).digest()).decode()
    cid = f"sha1+{sha1(content, usedforsecurity=False).hexdigest()}@bob.xmpp.org"
    about = (
        f"<file xmlns='urn:xmpp:file:metadata:0'><name>{escape(name)}</name><media-type>text/csv</media-type>"
        f"<size>{len(content)}</size><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>{digest}</hash></file>"
    )
    data = f"<data xmlns='urn:xmpp:bob' cid='{cid}' type='text/csv'>{b64encode(content).decode()}</data>"
    source = f"<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='cid:{cid}'/></sources>"
    return f"<body>{escape(text)}</body><file-sharing xmlns='urn:xmpp:sfs:0'>{about}{source}</file-sharing>{data}"


def acknowledge(id_: str, *, is_displayed: bool) -> str:
    """Return a receipt (XEP-0184), or the marker that a message was shown (XEP-0333)."""
    if is_displayed:
        return f"<displayed xmlns='urn:xmpp:chat-markers:0' id='{id_}'/>"
    return f"<received xmlns='urn:xmpp:receipts' id='{id_}'/>"


def join(session: str, room: str, nick: str) -> bytes:
    """Return the presence with which one joins a room (XEP-0045, 7.2)."""
    inside = "<x xmlns='http://jabber.org/protocol/muc'/>"
    return f"<presence {_CLIENT} from='{session}' to='{room}/{nick}'>{inside}</presence>".encode()


def leave(session: str, room: str, nick: str) -> bytes:
    """Return the presence with which one leaves a room (XEP-0045, 7.14)."""
    return f"<presence {_CLIENT} from='{session}' to='{room}/{nick}' type='unavailable'/>".encode()


def tell_joined(session: str, room: str, nick: str) -> bytes:
    """Return what the room tells who has joined (XEP-0045, 7.2.2)."""
    inside = "<item affiliation='member' role='participant'/><status code='110'/>"
    told = f"<x xmlns='http://jabber.org/protocol/muc#user'>{inside}</x>"
    return f"<presence {_CLIENT} from='{room}/{nick}' to='{session}'>{told}</presence>".encode()


def bind(session: str, address: str) -> bytes:
    """Return the event that somebody's device has signed in (gate protocol, 4.1)."""
    return (
        f"<bind jid='{session}' address='{address}' tls='TLSv1.3' cipher='TLS_AES_256_GCM_SHA384'/>".encode()
    )
