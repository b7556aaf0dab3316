"""The rosters of two federated sites, as clients see them while people come, move, leave and arrange their contacts."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.record import Event, RecordKind, parse_record
from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import open_sealed
from tests.support.observer import read_log
from tests.support.ports import free_port
from tests.support.process import PATIENCE_S, wait_until
from tests.support.prosody import peers_of, private_plan
from tests.support.roster_site import Listed, People, RosterSite, fetch_roster, is_presence, is_push
from tests.support.stream import XmppStream, show
from tests.support.typed import require

ALICE, BOB, CAROL = "alice@metals.example", "bob@metals.example", "carol@metals.example"
DAN, ERIN = "dan@metals.example", "erin@metals.example"
ZOE = "zoe@zurich.example"
GEORGE = "george@grain.example"
BASE, ENERGY = "Base metals", "Energy & power"
METALS, ZURICH = "metals.example", "zurich.example"
PEOPLE = {
    ALICE: Listed("Alice Arden", BASE),
    BOB: Listed("Bob Baker", BASE),
    CAROL: Listed("Carol <Castle>"),
    ZOE: Listed("Zoe Zeller", ENERGY),
    GEORGE: Listed("George Garner", firm="grain"),
}
ENTRIES = {
    ALICE: ("Alice Arden", "both", (BASE, METALS)),
    BOB: ("Bob Baker", "both", (BASE, METALS)),
    CAROL: ("Carol <Castle>", "both", (METALS,)),
    ZOE: ("Zoe Zeller", "both", (ENERGY, ZURICH)),
}


class Sites:
    """Two sites of one enterprise, and another enterprise on the first one's server."""

    def __init__(self, root: Path, authority: CertificateAuthority) -> None:
        self.authority = authority
        self.people: dict[str, Listed] = dict(PEOPLE)
        domains = {METALS: (METALS, "grain.example"), ZURICH: (ZURICH,)}
        plans = {
            site: private_plan(
                root / site / "prosody",
                domains=domains[site],
                room_domains=(),
                s2s_port=free_port(),
                certificates=authority.issue(root / site / "certs", domains[site]),
            )
            for site in domains
        }
        self.metals, self.zurich = (
            RosterSite(
                root / site,
                PEOPLE,
                domains=domains[site],
                room_domains=(),
                c2s_port=plans[site].c2s_port,
                s2s_port=plans[site].s2s_port,
                certificates=plans[site].certificates,
                plain_port_allowed=False,
                gate=f"gate.{site}",
                federated_domains=(METALS, ZURICH),
                peers=peers_of(*(plans[other] for other in domains if other != site)),
            )
            for site in domains
        )

    def site_of(self, jid: str) -> RosterSite:
        return self.zurich if jid.partition("@")[2].startswith(ZURICH) else self.metals

    async def login(self, jid: str) -> XmppStream:
        return await self.site_of(jid).login(f"{jid}/desk", self.authority.client_context())

    def list_people(self, changes: People, *gone: str, at: tuple[RosterSite, ...] = ()) -> None:
        """Change the directory of both sites, or of one."""
        self.people = {jid: each for jid, each in {**self.people, **changes}.items() if jid not in gone}
        for site in at or (self.metals, self.zurich):
            site.list_people(self.people)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority) -> Iterator[Sites]:
    """Start two sites that federate; at one of them two people of different firms have subscribed to each other."""
    sites = Sites(tmp_path_factory.mktemp("sites"), authority)
    sites.metals.prosody.befriend(ALICE, GEORGE)
    with asyncio.Runner() as runner:
        try:
            runner.run(_both(sites.metals.start(), sites.zurich.start()))
            yield sites
        finally:
            runner.run(_both(sites.metals.kill9(), sites.zurich.kill9()))


@pytest.fixture
async def clients(sites: Sites) -> AsyncIterator["Clients"]:
    async with AsyncExitStack() as stack:
        yield Clients(sites, stack)


class Clients:
    """Logs people in, and out again when the test ends."""

    def __init__(self, sites: Sites, stack: AsyncExitStack) -> None:
        self._sites = sites
        self._stack = stack

    async def login(self, *jids: str) -> list[XmppStream]:
        streams = [await self._sites.login(jid) for jid in jids]
        for stream in streams:
            self._stack.push_async_callback(stream.close)
        return streams


