"""Paths through servers: what a domain tells of itself and of its people, and what it would do for a stranger."""

from policy.facts import Way
from policy.paths.path import Closed, Path, Template, Through, make_requests

_TELLS = "which services and people the other enterprise has, to the sender"
_DOES = "what the other enterprise's server would do for the sender"
_COMMANDS = "http://jabber.org/protocol/commands"


def _server(
    id_: str,
    title: str,
    xep: str,
    *payloads: str,
    type_: str = "get",
    to: str = "{target_domain}",
    discloses: str = _TELLS,
) -> Path:
    return Path(id_, title, xep, make_requests(type_, payloads, (to,)), discloses, Through.SERVER)


def _own_server(
    id_: str, title: str, xep: str, *stanzas: str, discloses: str, ways: tuple[Way, ...] = (Way.C2S,)
) -> Path:
    """Return a path of stanzas to the sender's own server that it answers for nobody."""
    return Path(id_, title, xep, tuple(map(Template, stanzas)), discloses, Through.NAME, Closed.SERVER, ways)


def _command(node: str, to: str = "{own_domain}") -> str:
    """Return a command about the target's account (XEP-0133), with its form filled in at once."""
    return (
        f"<iq type='set' to='{to}'><command xmlns='{_COMMANDS}' "
        f"node='http://jabber.org/protocol/admin#{node}' action='execute'>"
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
        "<value>http://jabber.org/protocol/admin</value>"
        "</field><field var='accountjid'><value>{target}</value></field></x></command></iq>"
    )


