"""The roster component keeps the contact lists of a site on ejabberd, with the real gate between (docs/roster.md)."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.ejabberd import EjabberdServer
from tests.support.observer import read_log
from tests.support.process import wait_until
from tests.support.roster_site import Listed, RosterSite, fetch_roster, is_presence, is_push
from tests.support.typed import require

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE, BOB, CAROL, DAN, EVE = (f"{name}@metals.example" for name in ("alice", "bob", "carol", "dan", "eve"))
GEORGE = "george@grain.example"
BASE, METALS = "Base metals", "metals.example"
PEOPLE = {
    ALICE: Listed("Alice Arden", BASE),
    BOB: Listed("Bob Baker", BASE),
    CAROL: Listed("Carol Castle"),
    GEORGE: Listed("George Garner", firm="grain"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RosterSite]:
    """Return a site with two firms, of which two people have each other in their rosters, against the rules."""
    root = tmp_path_factory.mktemp("rosters")
    site = RosterSite(root, PEOPLE, domains=(METALS, "grain.example"), room_domains=())
    site.prosody.befriend(ALICE, GEORGE)
    async with site:
        yield site


async def test_everybody_finds_whom_they_may_reach_and_nobody_else(site: RosterSite) -> None:
    alice, george = await site.login(f"{ALICE}/desk"), await site.login(f"{GEORGE}/desk")
    assert await wait_until(lambda: site.roster.status()["waiting"] == 0)
    assert await fetch_roster(alice) == {
        BOB: ("Bob Baker", "both", (BASE,)),
        CAROL: ("Carol Castle", "both", ()),
    }
    assert await fetch_roster(george) == {}
    content = await read_log(site.gate)
    ours = [each for each in content.submissions.values() if b"from='roster.metals.example'" in each.body]
    assert {(each.way, each.action) for each in ours} == {("component", "release")}
    await alice.close()
    await george.close()


async def test_people_see_one_another_come_and_go_and_a_newcomer_at_once(site: RosterSite) -> None:
    alice = await site.login(f"{ALICE}/desk")
    site.prosody.register(DAN)
    site.list_people({**PEOPLE, DAN: Listed("Dan Dale")})
    push = await alice.expect(is_push(DAN, "both"))
    assert require(push.find(".//{jabber:iq:roster}item")).get("name") == "Dan Dale"
    dan = await site.login(f"{DAN}/desk")
    await alice.expect(is_presence(f"{DAN}/desk"))
    await dan.expect(is_presence(f"{ALICE}/desk"))
    site.list_people(PEOPLE)
    await alice.expect(is_push(DAN, "remove"))
    await alice.expect(is_presence(f"{DAN}/desk", "unavailable"))
    await alice.close()
    await dan.close()


async def test_own_names_are_kept_and_a_colleague_who_was_removed_comes_back(site: RosterSite) -> None:
    alice, bob = await site.login(f"{ALICE}/desk"), await site.login(f"{BOB}/desk")
    await alice.expect(is_presence(f"{BOB}/desk"))
    item = f"<item jid='{CAROL}' name='Cat'><group>Friends</group></item>"
    await alice.request("set", f"<query xmlns='jabber:iq:roster'>{item}</query>")
    item = f"<item jid='{BOB}' subscription='remove'/>"
    await alice.request("set", f"<query xmlns='jabber:iq:roster'>{item}</query>")
    await alice.expect(is_push(BOB, "remove"))
    await alice.expect(is_push(BOB, "both"))
    await alice.expect(is_presence(f"{BOB}/desk"))
    for type_ in ("unsubscribe", "unsubscribed", "subscribe", "subscribed"):
        alice.send(f"<presence to='{BOB}' type='{type_}'/>")
    await alice.ping()
    assert await wait_until(lambda: site.roster.status()["waiting"] == 0)
    contacts = await fetch_roster(alice)
    assert contacts[CAROL] == ("Cat", "both", ("Friends",))
    assert contacts[BOB][1] == (await fetch_roster(bob))[ALICE][1] == "both"
    assert not [each for each in bob.received if each.get("type") in ("subscribe", "unsubscribe")]
    await alice.close()
    await bob.close()


async def test_a_roster_that_was_emptied_is_empty_after_a_kill(site: RosterSite) -> None:
    """Nobody would empty it again: the component forgets who has left when their roster is empty."""
    server = site.prosody
    assert isinstance(server, EjabberdServer)
    site.prosody.register(EVE)
    site.list_people({**PEOPLE, EVE: Listed("Eve East")})
    roster = 'length(mod_roster:get_roster(<<"eve">>, <<"metals.example">>)).'
    assert await wait_until(lambda: server.evaluate(roster) == "3")
    server.evaluate("mnesia:sync_log().")
    site.list_people(PEOPLE)
    kept = site.roster.state_file
    assert await wait_until(lambda: EVE not in json.loads(kept.read_bytes())["owners"])
    await server.kill9()
    await server.start()
    assert server.evaluate(roster) == "0"
