"""Paths of presence, subscriptions and rosters."""

from policy.facts import Way
from policy.paths.path import Closed, Path, Template, Through

_ONLINE = "that the sender is online, to the target"
_EXISTS = "that the target exists and is online, to the sender"


def _presence(id_: str, title: str, xep: str, type_: str, *payloads: str, discloses: str = _ONLINE) -> Path:
    kind = f" type='{type_}'" if type_ else ""
    templates = tuple(
        Template(f"<presence{kind} to='{to}'>{payload}</presence>")
        for payload in payloads or ("",)
        for to in ("{target}", "{target_full}")
    )
    return Path(id_, title, xep, templates, discloses)


def _subscription(type_: str, title: str, xep: str, *payloads: str) -> Path:
    """Return a path of presence about a subscription, which is called as its type."""
    return _presence(type_, title, xep, type_, *payloads)


def _made(id_: str, title: str, xep: str, *stanzas: str, discloses: str = _ONLINE) -> Path:
    """Return a path of what the server makes in the sender's name, from rosters that are not up to date."""
    templates = tuple(map(Template, stanzas))
    return Path(id_, title, xep, templates, discloses, closed=Closed.BORDER, ways=(Way.SERVER,))


PRESENCE = (
    _presence(
        "presence-directed",
        "directed presence",
        "RFC 6121, 4.6",
        "",
        "",
        "<show>dnd</show><status>Copper?</status>",
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://a.example' ver='1'/>",
        "<x xmlns='vcard-temp:x:update'><photo>1</photo></x>",
        "<idle xmlns='urn:xmpp:idle:1' since='2026-01-05T09:00:00Z'/>",
    ),
    _presence(
        "presence-gone",
        "directed unavailable presence",
        "RFC 6121, 4.6",
        "unavailable",
        "<status>Copper?</status>",
    ),
    _presence("presence-probe", "a probe", "RFC 6121, 4.3", "probe", discloses=_EXISTS),
    _presence("presence-error", "an error of presence", "RFC 6120, 8.3.1", "error", "<error type='cancel'/>"),
    _subscription("subscribe", "a request to subscribe", "RFC 6121, 3.1", "<status>Copper?</status>"),
    _subscription("subscribed", "a subscription granted, or granted before it is asked for", "RFC 6121, 3.4"),
    _subscription("unsubscribe", "the end of a subscription", "RFC 6121, 3.3"),
    _subscription("unsubscribed", "a subscription taken away", "RFC 6121, 3.2"),
    Path(
        "roster-set",
        "a contact added to one's own roster",
        "RFC 6121, 2.3",
        (
            Template(
                "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{target}' name='T'/></query></iq>"
            ),
            Template(
                "<iq type='set' to='{own}'><query xmlns='jabber:iq:roster'>"
                "<item jid='{target_full}'><group>Desk</group></item></query></iq>"
            ),
        ),
        "that the target exists, to the sender",
        Through.NAME,
        ways=(Way.C2S,),
    ),
    Path(
        "roster-get",
        "one's own roster",
        "RFC 6121, 2.2",
        (Template("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>"),),
        "who was a contact before, to the sender",
        Through.ACCOUNT,
        Closed.HARMLESS,
        (Way.C2S,),
    ),
    Path(
        "roster-of-target",
        "the target's roster",
        "RFC 6121, 2.1.3",
        (
            Template("<iq type='get' to='{target}'><query xmlns='jabber:iq:roster'/></iq>"),
            Template(
                "<iq type='set' to='{target}'><query xmlns='jabber:iq:roster'><item jid='{own}'/></query></iq>"
            ),
            Template(
                "<iq type='set' to='{target_full}'><query xmlns='jabber:iq:roster'>"
                "<item jid='{own}' subscription='both'/></query></iq>"
            ),
        ),
        "the target's contacts, to the sender",
    ),
    Path(
        "contact-offer-named",
        "the target suggested as a contact",
        "XEP-0144",
        (
            Template(
                "<message to='{own}'><x xmlns='http://jabber.org/protocol/rosterx'>"
                "<item action='add' jid='{target}'/></x></message>"
            ),
            Template(
                "<iq type='set' to='{sender}'><x xmlns='http://jabber.org/protocol/rosterx'>"
                "<item action='add' jid='{target}'/></x></iq>"
            ),
        ),
        "that the target exists, to a colleague of the sender's",
        Through.NAME,
    ),
    _made(
        "presence-broadcast",
        "presence to whom an old roster entry names",
        "RFC 6121, 4.2.2",
        "<presence to='{target}'><status>Copper?</status></presence>",
        "<presence type='unavailable' to='{target}'/>",
    ),
    _made(
        "presence-probed",
        "a probe of whom an old roster entry names, and its answer",
        "RFC 6121, 4.3",
        "<presence type='probe' from='{own}' to='{target}'/>",
        "<presence from='{target_full}' to='{own}'/>",
        discloses=_EXISTS,
    ),
    _made(
        "subscription-made",
        "what a roster's removal, or a request that still waits, tells the other side",
        "RFC 6121, 2.5",
        "<presence type='unsubscribe' from='{own}' to='{target}'/>",
        "<presence type='unsubscribed' from='{own}' to='{target}'/>",
        "<presence type='subscribe' from='{own}' to='{target}'/>",
    ),
)
