"""People who come to know one another before borders come between them; `before` and `after` are the directories."""

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.support.stream import XmppStream, show
from tests.support.two_sites import TwoSites
from tests.support.walk import settle

SITES = (("metals.example", "grain.example"), ("zurich.example",))
DOMAINS = ("metals.example", "zurich.example")  # which federate
ALICE, ANNA, BOB, CAROL = (f"{name}@metals.example" for name in ("alice", "anna", "bob", "carol"))
RITA, OLAF, DAN = (f"{name}@metals.example" for name in ("rita", "olaf", "dan"))
GEORGE, ZOE, YANN = "george@grain.example", "zoe@zurich.example", "yann@zurich.example"
PEOPLE = (ALICE, ANNA, BOB, CAROL, RITA, OLAF, DAN, GEORGE, ZOE, YANN)
PIT, RESEARCH, LUNCH = (f"{name}@rooms.metals.example" for name in ("pit", "research", "lunch"))
EVE, PARLOUR = "eve@stranger.example", "parlour@rooms.stranger.example"
FLOOR = "floor@rooms.grain.example"
ROOMS = (PIT, RESEARCH, LUNCH, FLOOR)

# Who must not be reached after the change, and in which room they are; for each a name that nobody ever had.
FORBIDDEN = {
    "barred": (RITA, RESEARCH, "nobody@metals.example", "nowhere@rooms.metals.example"),
    "barred at another site": (YANN, RESEARCH, "nobody@zurich.example", "nowhere@rooms.metals.example"),
    "departed": (DAN, LUNCH, "nobody@metals.example", "nowhere@rooms.metals.example"),
    "other enterprise": (GEORGE, FLOOR, "nobody@grain.example", "nowhere@rooms.grain.example"),
    "stranger domain": (EVE, PARLOUR, "nobody@stranger.example", "nowhere@rooms.stranger.example"),
}
OCCUPANTS = {
    PIT: (ALICE, BOB, RITA, GEORGE, DAN, YANN),
    RESEARCH: (RITA, ALICE),
    FLOOR: (GEORGE, ALICE),
    LUNCH: (DAN, ALICE),
}
_MUC = "http://jabber.org/protocol/muc"
COLLEAGUES = {"same desk": BOB, "other desk": CAROL, "other site": ZOE}
MOOD = "http://jabber.org/protocol/mood"
NODES = {
    MOOD: "<mood xmlns='http://jabber.org/protocol/mood'><happy/></mood>",
    "urn:xmpp:avatar:metadata": "<metadata xmlns='urn:xmpp:avatar:metadata'><info id='1' bytes='1' type='image/png'/>"
    "</metadata>",
    "urn:xmpp:vcard4": "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>SECRET</text></fn></vcard>",
}
_OPTIONS = (
    "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
    "<value>http://jabber.org/protocol/pubsub#publish-options</value></field>"
    "<field var='pubsub#access_model'><value>open</value></field></x></publish-options>"
)


def ring_of(colleague: str) -> str:
    """The room that somebody meets Anna in."""
    return f"ring-{colleague.partition('@')[0]}@rooms.metals.example"


def _table(kind: str, firm: str, **values: str) -> str:
    return "\n".join(
        [f"[[enterprise.{firm}.{kind}]]", *(f"{key} = {value}" for key, value in values.items())]
    )


def _person(firm: str, jid: str, desk: str = "") -> str:
    more = {"desk": f'"{desk}"'} if desk else {}
    return _table("person", firm, jid=f'"{jid}"', name=f'"{jid}"', roles='["trader"]', **more)


def before(gate: str) -> str:
    """All of them in one enterprise without a border."""
    sites = ", ".join(
        f'{{ domain = "{each}", rooms = "rooms.{each}" }}'
        for each in ("metals.example", "grain.example", "zurich.example")
    )
    head = [f'gate = "{gate}"', "[enterprise.metals]", 'name = "Metals"', f"sites = [{sites}]"]
    rooms = (_table("room", "metals", jid=f'"{room}"', name='"Room"') for room in ROOMS)
    return "\n".join([*head, *(_person("metals", jid) for jid in PEOPLE), *rooms])


