"""G7 between two sites: what federated clients see with gates is what they see between bare servers."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from components.site.prosody import ProsodyPlan
from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import GateProcess, one_enterprise
from tests.support.ports import free_port
from tests.support.prosody import ProsodyServer, peers_of, private_plan
from tests.support.rules import WITH_EXAMPLE_POLICY, WITHOUT_RULES
from tests.support.stream import Matcher, XmppStream, message

ALICE, BOB = "alice@metals.example", "bob@zurich.example"
ROOM = "pit@rooms.metals.example"
DOMAINS = ("metals.example", "zurich.example")


@dataclass(frozen=True, slots=True)
class Sites:
    """Two federated sites, and one client at each."""

    alice: XmppStream
    bob: XmppStream


@pytest.fixture(scope="module", params=["bare", "gated", "with the example policy"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority
) -> Iterator[list[ProsodyServer]]:
    """Start two servers that federate, each with a gate of its own or both without."""
    root = tmp_path_factory.mktemp(request.param)
    plans = [_plan(root / domain, domain, authority, gated=request.param != "bare") for domain in DOMAINS]
    servers = [ProsodyServer(here, peers=peers_of(there)) for here, there in (plans, reversed(plans))]
    rules = WITH_EXAMPLE_POLICY if request.param == "with the example policy" else WITHOUT_RULES
    gates = [_gate(plan, rules) for plan in plans if plan.gate]
    with asyncio.Runner() as runner:
        try:
            runner.run(_all(process.start() for process in servers))
            runner.run(_all(process.start() for process in gates))
            yield servers
        finally:
            runner.run(_all(process.kill9() for process in [*servers, *gates]))


@pytest.fixture
async def sites(servers: list[ProsodyServer], authority: CertificateAuthority) -> AsyncIterator[Sites]:
    clients = []
    for server, jid in zip(servers, (ALICE, BOB), strict=True):
        server.register(jid)
        client = await XmppStream.login(server.address, f"{jid}/desk", tls=authority.client_context())
        client.send("<presence/>")
        clients.append(client)
    yield Sites(*clients)
    for client in clients:
        if not client.ended:
            await client.close()


async def test_messages_keep_their_order_both_ways(sites: Sites) -> None:
    for number in range(50):
        sites.alice.send(f"<message to='{BOB}/desk' type='chat'><body>Offer {number}</body></message>")
        sites.bob.send(f"<message to='{ALICE}/desk' type='chat'><body>Bid {number}</body></message>")
    await sites.bob.expect(message("Offer 49"))
    await sites.alice.expect(message("Bid 49"))
    for client, sender, word in ((sites.bob, ALICE, "Offer"), (sites.alice, BOB, "Bid")):
        bodies = [
            stanza.findtext("{jabber:client}body")
            for stanza in client.received
            if stanza.get("from") == f"{sender}/desk" and stanza.get("type") == "chat"
        ]
        assert bodies == [f"{word} {number}" for number in range(50)]


async def test_a_subscription_is_asked_for_and_granted(sites: Sites) -> None:
    for client in (sites.alice, sites.bob):
        await client.request("get", "<query xmlns='jabber:iq:roster'/>")
    sites.alice.send(f"<presence to='{BOB}' type='subscribe'/>")
    await sites.bob.expect(lambda stanza: stanza.get("type") == "subscribe" and stanza.get("from") == ALICE)
    sites.bob.send(f"<presence to='{ALICE}' type='subscribed'/>")
    await sites.alice.expect(lambda stanza: stanza.get("type") == "subscribed" and stanza.get("from") == BOB)
    await sites.alice.expect(lambda stanza: stanza.get("from") == f"{BOB}/desk")
    await sites.bob.close()
    await sites.alice.expect(_unavailable(f"{BOB}/desk"))


async def test_a_room_is_shared(sites: Sites) -> None:
    join = "<x xmlns='http://jabber.org/protocol/muc'/>"
    form = "<x xmlns='jabber:x:data' type='submit'/>"
    sites.alice.send(f"<presence to='{ROOM}/Alice'>{join}</presence>")
    await sites.alice.expect(lambda stanza: stanza.get("from") == f"{ROOM}/Alice")
    query = f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>"
    assert (await sites.alice.request("set", query, to=ROOM)).get("type") == "result"
    sites.bob.send(f"<presence to='{ROOM}/Bob'>{join}</presence>")
    await sites.bob.expect(lambda stanza: stanza.get("from") == f"{ROOM}/Bob")
    for client, word in ((sites.bob, "Bid"), (sites.alice, "Offer")):
        client.send(f"<message to='{ROOM}' type='groupchat'><body>{word}</body></message>")
        for occupant in (sites.alice, sites.bob):
            await occupant.expect(message(word, type="groupchat"))
    sites.bob.abort()
    await sites.alice.expect(_unavailable(f"{ROOM}/Bob"))


async def test_a_question_across_is_answered(sites: Sites) -> None:
    query = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
    answer = await sites.alice.request("get", query, to="zurich.example")
    assert answer.get("type") == "result"
    assert answer.get("from") == "zurich.example"


def _plan(root: Path, domain: str, authority: CertificateAuthority, *, gated: bool) -> ProsodyPlan:
    plan = private_plan(
        root,
        domains=(domain,),
        room_domains=(f"rooms.{domain}",),
        s2s_port=free_port(),
        certificates=authority.issue(root / "certs", (domain, f"rooms.{domain}")),
        plain_port_allowed=False,
    )
    federated = tuple(name for site in DOMAINS for name in (site, f"rooms.{site}"))
    if not gated:
        return plan
    return replace(plan, gate=f"gate.{domain}", gate_secret="secret", federated_domains=federated)


def _gate(plan: ProsodyPlan, rules: Mapping[str, str]) -> GateProcess:
    directory = one_enterprise((ALICE, BOB), (ROOM,), gate=plan.gate, domains=DOMAINS)
    return GateProcess(plan.root / "gate", plan, directory, **rules)


def _unavailable(jid: str) -> Matcher:
    return lambda stanza: stanza.get("type") == "unavailable" and stanza.get("from") == jid


async def _all(calls: Iterable[Coroutine[None, None, None]]) -> None:
    await asyncio.gather(*calls)
