"""Paths through nodes: a person's own (PEP), whom they let in, and what is published about them."""

from collections.abc import Iterable, Iterator

from policy.facts import Way
from policy.paths.path import Closed, Path, Template, Through, make_requests

_PUBSUB = "http://jabber.org/protocol/pubsub"
_DISCO = "http://jabber.org/protocol/disco"
_DATA = "what the target publishes, to the sender"
_PUBLISHED = "what the sender publishes, to the target"
_NODES = (
    "urn:xmpp:avatar:metadata",
    "urn:xmpp:avatar:data",
    "urn:xmpp:vcard4",
    "http://jabber.org/protocol/nick",
    "http://jabber.org/protocol/mood",
    "http://jabber.org/protocol/tune",
    "http://jabber.org/protocol/geoloc",
    "http://jabber.org/protocol/activity",
    "urn:xmpp:bookmarks:1",
    "urn:xmpp:microblog:0",
    "storage:bookmarks",
)
_NODE = "http://jabber.org/protocol/mood"
_ITEM = "<item id='current'><mood xmlns='http://jabber.org/protocol/mood'><happy/></mood></item>"
_OPEN = (
    "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
    "<value>http://jabber.org/protocol/pubsub#{form}</value></field>"
    "<field var='pubsub#access_model'><value>{model}</value></field></x>"
)


def _form(form: str, model: str) -> str:
    return _OPEN.replace("{form}", form).replace("{model}", model)


def _pubsub(xmlns: str, payloads: Iterable[str]) -> Iterator[str]:
    return (f"<pubsub xmlns='{xmlns}'>{payload}</pubsub>" for payload in payloads)


def _of_target(id_: str, title: str, xep: str, type_: str, *payloads: str, owner: bool = False) -> Path:
    """Return a path of requests to the target's own nodes."""
    xmlns = _PUBSUB + ("#owner" if owner else "")
    requests = make_requests(type_, _pubsub(xmlns, payloads), ("{target}",))
    return Path(id_, title, xep, requests, _DATA)


def _let_in(id_: str, title: str, xep: str, *payloads: str) -> Path:
    """Return a path of requests to one's own nodes that name the target."""
    requests = make_requests("set", _pubsub(f"{_PUBSUB}#owner", payloads), ("", "{own}"))
    return Path(id_, title, xep, requests, _PUBLISHED, Through.NAME, ways=(Way.C2S,))


NODES = (
    _of_target(
        "node-items",
        "items of the target's nodes: picture, card, mood, tune, location, bookmarks",
        "XEP-0060, 6.5",
        "get",
        *(f"<items node='{node}'/>" for node in _NODES),
    ),
    _of_target(
        "node-item",
        "one item of a node of the target's",
        "XEP-0084, 4.2.3",
        "get",
        "<items node='urn:xmpp:avatar:data'><item id='1'/></items>",
    ),
    _of_target(
        "node-subscribe",
        "a subscription to a node of the target's",
        "XEP-0060, 6.1",
        "set",
        f"<subscribe node='{_NODE}' jid='{{own}}'/>",
        f"<unsubscribe node='{_NODE}' jid='{{own}}'/>",
        f"<options node='{_NODE}' jid='{{own}}'/>",
    ),
    _of_target(
        "node-publish",
        "an item for a node of the target's",
        "XEP-0060, 7.1",
        "set",
        f"<publish node='{_NODE}'>{_ITEM}</publish>",
        f"<retract node='{_NODE}'><item id='current'/></retract>",
    ),
    _of_target(
        "node-subscriptions",
        "one's subscriptions at the target",
        "XEP-0060, 5.6",
        "get",
        "<subscriptions/>",
        "<affiliations/>",
        "<default/>",
    ),
    _of_target("node-create", "a node made at the target", "XEP-0060, 8.1", "set", "<create node='n'/>"),
    _of_target(
        "node-configure",
        "a node of the target's, its form, its readers, its end",
        "XEP-0060, 8",
        "set",
        f"<configure node='{_NODE}'/>",
        f"<affiliations node='{_NODE}'/>",
        f"<delete node='{_NODE}'/>",
        f"<purge node='{_NODE}'/>",
        owner=True,
    ),
    _of_target(
        "node-form",
        "what a node of the target's is like",
        "XEP-0060, 8.2",
        "get",
        f"<configure node='{_NODE}'/>",
        f"<affiliations node='{_NODE}'/>",
        f"<subscriptions node='{_NODE}'/>",
        owner=True,
    ),
    Path(
        "node-disco",
        "the target's nodes, listed",
        "XEP-0060, 5",
        make_requests(
            "get",
            (f"<query xmlns='{_DISCO}#{each}' node='{_NODE}'/>" for each in ("items", "info")),
            ("{target}",),
        ),
        _DATA,
    ),
    _let_in(
        "node-reader",
        "the target made a reader of one's own node",
        "XEP-0060, 8.9",
        f"<affiliations node='{_NODE}'><affiliation jid='{{target}}' affiliation='member'/></affiliations>",
    ),
    _let_in(
        "node-subscriber",
        "the target subscribed to one's own node",
        "XEP-0060, 8.8",
        f"<subscriptions node='{_NODE}'><subscription jid='{{target}}' subscription='subscribed'/></subscriptions>",
    ),
    Path(
        "node-open",
        "one's own node published, or opened to everybody",
        "XEP-0223, XEP-0060, 4.5",
        (
            Template(
                f"<iq type='set'><pubsub xmlns='{_PUBSUB}'><publish node='{_NODE}'>{_ITEM}</publish></pubsub></iq>"
            ),
            Template(
                f"<iq type='set'><pubsub xmlns='{_PUBSUB}'><publish node='{_NODE}'>{_ITEM}</publish>"
                f"<publish-options>{_form('publish-options', 'open')}</publish-options></pubsub></iq>"
            ),
            Template(
                f"<iq type='set'><pubsub xmlns='{_PUBSUB}#owner'><configure node='{_NODE}'>"
                f"{_form('node_config', 'open')}</configure></pubsub></iq>"
            ),
        ),
        _PUBLISHED,
        Through.ACCOUNT,
        Closed.HARMLESS,
        (Way.C2S,),
    ),
    Path(
        "node-notified",
        "what is published, to whom an old roster entry or +notify names",
        "XEP-0163, 4",
        (
            Template(
                f"<message type='headline' from='{{own}}' to='{{target_full}}'><event xmlns='{_PUBSUB}#event'>"
                f"<items node='{_NODE}'>{_ITEM}</items></event></message>"
            ),
            Template(
                f"<message type='headline' from='{{own}}' to='{{target}}'><event xmlns='{_PUBSUB}#event'>"
                f"<items node='{_NODE}'><retract id='current'/></items></event></message>"
            ),
        ),
        _PUBLISHED,
        closed=Closed.BORDER,
        ways=(Way.SERVER,),
    ),
)
