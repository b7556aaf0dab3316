"""Paths of requests to another person's account or device, and of answers nobody asked for."""

from policy.facts import Way
from policy.paths.path import Closed, Path, Through, make_requests

_EXISTS = "that the target exists and what its client is, to the sender"
_DATA = "data of the target's, to the sender"
_OFFER = "an offer of the sender's, to the target"


def _query(
    id_: str, title: str, xep: str, *payloads: str, type_: str = "get", discloses: str = _EXISTS
) -> Path:
    """Return a path of requests with these payloads, to the target's account and to one of its devices."""
    requests = make_requests(type_, payloads, ("{target}", "{target_full}"))
    return Path(id_, title, xep, requests, discloses)


def _own(id_: str, title: str, xep: str, *payloads: str, type_: str = "get") -> Path:
    """Return a path of requests to the sender's own account, which name the target and get nothing of it."""
    discloses = "what the account keeps itself, to the sender"
    return Path(
        id_,
        title,
        xep,
        make_requests(type_, payloads),
        discloses,
        Through.ACCOUNT,
        Closed.HARMLESS,
        (Way.C2S,),
    )


def _call(app: str, transport: str) -> str:
    return (
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='j1'><content creator='initiator' name='a'>"
        f"<description xmlns='urn:xmpp:jingle:apps:{app}'/>"
        f"<transport xmlns='urn:xmpp:jingle:transports:{transport}'/></content></jingle>"
    )


def _archive(with_: str) -> str:
    return (
        "<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'>"
        "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>"
        f"<field var='with'><value>{with_}</value></field></x></query>"
    )