SERVERS = (
    _server(
        "server-info",
        "what the target's server can do",
        "XEP-0030, 3",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    ),
    _server(
        "server-items",
        "the services of the target's server",
        "XEP-0030, 4",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    ),
    _server(
        "server-version",
        "its version, time and uptime",
        "XEP-0092, XEP-0202, XEP-0012",
        "<query xmlns='jabber:iq:version'/>",
        "<time xmlns='urn:xmpp:time'/>",
        "<query xmlns='jabber:iq:last'/>",
        "<ping xmlns='urn:xmpp:ping'/>",
        "<vCard xmlns='vcard-temp'/>",
        "<query xmlns='http://jabber.org/protocol/stats'/>",
    ),
    _server(
        "server-commands",
        "its commands",
        "XEP-0050",
        f"<query xmlns='http://jabber.org/protocol/disco#items' node='{_COMMANDS}'/>",
    ),
    _server(
        "server-command",
        "a command run at it",
        "XEP-0133",
        f"<command xmlns='{_COMMANDS}' node='http://jabber.org/protocol/admin#get-online-users-list'/>",
        type_="set",
    ),
    _server(
        "server-search",
        "a search for its people",
        "XEP-0055",
        "<query xmlns='jabber:iq:search'/>",
        "<query xmlns='jabber:iq:browse'/>",
    ),
    _server(
        "server-register",
        "an account at it",
        "XEP-0077",
        "<query xmlns='jabber:iq:register'/>",
        discloses=_DOES,
    ),
    _server(
        "server-roster",
        "rosters and lists that it keeps",
        "RFC 6121, 2",
        "<query xmlns='jabber:iq:roster'/>",
        "<blocklist xmlns='urn:xmpp:blocking'/>",
        "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>",
    ),
    _server(
        "server-relays",
        "its relays for calls",
        "XEP-0215",
        "<services xmlns='urn:xmpp:extdisco:2'/>",
        discloses=_DOES,
    ),
    _server("server-archive", "its archive", "XEP-0313", "<query xmlns='urn:xmpp:mam:2'/>", type_="set"),
    _server(
        "server-nodes",
        "its nodes",
        "XEP-0060",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'/></pubsub>",
    ),
    _server(
        "upload",
        "room for a file at its upload service",
        "XEP-0363",
        "<request xmlns='urn:xmpp:http:upload:0' filename='a.pdf' size='1'/>",
        discloses=_DOES,
    ),
    _server(
        "upload-service",
        "room for a file at a service below it",
        "XEP-0363",
        "<request xmlns='urn:xmpp:http:upload:0' filename='a.pdf' size='1'/>",
        to="files.{target_domain}",
        discloses=_DOES,
    ),
    _server(
        "proxy",
        "its bytestream proxy",
        "XEP-0065",
        "<query xmlns='http://jabber.org/protocol/bytestreams'/>",
        to="proxy.{target_domain}",
        discloses=_DOES,
    ),
    _server(
        "room-list",
        "its rooms",
        "XEP-0045, 6.3",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        "<query xmlns='jabber:iq:search'/>",
        to="{rooms_domain}",
    ),
    _server(
        "room-name",
        "a name for a new room of its",
        "XEP-0307",
        "<unique xmlns='http://jabber.org/protocol/muc#unique'/>",
        to="{rooms_domain}",
        discloses=_DOES,
    ),
    Path(
        "server-message",
        "a message to its operators, or to all of its people",
        "RFC 6121, 8.4",
        (
            Template("<message to='{target_domain}'><body>Copper?</body></message>"),
            Template(
                "<message to='{target_domain}/announce/all'><subject>Copper</subject><body>Copper?</body></message>"
            ),
            Template("<message to='{target_domain}/announce/online'><body>Copper?</body></message>"),
        ),
        "what is said, to all of the target's colleagues",
        Through.SERVER,
    ),
    Path(
        "server-presence",
        "presence to it",
        "RFC 6121, 4.6",
        (
            Template("<presence to='{target_domain}'/>"),
            Template("<presence type='subscribe' to='{target_domain}'/>"),
            Template("<presence type='probe' to='{target_domain}'/>"),
        ),
        _TELLS,
        Through.SERVER,
    ),
    Path(
        "push",
        "each message told to a service of the target's",
        "XEP-0357",
        (
            Template("<iq type='set'><enable xmlns='urn:xmpp:push:0' jid='{target_domain}' node='n'/></iq>"),
            Template(
                "<iq type='set'><enable xmlns='urn:xmpp:push:0' jid='push.{target_domain}' node='n'/></iq>"
            ),
        ),
        "who writes to the sender and what, to the other enterprise",
        Through.SERVER,
        ways=(Way.C2S,),
    ),
    _own_server(
        "own-commands-about",
        "a command of one's own server about the target's account",
        "XEP-0133",
        _command("get-user-roster"),
        _command("user-stats"),
        _command("get-user-lastlogin"),
        _command("end-user-session"),
        discloses="the target's contacts and addresses, to the sender",
    ),
    _own_server(
        "own-announce",
        "a message to all of the server's people",
        "XEP-0133, 4.23",
        "<message to='{own_domain}/announce/all'><body>Copper?</body></message>",
        "<message to='{own_domain}/announce/online'><body>Copper?</body></message>",
        discloses="what is said, to the target",
    ),
    _own_server(
        "own-search",
        "a search of one's own server for the target",
        "XEP-0055",
        "<iq type='set' to='{own_domain}'><query xmlns='jabber:iq:search'><nick>{target_name}</nick></query></iq>",
        discloses="that the target exists, to the sender",
    ),
    _own_server(
        "own-invites",
        "an invitation to make an account",
        "XEP-0401",
        f"<iq type='set' to='{{own_domain}}'>"
        f"<command xmlns='{_COMMANDS}' node='urn:xmpp:invite#create-account' action='execute'/></iq>",
        f"<iq type='set' to='{{own_domain}}'>"
        f"<command xmlns='{_COMMANDS}' node='urn:xmpp:invite#invite' action='execute'/></iq>",
        discloses="the line itself, to somebody whom nobody approved",
    ),
    _own_server(
        "own-register",
        "an account made, changed or removed in band",
        "XEP-0077",
        "<iq type='get' to='{own_domain}'><query xmlns='jabber:iq:register'/></iq>",
        "<iq type='set' to='{own_domain}'><query xmlns='jabber:iq:register'>"
        "<username>{target_name}</username><password>p</password></query></iq>",
        discloses="whether a name is taken, to the sender",
    ),
    _own_server(
        "own-proxy",
        "a bytestream to the target put through",
        "XEP-0065, 6.3.5",
        "<iq type='set' to='proxy.{own_domain}'>"
        "<query xmlns='http://jabber.org/protocol/bytestreams' sid='b1'><activate>{target_full}</activate>"
        "</query></iq>",
        discloses="a file, to the target",
    ),
    _own_server(
        "own-items",
        "the services of one's own server",
        "XEP-0030, 4",
        "<iq type='get' to='{own_domain}'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
        discloses="which services other enterprises on the same server have, to the sender",
    ),
)