async def test_everybody_finds_whom_they_may_reach_and_nobody_else(sites: Sites, clients: Clients) -> None:
    for jid in (ALICE, BOB, CAROL, ZOE):
        (stream,) = await clients.login(jid)
        assert await fetch_roster(stream) == {each: ENTRIES[each] for each in ENTRIES if each != jid}
    (george,) = await clients.login(GEORGE)
    assert await fetch_roster(george) == {}
    await george.ping()
    assert not [show(each) for each in george.received if each.tag == "{jabber:client}message"]


async def test_what_violates_policy_was_removed_with_a_record(sites: Sites) -> None:
    events = await _events(sites.metals)
    removed = {details["owner"]: details["removed"] for name, details in events if details["removed"]}
    assert removed == {ALICE: GEORGE, GEORGE: ALICE}
    content = await read_log(sites.metals.gate)
    ours = [each for each in content.submissions.values() if b"from='roster.metals.example'" in each.body]
    assert {(each.way, each.action) for each in ours} == {("component", "release")}
    assert any(GEORGE.encode() in each.body and b"remove" in each.body for each in ours)


async def test_presence_crosses_sites_both_ways(clients: Clients) -> None:
    alice, zoe = await clients.login(ALICE, ZOE)
    await alice.expect(is_presence(f"{ZOE}/desk"))
    await zoe.expect(is_presence(f"{ALICE}/desk"))
    zoe.send("<presence><show>away</show></presence>")
    away = await alice.expect(is_presence(f"{ZOE}/desk"))
    assert away.findtext("{jabber:client}show") == "away"
    await zoe.close()
    await alice.expect(is_presence(f"{ZOE}/desk", "unavailable"))


async def test_a_newcomer_is_seen_at_once_by_those_online(sites: Sites, clients: Clients) -> None:
    alice, zoe = await clients.login(ALICE, ZOE)
    sites.metals.register([DAN])
    sites.list_people({DAN: Listed("Dan Dale", ENERGY)}, at=(sites.metals,))
    push = await alice.expect(is_push(DAN, "both"))
    assert require(push.find(".//{jabber:iq:roster}item")).get("name") == "Dan Dale"
    assert await wait_until(lambda: sites.metals.roster.status()["waiting"] == 0)
    (dan,) = await clients.login(DAN)
    for seen in (alice.expect(is_presence(f"{DAN}/desk")), dan.expect(is_presence(f"{ALICE}/desk"))):
        await seen
    # The other site hears of it later: both are online already.
    sites.list_people({})
    await zoe.expect(is_push(DAN, "both"))
    await zoe.expect(is_presence(f"{DAN}/desk"))
    await dan.expect(is_presence(f"{ZOE}/desk"))


async def test_own_names_and_groups_are_kept(sites: Sites, clients: Clients) -> None:
    (alice,) = await clients.login(ALICE)
    item = f"<item jid='{BOB}' name='Bobby'><group>Friends</group></item>"
    await alice.request("set", f"<query xmlns='jabber:iq:roster'>{item}</query>")
    await _expect_entry(alice, BOB, ("Bobby", "both", (BASE, "Friends", METALS)))
    sites.list_people({BOB: Listed("Robert Baker", ENERGY), CAROL: Listed("Carol Cave", BASE)})
    await _expect_entry(alice, BOB, ("Bobby", "both", (ENERGY, "Friends", METALS)))
    await _expect_entry(alice, CAROL, ("Carol Cave", "both", (BASE, METALS)))
    item = f"<item jid='{BOB}'/>"
    await alice.request("set", f"<query xmlns='jabber:iq:roster'>{item}</query>")
    await _expect_entry(alice, BOB, ("Robert Baker", "both", (ENERGY, METALS)))


async def test_a_colleague_who_was_removed_comes_back(clients: Clients) -> None:
    alice, bob = await clients.login(ALICE, BOB)
    await alice.expect(is_presence(f"{BOB}/desk"))
    await alice.request(
        "set", f"<query xmlns='jabber:iq:roster'><item jid='{BOB}' subscription='remove'/></query>"
    )
    await alice.expect(is_push(BOB, "remove"))
    await alice.expect(is_push(BOB, "both"))
    await alice.expect(is_presence(f"{BOB}/desk"))
    for type_ in ("unsubscribe", "unsubscribed", "subscribe", "subscribed"):
        alice.send(f"<presence to='{BOB}' type='{type_}'/>")
    await alice.ping()
    assert (await fetch_roster(alice))[BOB][1] == (await fetch_roster(bob))[ALICE][1] == "both"
    assert not [each for each in bob.received if each.get("type") in ("subscribe", "unsubscribe")]