QUERIES = (
    _query(
        "disco-info",
        "what the target's client can do",
        "XEP-0030, 3",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    ),
    _query(
        "disco-items",
        "what the target offers",
        "XEP-0030, 4",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    ),
    _query(
        "caps",
        "entity capabilities looked up",
        "XEP-0115, 6.2",
        "<query xmlns='http://jabber.org/protocol/disco#info' node='https://a.example#1'/>",
    ),
    _query("version", "the client's version", "XEP-0092", "<query xmlns='jabber:iq:version'/>"),
    _query(
        "time",
        "the client's time",
        "XEP-0202",
        "<time xmlns='urn:xmpp:time'/>",
        "<query xmlns='jabber:iq:time'/>",
    ),
    _query("last-activity", "when the target was last seen", "XEP-0012", "<query xmlns='jabber:iq:last'/>"),
    _query("ping", "a ping", "XEP-0199", "<ping xmlns='urn:xmpp:ping'/>"),
    _query("vcard", "the target's card", "XEP-0054", "<vCard xmlns='vcard-temp'/>", discloses=_DATA),
    _query(
        "vcard-set",
        "another card for the target",
        "XEP-0054",
        "<vCard xmlns='vcard-temp'><FN>X</FN></vCard>",
        type_="set",
        discloses=_OFFER,
    ),
    _query(
        "vcard4",
        "the target's card in its newer form",
        "XEP-0292",
        "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/>",
        discloses=_DATA,
    ),
    _query(
        "avatar-old",
        "the target's picture, as it was before PEP",
        "XEP-0008",
        "<query xmlns='jabber:iq:avatar'/>",
        discloses=_DATA,
    ),
    _query(
        "bytes-query",
        "a picture by its hash",
        "XEP-0231",
        "<data xmlns='urn:xmpp:bob' cid='sha1+8f35fef1@bob.xmpp.org'/>",
        discloses=_DATA,
    ),
    _query(
        "archive-of-target",
        "the target's archive",
        "XEP-0313",
        "<query xmlns='urn:xmpp:mam:2'/>",
        _archive("{own}"),
        type_="set",
        discloses=_DATA,
    ),
    _query(
        "archive-form",
        "which fields the target's archive has",
        "XEP-0313, 4.1",
        "<query xmlns='urn:xmpp:mam:2'/>",
    ),
    _query(
        "private-of-target",
        "the target's private storage",
        "XEP-0049",
        "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>",
        discloses=_DATA,
    ),
    _query(
        "blocking-of-target",
        "the target's block list",
        "XEP-0191",
        "<blocklist xmlns='urn:xmpp:blocking'/>",
        discloses=_DATA,
    ),
    _query(
        "account-of-target", "the target's account form", "XEP-0077", "<query xmlns='jabber:iq:register'/>"
    ),
    _query(
        "account-removed",
        "the target's account removed",
        "XEP-0077, 3.2",
        "<query xmlns='jabber:iq:register'><remove/></query>",
        type_="set",
        discloses=_OFFER,
    ),
    _query(
        "search", "a search at the target", "XEP-0055", "<query xmlns='jabber:iq:search'/>", discloses=_DATA
    ),
    _query(
        "commands",
        "the target's commands",
        "XEP-0050",
        "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>",
    ),
    _query(
        "command",
        "a command run at the target",
        "XEP-0050",
        "<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/rc#forward'/>",
        type_="set",
        discloses=_DATA,
    ),
    _query(
        "rpc",
        "a call of a procedure",
        "XEP-0009",
        "<query xmlns='jabber:iq:rpc'><methodCall><methodName>a</methodName></methodCall></query>",
        type_="set",
        discloses=_OFFER,
    ),
    _query(
        "call",
        "a call, a file or a screen by Jingle",
        "XEP-0166",
        _call("rtp:1", "ice-udp:1"),
        _call("file-transfer:5", "s5b:1"),
        _call("file-transfer:5", "ibb:1"),
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='j1'/>",
        type_="set",
        discloses=_OFFER,
    ),
    _query(
        "call-external",
        "what relays the target would use",
        "XEP-0215",
        "<services xmlns='urn:xmpp:extdisco:2'/>",
    ),
    _query(
        "file-offer",
        "a file offered by stream initiation",
        "XEP-0095",
        "<si xmlns='http://jabber.org/protocol/si' id='s1' profile='http://jabber.org/protocol/si/profile/file-transfer'>"
        "<file xmlns='http://jabber.org/protocol/si/profile/file-transfer' name='a.pdf' size='1'/></si>",
        type_="set",
        discloses=_OFFER,
    ),
    _query(
        "file-link",
        "a file offered as a link",
        "XEP-0066, 3",
        "<query xmlns='jabber:iq:oob'><url>https://files.example/1</url></query>",
        type_="set",
        discloses=_OFFER,
    ),
    _query(
        "byte-stream",
        "a bytestream, in band or through a proxy",
        "XEP-0047, XEP-0065",
        "<open xmlns='http://jabber.org/protocol/ibb' sid='i1' block-size='4096'/>",
        "<data xmlns='http://jabber.org/protocol/ibb' sid='i1' seq='0'>AA==</data>",
        "<close xmlns='http://jabber.org/protocol/ibb' sid='i1'/>",
        "<query xmlns='http://jabber.org/protocol/bytestreams' sid='b1'>"
        "<streamhost jid='{sender}' host='127.0.0.1' port='7777'/></query>",
        type_="set",
        discloses=_OFFER,
    ),
    _query(
        "contact-offer-iq",
        "contacts handed over",
        "XEP-0144, 3",
        "<x xmlns='http://jabber.org/protocol/rosterx'><item action='add' jid='{own}'/></x>",
        type_="set",
        discloses=_OFFER,
    ),
    _query(
        "confirm-iq",
        "a request to confirm",
        "XEP-0070",
        "<confirm xmlns='http://jabber.org/protocol/http-auth' id='1' method='GET' url='https://files.example'/>",
        discloses=_OFFER,
    ),
    _query(
        "answer",
        "an answer nobody asked for",
        "RFC 6120, 8.2.3",
        "<query xmlns='jabber:iq:version'><name>Copper?</name></query>",
        type_="result",
        discloses=_OFFER,
    ),
    _query(
        "answer-error",
        "an error nobody asked for, with what it answers",
        "RFC 6120, 8.3",
        "<query xmlns='jabber:iq:version'><name>Copper?</name></query><error type='cancel'>"
        "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        type_="error",
        discloses=_OFFER,
    ),
    _query(
        "unknown",
        "a request that no specification has",
        "RFC 6120, 8.2.3",
        "<query xmlns='urn:example:unknown'/>",
    ),
    _own(
        "archive-with",
        "one's own archive, of what was said with the target",
        "XEP-0313, 4.1.1",
        _archive("{target}"),
        type_="set",
    ),
    _own(
        "private",
        "one's own private storage",
        "XEP-0049",
        "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>",
    ),
    _own(
        "private-set",
        "a bookmark of the target's, kept in private",
        "XEP-0049",
        "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>"
        "<url name='T' url='xmpp:{target}'/></storage></query>",
        type_="set",
    ),
    _own(
        "block",
        "the target blocked",
        "XEP-0191",
        "<block xmlns='urn:xmpp:blocking'><item jid='{target}'/></block>",
        type_="set",
    ),
    _own(
        "unblock",
        "the target unblocked, which makes clients show themselves again",
        "XEP-0191, 3.4",
        "<unblock xmlns='urn:xmpp:blocking'><item jid='{target}'/></unblock>",
        type_="set",
    ),
    _own("carbons", "carbons switched on", "XEP-0280", "<enable xmlns='urn:xmpp:carbons:2'/>", type_="set"),
    _own("card-of-own", "one's own card", "XEP-0054", "<vCard xmlns='vcard-temp'/>"),
)
