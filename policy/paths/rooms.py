"""Paths through rooms: into the target's, out of one's own, and from occupant to occupant."""

from policy.facts import Way
from policy.paths.path import Closed, Path, Template, Through

_MUC = "http://jabber.org/protocol/muc"
_IN_ROOM = "that the room exists, who is in it and what is said, to the sender; what is said, to the target"
_NAMED = "that the room exists and what is said in it, to the target"
_JOIN = f"<x xmlns='{_MUC}'/>"


def _room(id_: str, title: str, xep: str, *stanzas: str, closed: Closed = Closed.GATE) -> Path:
    return Path(id_, title, xep, tuple(map(Template, stanzas)), _IN_ROOM, Through.ROOM, closed)


def _named(id_: str, title: str, xep: str, *stanzas: str) -> Path:
    """Return a path of stanzas to a room of the sender's that name the target."""
    return Path(id_, title, xep, tuple(map(Template, stanzas)), _NAMED, Through.NAME)


def _query(payload: str, type_: str = "get", to: str = "{room}") -> str:
    return f"<iq type='{type_}' to='{to}'>{payload}</iq>"


def _said(payload: str, to: str, kind: str = "groupchat") -> str:
    return f"<message type='{kind}' to='{to}'>{payload}</message>"


def _admin(item: str) -> str:
    return f"<query xmlns='{_MUC}#admin'>{item}</query>"


_BODY = "<body>Copper?</body>"
_FORM = "<x xmlns='jabber:x:data' type='submit'/>"

