"""Paths of messages from one person to another, and of presence's little sisters: states, receipts, calls."""

from policy.facts import Way
from policy.paths.path import Closed, Path, Template, Through

_TO_TARGET = "what is said, to the target; that the target exists, to the sender"


def _message(id_: str, title: str, xep: str, *payloads: str, kind: str = "chat") -> Path:
    """Return a path of messages with these payloads, to the target's account and to one of its devices."""
    templates = tuple(
        Template(f"<message type='{kind}' to='{to}'>{payload}</message>")
        for payload in payloads
        for to in ("{target}", "{target_full}")
    )
    return Path(id_, title, xep, templates, _TO_TARGET)


_BODY = "<body>Copper?</body>"
_FORWARDED = (
    "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{own}' to='{target}' type='chat'>"
    "<body>Copper?</body></message></forwarded>"
)
_CONTENT = (
    "<content creator='initiator' name='v'>"
    "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></content>"
)

MESSAGES = (
    _message("message-chat", "a chat message", "RFC 6121, 5.2.2", _BODY, "<subject>Copper</subject>"),
    _message("message-normal", "a single message", "RFC 6121, 5.2.2", _BODY, kind="normal"),
    _message("message-headline", "a headline", "RFC 6121, 5.2.2", _BODY, kind="headline"),
    _message(
        "message-groupchat", "a room's message sent to a person", "RFC 6121, 5.2.2", _BODY, kind="groupchat"
    ),
    _message(
        "message-error",
        "an error that quotes content",
        "RFC 6120, 8.3.1",
        _BODY + "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        kind="error",
    ),
    _message("message-empty", "a message without content", "RFC 6121, 5.2", ""),
    _message("thread", "a message of a thread", "XEP-0201", "<thread>t1</thread>" + _BODY),
    _message(
        "chat-state",
        "composing, active, gone",
        "XEP-0085",
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<gone xmlns='http://jabber.org/protocol/chatstates'/>",
    ),
    _message(
        "receipt",
        "asking for a receipt, giving one",
        "XEP-0184",
        _BODY + "<request xmlns='urn:xmpp:receipts'/>",
        "<received xmlns='urn:xmpp:receipts' id='m1'/>",
    ),
    _message(
        "marker",
        "chat markers",
        "XEP-0333",
        _BODY + "<markable xmlns='urn:xmpp:chat-markers:0'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>",
    ),
    _message("event", "message events", "XEP-0022", "<x xmlns='jabber:x:event'><composing/><id>m1</id></x>"),
    _message(
        "correction",
        "a correction that reaches somebody new",
        "XEP-0308",
        _BODY + "<replace id='m1' xmlns='urn:xmpp:message-correct:0'/>",
    ),
    _message(
        "retraction",
        "a retraction",
        "XEP-0424",
        "<apply-to id='m1' xmlns='urn:xmpp:fasten:0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>",
        "<retract id='m1' xmlns='urn:xmpp:message-retract:1'/>",
    ),
    _message(
        "reaction",
        "a reaction",
        "XEP-0444",
        "<reactions id='m1' xmlns='urn:xmpp:reactions:0'><reaction>+</reaction></reactions>",
    ),
    _message(
        "reply", "a reply", "XEP-0461", _BODY + "<reply to='{target}' id='m1' xmlns='urn:xmpp:reply:0'/>"
    ),
    _message(
        "reference",
        "a mention",
        "XEP-0372",
        _BODY + "<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:{target}'/>",
    ),
    _message("forwarded", "a forwarded message", "XEP-0297", _BODY + _FORWARDED),
    _message(
        "carbon",
        "a carbon that a client makes up",
        "XEP-0280",
        f"<received xmlns='urn:xmpp:carbons:2'>{_FORWARDED}</received>",
        f"<sent xmlns='urn:xmpp:carbons:2'>{_FORWARDED}</sent>",
    ),
    _message(
        "archived",
        "a message out of an archive that a client makes up",
        "XEP-0313",
        f"<result xmlns='urn:xmpp:mam:2' id='1'>{_FORWARDED}</result>",
    ),
    _message(
        "delayed",
        "a message with an older time",
        "XEP-0203",
        _BODY + "<delay xmlns='urn:xmpp:delay' stamp='2026-01-05T09:00:00Z'/>",
    ),
    _message("attention", "a buzz", "XEP-0224", "<attention xmlns='urn:xmpp:attention:0'/>", kind="headline"),
    _message(
        "location",
        "a location",
        "XEP-0080",
        "<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>1</lat></geoloc>",
    ),
    _message(
        "nick", "a nickname", "XEP-0172", "<nick xmlns='http://jabber.org/protocol/nick'>Ishmael</nick>"
    ),
    _message(
        "html",
        "formatted text",
        "XEP-0071",
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>Copper?</p></body></html>",
    ),
    _message(
        "link",
        "a link to a file",
        "XEP-0066",
        "<x xmlns='jabber:x:oob'><url>https://files.example/1</url></x>",
    ),
    _message("file", "a file's description", "XEP-0447", "<file-sharing xmlns='urn:xmpp:sfs:0'/>"),
    _message(
        "bytes",
        "a picture in the message",
        "XEP-0231",
        "<data xmlns='urn:xmpp:bob' cid='sha1+8f35fef1@bob.xmpp.org'>AA==</data>",
    ),
    _message("form", "a form", "XEP-0004", "<x xmlns='jabber:x:data' type='form'><field var='a'/></x>"),
    _message(
        "confirm",
        "a request to confirm",
        "XEP-0070",
        "<confirm xmlns='http://jabber.org/protocol/http-auth' id='1' method='GET' url='https://files.example'/>",
        kind="normal",
    ),
    _message(
        "call-offer",
        "an offer to call",
        "XEP-0353",
        f"<propose xmlns='urn:xmpp:jingle-message:0' id='c1'>{_CONTENT}</propose>",
        "<retract xmlns='urn:xmpp:jingle-message:0' id='c1'/>",
        "<invite xmlns='urn:xmpp:call-invites:0' audio='true'/>",
    ),
    _message(
        "stream-data",
        "data in messages",
        "XEP-0047",
        "<data xmlns='http://jabber.org/protocol/ibb' sid='i1' seq='0'>AA==</data>",
        kind="normal",
    ),
    _message(
        "contact-offer",
        "a suggested contact",
        "XEP-0144",
        "<x xmlns='http://jabber.org/protocol/rosterx'><item action='add' jid='{own}'/></x>",
        kind="normal",
    ),
    _message(
        "node-event",
        "a notification that a client makes up",
        "XEP-0060",
        "<event xmlns='http://jabber.org/protocol/pubsub#event'>"
        "<items node='urn:xmpp:avatar:metadata'><item id='1'/></items></event>",
        kind="headline",
    ),
    _message(
        "addressed",
        "copies by extended addressing",
        "XEP-0033",
        _BODY
        + "<addresses xmlns='http://jabber.org/protocol/address'><address type='cc' jid='{target}'/></addresses>",
    ),
    _message(
        "direct-invite",
        "an invitation from person to person",
        "XEP-0249",
        "<x xmlns='jabber:x:conference' jid='{own_room}'/>",
        kind="normal",
    ),
    _message(
        "forged-invite",
        "a room's invitation that a client makes up",
        "XEP-0045, 7.8.2",
        "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='{own}'/></x>",
        kind="normal",
    ),
    Path(
        "addressed-by-server",
        "copies that the server would send on",
        "XEP-0033",
        (
            Template(
                "<message to='{own_domain}'><body>Copper?</body><addresses xmlns='http://jabber.org/protocol/address'>"
                "<address type='to' jid='{target}'/></addresses></message>"
            ),
        ),
        _TO_TARGET,
        Through.NAME,
        ways=(Way.C2S,),
    ),
    Path(
        "privileged",
        "a message that the server would send in the target's name",
        "XEP-0356",
        (
            Template(
                "<message to='{own_domain}'><privilege xmlns='urn:xmpp:privilege:2'>"
                + _FORWARDED
                + "</privilege></message>"
            ),
        ),
        _TO_TARGET,
        Through.NAME,
        Closed.SERVER,
        (Way.C2S,),
    ),
    Path(
        "late-message",
        "a message that waited offline while its path was closed",
        "XEP-0160",
        (Template("<message type='chat' to='{target}'><body>Copper?</body></message>"),),
        "what was said before the path was closed, to the target",
        closed=Closed.BORDER,
        ways=(Way.SERVER,),
    ),
)