async def test_an_outsider_cannot_be_added(clients: Clients) -> None:
    alice, george = await clients.login(ALICE, GEORGE)
    item = f"<item jid='{GEORGE}' name='George'/>"
    answer = await alice.request("set", f"<query xmlns='jabber:iq:roster'>{item}</query>")
    alice.send(f"<presence to='{GEORGE}' type='subscribe' id='s1'/>")
    refusals = [answer, await alice.expect(lambda element: element.get("id") == "s1")]
    for refusal in refusals:
        assert refusal.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}not-allowed") is not None
    assert GEORGE not in await fetch_roster(alice)
    await george.ping()
    assert not [each for each in george.received if ALICE in each.get("from", "")]


async def test_an_account_that_is_made_later_gets_its_roster_at_login(sites: Sites, clients: Clients) -> None:
    sites.list_people({ERIN: Listed("Erin Ende")})
    assert await wait_until(lambda: sites.metals.roster.status()["without_account"] == 1)
    sites.metals.register([ERIN])
    (erin,) = await clients.login(ERIN)
    colleagues = [jid for jid, each in sites.people.items() if each.firm == "metals" and jid != ERIN]
    pushed = [await erin.expect(lambda element: element.get("type") == "set") for _ in colleagues]
    assert len(pushed) == len(await fetch_roster(erin))


async def test_who_departs_goes_offline_and_vanishes(sites: Sites, clients: Clients) -> None:
    alice, bob, zoe = await clients.login(ALICE, BOB, ZOE)
    for contact in (alice, zoe):
        await contact.expect(is_presence(f"{BOB}/desk"))
    sites.list_people({}, BOB)
    for contact in (alice, zoe):
        await contact.expect(is_push(BOB, "remove"))
    gone = next(
        index for index, each in enumerate(alice.received) if is_presence(f"{BOB}/desk", "unavailable")(each)
    )
    assert gone < next(index for index, each in enumerate(alice.received) if is_push(BOB, "remove")(each))
    await bob.expect(is_push(ALICE, "remove"))
    assert await wait_until(lambda: BOB not in sites.metals.roster.state_file.read_text())


async def test_what_changed_meanwhile_is_put_right_after_downtime(sites: Sites, clients: Clients) -> None:
    (alice,) = await clients.login(ALICE)
    await sites.metals.roster.kill9()
    carol = replace(sites.people[CAROL], name="Carol Court", desk=ENERGY)
    sites.list_people({CAROL: carol}, DAN)
    await sites.metals.roster.start()
    await alice.expect(is_push(DAN, "remove"))
    await _expect_entry(alice, CAROL, ("Carol Court", "both", (ENERGY, METALS)))
    await sites.metals.roster.stop()
    await sites.metals.roster.start()
    status = sites.metals.roster.status()
    assert (status["written"], status["removed"], status["failed"]) == (0, 0, 0)


async def _expect_entry(stream: XmppStream, jid: str, entry: tuple[str, str, tuple[str, ...]]) -> None:
    """Wait for a push after which the roster has this entry."""
    async with asyncio.timeout(PATIENCE_S):
        while (await fetch_roster(stream))[jid] != entry:
            await stream.expect(is_push(jid))


async def _events(site: RosterSite) -> list[tuple[str, dict[str, str | int]]]:
    process = site.roster
    events = []
    async with open_sealed(process.log_file, process.log_origin, site.gate.auditor_key_file) as opener:
        for opened in await opener.fetch(0, 10_000):
            if opened.leaf.kind == RecordKind.ROSTER and opened.payload:
                record = parse_record(RecordKind.ROSTER, opened.payload)
                assert isinstance(record, Event)
                events.append((record.name, dict(record.details)))
    return events


async def _both(first: Coroutine[None, None, None], second: Coroutine[None, None, None]) -> None:
    await asyncio.gather(first, second)