ROOMS = (
    _room(
        "room-join",
        "going in, also with history or under the target's nickname",
        "XEP-0045, 7.2",
        f"<presence to='{{room}}/someone'>{_JOIN}</presence>",
        f"<presence to='{{room}}/someone'><x xmlns='{_MUC}'><history maxstanzas='100'/></x></presence>",
        f"<presence to='{{room}}/{{nick}}'>{_JOIN}</presence>",
        "<presence to='{room}/someone'/>",
    ),
    _room(
        "room-create",
        "a room of one's own at the target's",
        "XEP-0045, 10.1",
        f"<presence to='new@{{rooms_domain}}/someone'>{_JOIN}</presence>",
    ),
    _room("room-leave", "going out", "XEP-0045, 7.14", "<presence type='unavailable' to='{room}/someone'/>"),
    _room("room-message", "a message to the room", "XEP-0045, 7.4", _said(_BODY, "{room}")),
    _room(
        "room-subject", "the room's subject", "XEP-0045, 8.1", _said("<subject>Copper</subject>", "{room}")
    ),
    _room(
        "room-reaction",
        "a correction, reaction or reply in the room",
        "XEP-0308, XEP-0444",
        _said(_BODY + "<replace id='m1' xmlns='urn:xmpp:message-correct:0'/>", "{room}"),
        _said("<reactions id='m1' xmlns='urn:xmpp:reactions:0'><reaction>+</reaction></reactions>", "{room}"),
        _said("<composing xmlns='http://jabber.org/protocol/chatstates'/>", "{room}"),
    ),
    _room(
        "room-voice",
        "a request for voice",
        "XEP-0045, 7.13",
        _said(
            "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field></x>",
            "{room}",
            "normal",
        ),
    ),
    _room(
        "room-private",
        "a private message to an occupant",
        "XEP-0045, 7.5",
        _said(_BODY + f"<x xmlns='{_MUC}#user'/>", "{room}/{nick}", "chat"),
        _said("<x xmlns='jabber:x:conference' jid='{own_room}'/>", "{room}/{nick}", "normal"),
    ),
    _room(
        "room-occupant",
        "a request to an occupant's client",
        "XEP-0045, 7.8",
        _query("<query xmlns='http://jabber.org/protocol/disco#info'/>", to="{room}/{nick}"),
        _query("<query xmlns='jabber:iq:version'/>", to="{room}/{nick}"),
        _query("<ping xmlns='urn:xmpp:ping'/>", to="{room}/{nick}"),
        _query("<vCard xmlns='vcard-temp'/>", to="{room}/{nick}"),
        _query("<query xmlns='jabber:iq:last'/>", to="{room}/{nick}"),
        _query(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'/></pubsub>",
            to="{room}/{nick}",
        ),
    ),
    _room(
        "room-self-ping",
        "a ping that tells whether one is still in",
        "XEP-0410",
        _query("<ping xmlns='urn:xmpp:ping'/>", to="{room}/someone"),
    ),
    _room(
        "room-info",
        "what the room is like",
        "XEP-0045, 6.4",
        _query("<query xmlns='http://jabber.org/protocol/disco#info'/>"),
        _query("<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>"),
    ),
    _room(
        "room-occupants",
        "who is in the room",
        "XEP-0045, 6.5",
        _query("<query xmlns='http://jabber.org/protocol/disco#items'/>"),
    ),
    _room("room-card", "the room's card and picture", "XEP-0486", _query("<vCard xmlns='vcard-temp'/>")),
    _room("room-ping", "a ping of the room", "XEP-0199", _query("<ping xmlns='urn:xmpp:ping'/>")),
    _room(
        "room-archive",
        "the room's archive",
        "XEP-0313, 5.1.2",
        _query("<query xmlns='urn:xmpp:mam:2'/>", "set"),
        _query("<query xmlns='urn:xmpp:mam:2'/>"),
        _query("<metadata xmlns='urn:xmpp:mam:2'/>"),
    ),
    _room(
        "room-register",
        "registering with the room",
        "XEP-0045, 7.10",
        _query("<query xmlns='jabber:iq:register'/>"),
        _query(f"<query xmlns='jabber:iq:register'>{_FORM}</query>", "set"),
    ),
    _room(
        "room-config",
        "the room's configuration",
        "XEP-0045, 10",
        _query(f"<query xmlns='{_MUC}#owner'/>"),
        _query(f"<query xmlns='{_MUC}#owner'>{_FORM}</query>", "set"),
    ),
    _room(
        "room-lists",
        "the room's members and owners",
        "XEP-0045, 9.5",
        *(
            _query(_admin(f"<item affiliation='{each}'/>"))
            for each in ("owner", "admin", "member", "outcast")
        ),
        _query(_admin("<item role='participant'/>")),
    ),
    _room(
        "room-affiliation",
        "a place in the room for oneself, or the target put out",
        "XEP-0045, 9 and 10",
        _query(_admin("<item affiliation='owner' jid='{own}'/>"), "set"),
        _query(_admin("<item affiliation='outcast' jid='{target}'/>"), "set"),
        _query(_admin("<item nick='{nick}' role='none'/>"), "set"),
    ),
    _room(
        "room-destroy",
        "the room's end",
        "XEP-0045, 10.9",
        _query(f"<query xmlns='{_MUC}#owner'><destroy/></query>", "set"),
    ),
    _room(
        "room-moderation",
        "a message taken out of the room",
        "XEP-0425",
        _query(
            "<apply-to id='1' xmlns='urn:xmpp:fasten:0'>"
            "<moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/>"
            "</moderate></apply-to>",
            "set",
        ),
        _query(
            "<moderate id='1' xmlns='urn:xmpp:message-moderate:1'>"
            "<retract xmlns='urn:xmpp:message-retract:1'/></moderate>",
            "set",
        ),
    ),
    _room(
        "room-invite-through",
        "an invitation or its answer through the target's room",
        "XEP-0045, 7.8.2",
        _said(f"<x xmlns='{_MUC}#user'><invite to='{{target}}'/></x>", "{room}", "normal"),
        _said(
            f"<x xmlns='{_MUC}#user'><decline to='{{target}}'><reason>Copper?</reason></decline></x>",
            "{room}",
            "normal",
        ),
    ),
    _room(
        "room-offered",
        "an invitation to the target's room, for a device of one's own or as the way out of another room",
        "XEP-0249",
        "<message to='{own}'><x xmlns='jabber:x:conference' jid='{room}'/></message>",
        _query(f"<query xmlns='{_MUC}#owner'><destroy jid='{{room}}'/></query>", "set", "{own_room}"),
    ),
    _named(
        "room-invite",
        "a mediated invitation of the target to a room of one's own",
        "XEP-0045, 7.8.2",
        _said(
            f"<x xmlns='{_MUC}#user'><invite to='{{target}}'><reason>Copper?</reason></invite></x>",
            "{own_room}",
            "normal",
        ),
    ),
    _named(
        "room-decline",
        "an answer to an invitation that nobody sent",
        "XEP-0045, 7.8.2",
        _said(
            f"<x xmlns='{_MUC}#user'><decline to='{{target}}'><reason>Copper?</reason></decline></x>",
            "{own_room}",
            "normal",
        ),
    ),
    _named(
        "room-member",
        "a place for the target in a room of one's own",
        "XEP-0045, 9.3",
        *(
            _query(_admin(f"<item affiliation='{each}' jid='{{target}}'/>"), "set", "{own_room}")
            for each in ("member", "admin", "owner")
        ),
    ),
    Path(
        "room-told",
        "what an occupant is told, who may be in the room no more",
        "XEP-0045, 7.4",
        (
            Template(
                "<message type='groupchat' from='{room}/someone' to='{own}'><body>Copper?</body></message>"
            ),
            Template("<presence from='{room}/someone' to='{sender}'/>"),
            Template(
                f"<message from='{{room}}' to='{{own}}'>"
                f"<x xmlns='{_MUC}#user'><invite from='{{target}}'/></x></message>"
            ),
        ),
        "what is said in the room, to the sender",
        Through.ROOM,
        Closed.BORDER,
        (Way.SERVER,),
    ),
    Path(
        "room-history",
        "what was said in a room before one was let in",
        "XEP-0045, 7.2.13; XEP-0313",
        (
            Template(
                f"<presence to='{{own_room}}/someone'><x xmlns='{_MUC}'><history maxstanzas='100'/></x></presence>"
            ),
            Template(_query("<query xmlns='urn:xmpp:mam:2'/>", "set", "{own_room}")),
        ),
        "what the target said among others, to the sender",
        Through.NAME,
        Closed.SERVER,
        (Way.C2S, Way.S2S),
    ),
    Path(
        "nick-taken",
        "the target's name as one's nickname in a room of one's own",
        "XEP-0045, 7.6",
        (Template(f"<presence to='{{own_room}}/{{target_name}}'>{_JOIN}</presence>"),),
        "nothing; the room shows real addresses",
        Through.ACCOUNT,
        Closed.HARMLESS,
    ),
)