def after(gate: str) -> str:
    """Grain is another enterprise, research is behind a barrier, and Dan has left."""
    lines = [
        f'gate = "{gate}"',
        "[enterprise.metals]",
        'name = "Metals"',
        'sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }, '
        '{ domain = "zurich.example", rooms = "rooms.zurich.example" }]',
        "[enterprise.grain]",
        'name = "Grain"',
        'sites = [{ domain = "grain.example", rooms = "rooms.grain.example" }]',
    ]
    desks = {"base": (ALICE, ANNA, BOB, ZOE), "precious": (CAROL,), "research": (RITA, OLAF, YANN)}
    for desk, people in desks.items():
        lines.append(_table("desk", "metals", id=f'"{desk}"', name='"Desk"'))
        lines += (_person("metals", jid, desk) for jid in people)
    lines += [
        _table(
            "barrier",
            "metals",
            id='"research"',
            sides='[{ desks = ["base", "precious"] }, { desks = ["research"] }]',
        ),
        _table("room", "metals", jid=f'"{PIT}"', name='"Pit"', desks='["base", "precious"]'),
        _table("room", "metals", jid=f'"{RESEARCH}"', name='"Research"', desks='["research"]'),
        *(
            _table("room", "metals", jid=f'"{ring}"', name='"Ring"', desks='["base", "precious"]')
            for ring in map(ring_of, COLLEAGUES.values())
        ),
        _person("grain", GEORGE),
        _table("room", "grain", jid=f'"{FLOOR}"', name='"Floor"'),
    ]
    return "\n".join(lines)


@dataclass
class Line:
    """The line after the change: everybody's session, by bare JID, with a second one for those behind a border."""

    sites: TwoSites
    sessions: dict[str, XmppStream] = field(default_factory=dict)
    phones: dict[str, XmppStream] = field(default_factory=dict)

    @property
    def streams(self) -> list[XmppStream]:
        """All sessions."""
        return [*self.sessions.values(), *self.phones.values()]


def befriend_all(sites: TwoSites) -> None:
    """Put everybody into everybody's roster."""
    for server in sites.servers:
        for one, other in itertools.combinations(PEOPLE, 2):
            server.befriend(one, other)


async def log_in(line: Line, people: Iterable[str]) -> None:
    """Begin two sessions of each, and publish what they have."""

    async def begin(jid: str) -> None:
        line.sessions[jid] = stream = await line.sites.login(f"{jid}/desk")
        line.phones[jid] = await line.sites.login(f"{jid}/phone")
        for node, item in NODES.items():
            await stream.request("set", publication(node, item))
        await stream.request("set", "<vCard xmlns='vcard-temp'><FN>SECRET</FN></vCard>")

    await asyncio.gather(*map(begin, people))


async def tie(line: Line) -> None:
    """Let everybody come to know everybody: presence, nodes, rooms, and messages that still wait."""
    await log_in(line, (jid for jid in PEOPLE if jid != OLAF))
    for room, people in OCCUPANTS.items():
        for jid in people:
            nick = "target" if room != PIT and jid != ALICE else jid.partition("@")[0]
            await enter(line.sessions[jid], room, nick)
    for name in (ALICE, DAN, RITA):
        body = f"{name.partition('@')[0]} while Olaf was away"
        line.sessions[name].send(f"<message type='chat' to='{OLAF}'><body>{body}</body></message>")
    await settle(line.streams, DOMAINS)


def publication(node: str, item: str) -> str:
    """Write what publishes an item for everybody to read."""
    return (
        f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{node}'>"
        f"<item id='current'>{item}</item></publish>{_OPTIONS}</pubsub>"
    )


async def enter(stream: XmppStream, room: str, nick: str) -> None:
    """Enter a room, or make it."""
    stream.send(f"<presence to='{room}/{nick}'><x xmlns='{_MUC}'/></presence>")
    await stream.expect(lambda each: (each.get("from") or "").startswith(room) and "110" in show(each))
    form = "<x xmlns='jabber:x:data' type='submit'/>"
    # Of the first, it makes the room; others are refused.
    await stream.request("set", f"<query xmlns='{_MUC}#owner'>{form}</query>", to=room)
