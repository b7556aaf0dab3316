"""The module for kept rosters, as an entity and as clients meet it on a real server (docs/roster.md, section 5)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from components.link.entity import EntityLink, XmppError
from components.link.stream import ComponentLogin
from components.site.parts import KEEPS_ROSTERS
from components.site.prosody import PlannedComponent
from tests.support.ejabberd import EjabberdServer
from tests.support.process import PATIENCE_S
from tests.support.prosody import ProsodyServer, private_plan
from tests.support.roster_site import fetch_roster, is_presence, is_push
from tests.support.server import private_server
from tests.support.stream import XmppStream

ENTITY, OTHER = "roster.metals.example", "other.metals.example"
ALICE, BOB = "alice@metals.example", "bob@metals.example"
NOBODY = "nobody@metals.example"
ROSTER = "{jabber:iq:roster}"


class Entities:
    """The entity that keeps the rosters, one that does not, and the server that both are on."""

    def __init__(self, server: ProsodyServer | EjabberdServer, stack: AsyncExitStack) -> None:
        self.server = server
        self.pushed: asyncio.Queue[ET.Element] = asyncio.Queue()
        self._stack = stack

    async def connect(self, jid: str) -> EntityLink:
        up = asyncio.Event()
        port = self.server.plan.component_port
        login = ComponentLogin(jid, "s3cret", "127.0.0.1", port)
        link = EntityLink(login, on_state=lambda is_up: up.set() if is_up else None)

        async def take(request: object) -> None:
            self.pushed.put_nowait(request.payload)  # type: ignore[attr-defined]

        link.serve(f"{ROSTER}query", take)
        link.open()
        self._stack.push_async_callback(link.close)
        async with asyncio.timeout(PATIENCE_S):
            await up.wait()
        return link

    async def login(self, jid: str) -> XmppStream:
        stream = await XmppStream.login(self.server.address, jid)
        self._stack.push_async_callback(stream.close)
        await fetch_roster(stream)
        await stream.come_online()
        return stream


@pytest.fixture
async def entities(tmp_path: Path) -> AsyncIterator[Entities]:
    plan = private_plan(
        tmp_path / "prosody",
        components=(PlannedComponent(ENTITY, "s3cret", KEEPS_ROSTERS), PlannedComponent(OTHER, "s3cret")),
    )
    async with private_server(plan) as server, AsyncExitStack() as stack:
        server.register(ALICE, BOB)
        yield Entities(server, stack)


def query(*items: dict[str, str]) -> ET.Element:
    element = ET.Element(f"{ROSTER}query")
    element.extend(ET.Element(f"{ROSTER}item", each) for each in items)
    return element


def contact(jid: str, **more: str) -> dict[str, str]:
    return {"jid": jid, "subscription": "both", **more}


async def test_what_an_entity_may_do_and_what_clients_see(entities: Entities) -> None:
    keeper = await entities.connect(ENTITY)
    await _refuses_what_is_wrong(keeper)
    await _refuses_others(entities)
    alice = await entities.login(f"{ALICE}/desk")
    bob = await entities.login(f"{BOB}/desk")
    await _versions_each_push(keeper, alice)
    await _shows_presence_with_the_second_half(keeper, alice, bob)
    await _tells_what_a_client_changes(entities, keeper, alice)
    await _empties(keeper, alice, bob)
    for client in (alice, bob):
        assert not [each for each in client.received if each.tag.endswith("}message")]


async def _refuses_what_is_wrong(keeper: EntityLink) -> None:
    wrong = {
        "own": (ALICE, query(contact(BOB), contact(ALICE)), "bad-request"),
        "resource": (ALICE, query(contact(BOB), contact(f"{BOB}/desk")), "bad-request"),
        "no JID": (ALICE, query(contact(BOB), {"subscription": "both"}), "bad-request"),
        "nothing": (ALICE, query(), "bad-request"),
        "no account": (NOBODY, query(contact(BOB)), "item-not-found"),
        "nothing to empty": ("metals.example", _empty(ALICE), "item-not-found"),
        "nobody to empty": ("metals.example", _empty(NOBODY), "item-not-found"),
        "not of this host": ("metals.example", _empty("alice@other.example"), "item-not-found"),
        "a host": ("metals.example", _empty("metals.example"), "item-not-found"),
    }
    for what, (to, payload, condition) in wrong.items():
        with pytest.raises(XmppError) as caught:
            await keeper.request(to, payload, kind="set")
        assert caught.value.condition == condition, what
    # Nothing of a request that is partly wrong was written.
    answer = await keeper.request(ALICE, query())
    assert answer is not None
    assert len(answer) == 0


async def _refuses_others(entities: Entities) -> None:
    other = await entities.connect(OTHER)
    for payload, to in ((query(contact(BOB)), ALICE), (_empty(ALICE), "metals.example")):
        with pytest.raises(XmppError) as caught:
            await other.request(to, payload, kind="set")
        assert caught.value.condition in ("forbidden", "service-unavailable")
    bob = await XmppStream.login(entities.server.address, BOB)
    item = f"<item jid='{BOB}' subscription='both'/>"
    for asked, to in (
        (f"<query xmlns='jabber:iq:roster'>{item}</query>", ALICE),
        (f"<empty xmlns='urn:steelyard:roster:0' jid='{ALICE}'/>", "metals.example"),
    ):
        assert (await bob.request("set", asked, to=to)).get("type") == "error"
    await bob.close()


async def _versions_each_push(keeper: EntityLink, alice: XmppStream) -> None:
    names = [f"t{number}@metals.example" for number in range(3)]
    await keeper.request(ALICE, query(*map(contact, names)), kind="set")
    pushes = [await alice.expect(is_push(name, "both")) for name in names]
    versions = [push[0].get("ver", "") for push in pushes]
    assert len({*versions} - {""}) == 3
    last = f"<query xmlns='jabber:iq:roster' ver='{versions[-1]}'/>"
    assert len(await alice.request("get", last)) == 0  # nothing new since
    missed = f"<query xmlns='jabber:iq:roster' ver='{versions[1]}'/>"
    assert len((await alice.request("get", missed))[0]) == 3
    await keeper.request(ALICE, query(*({"jid": n, "subscription": "remove"} for n in names)), kind="set")


async def _shows_presence_with_the_second_half(
    keeper: EntityLink, alice: XmppStream, bob: XmppStream
) -> None:
    await keeper.request(ALICE, query(contact(BOB, name="Bob")), kind="set")
    await alice.expect(is_push(BOB, "both"))
    await alice.ping()
    assert not [each for each in alice.received if is_presence(BOB)(each)]
    await keeper.request(BOB, query(contact(ALICE, name="Alice")), kind="set")
    await alice.expect(is_presence(f"{BOB}/desk"))
    await bob.expect(is_presence(f"{ALICE}/desk"))
    # Written again, it is no news.
    await keeper.request(BOB, query(contact(ALICE, name="Ally")), kind="set")
    await bob.expect(is_push(ALICE, "both"))
    await alice.ping()
    assert len([each for each in alice.received if is_presence(f"{BOB}/desk")(each)]) == 1


async def _tells_what_a_client_changes(entities: Entities, keeper: EntityLink, alice: XmppStream) -> None:
    while not entities.pushed.empty():  # both rosters were empty at login
        assert len(entities.pushed.get_nowait()) == 0
    item = f"<item jid='{BOB}' name='Bobby'/>"
    await alice.request("set", f"<query xmlns='jabber:iq:roster'>{item}</query>")
    async with asyncio.timeout(PATIENCE_S):
        pushed = await entities.pushed.get()
    assert [(each.get("jid"), each.get("name")) for each in pushed] == [(BOB, "Bobby")]
    answer = await keeper.request(ALICE, query())
    assert answer is not None
    assert [(each.get("name"), each.get("subscription")) for each in answer] == [("Bobby", "both")]


async def _empties(keeper: EntityLink, alice: XmppStream, bob: XmppStream) -> None:
    await keeper.request("metals.example", _empty(ALICE), kind="set")
    await alice.expect(is_presence(f"{BOB}/desk", "unavailable"))
    await alice.expect(is_push(BOB, "remove"))
    await bob.expect(is_presence(f"{ALICE}/desk", "unavailable"))
    assert await fetch_roster(alice) == {}


def _empty(jid: str) -> ET.Element:
    return ET.Element("{urn:steelyard:roster:0}empty", jid=jid)
