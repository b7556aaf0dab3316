"""A site on ejabberd and one on Prosody, with their gates: what crosses, what does not, and who is no site."""

import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from lxml import etree

from components.audit.sites.letters import Verdict
from components.site.peer_probe import Peer, find_peer_fault
from tests.support.certificates import CertificateAuthority
from tests.support.ejabberd import EjabberdServer
from tests.support.foreign_server import ForeignStream, showing
from tests.support.gate_process import one_enterprise
from tests.support.observer import read_log, wait_for_log
from tests.support.offers import ids_carried_out
from tests.support.process import wait_until
from tests.support.stream import StreamEndedError, XmppStream, message, show
from tests.support.two_sites import TwoSites

pytestmark = pytest.mark.asyncio(loop_scope="module")

METALS, ZURICH, EVIL = "metals.example", "zurich.example", "evil.example"
ALICE, ZOE, MAX = f"alice@{METALS}", f"zoe@{ZURICH}", f"max@{ZURICH}"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
SETTLED = (
    "Queue = maps:get(queue, sys:get_state(stanza_gate_window)), "
    "stanza_gate_queue:done(Queue) =:= stanza_gate_queue:next(Queue) - 1."
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Metals runs ejabberd, Zurich Prosody; `evil` is a certificate of their authority for a server that is no site."""

    sites: TwoSites
    evil: Path

    @property
    def ejabberd(self) -> EjabberdServer:
        server = self.sites.server_of(ALICE)
        assert isinstance(server, EjabberdServer)
        return server

    @property
    def s2s(self) -> tuple[str, int]:
        """Where other servers come to the one on ejabberd."""
        return self.ejabberd.plan.address, self.ejabberd.plan.s2s_port

    async def recorded(self, site: str, id_: str) -> list[tuple[str, str]]:
        """Return the way and the action of each record of a stanza."""
        gate = self.sites.gates[(METALS, ZURICH).index(site)]
        content = await read_log(gate)
        found = (each for each in content.submissions.values() if f"id='{id_}'".encode() in each.body)
        return [(str(each.way), each.action) for each in found]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(
    tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority
) -> AsyncIterator[Pair]:
    root = tmp_path_factory.mktemp("federation")
    people = {METALS: (ALICE, ZOE), ZURICH: (ALICE, ZOE, MAX)}  # of Max the other site has not heard yet
    directory = {
        f"gate.{site}": one_enterprise(people[site], gate=f"gate.{site}", domains=(METALS, ZURICH))
        for site in people
    }
    sites = TwoSites(root, [(METALS,), (ZURICH,)], people[ZURICH], authority, directory, on_ejabberd=METALS)
    try:
        await sites.start()
        yield Pair(sites, authority.issue(root / "evil", (EVIL,)) / f"{EVIL}.crt")
    finally:
        await sites.stop()


async def say(stream: XmppStream, to: str, id_: str) -> None:
    stream.send(f"<message to='{to}' type='chat' id='{id_}'><body>{id_}</body></message>")


async def test_messages_cross_both_ways_and_are_recorded_at_both_sites(pair: Pair) -> None:
    alice, zoe = await pair.sites.login(f"{ALICE}/desk"), await pair.sites.login(f"{ZOE}/desk")
    for number, (sender, recipient) in enumerate(((alice, zoe), (zoe, alice), (alice, zoe))):
        await say(sender, recipient.jid, f"cross{number}")
        received = await recipient.expect(message(f"cross{number}"))
        given_by = {each.get("by") for each in received.iter("{urn:xmpp:sid:0}stanza-id")}
        assert f"gate.{recipient.domain}" in given_by
    assert (
        await pair.recorded(METALS, "cross0") == await pair.recorded(ZURICH, "cross1") == [("c2s", "release")]
    )
    assert (
        await pair.recorded(METALS, "cross1") == await pair.recorded(ZURICH, "cross0") == [("s2s", "release")]
    )
    # All of it is done with, what came by the stream as well.
    assert await wait_until(lambda: pair.ejabberd.evaluate(SETTLED) == "true")
    for stream in (alice, zoe):
        await stream.close()


async def test_what_the_other_site_refuses_comes_back_to_its_sender(pair: Pair) -> None:
    alice, max_ = await pair.sites.login(f"{ALICE}/desk"), await pair.sites.login(f"{MAX}/desk")
    await say(max_, alice.jid, "unknown")
    refused = await max_.expect(lambda element: element.get("id") == "unknown")
    assert refused.get("type") == "error"
    assert refused.find(f".//{STANZAS}not-allowed") is not None
    assert await pair.recorded(ZURICH, "unknown") == [("c2s", "release"), ("s2s", "release")]
    assert await pair.recorded(METALS, "unknown") == [("s2s", "refuse")]
    await alice.ping()
    assert not [each for each in alice.received if each.tag.endswith("}message")]
    for stream in (alice, max_):
        await stream.close()


async def test_a_server_that_is_no_site_is_heard_by_nobody(pair: Pair) -> None:
    alice = await pair.sites.login(f"{ALICE}/desk")
    stranger = ForeignStream(pair.s2s, EVIL, METALS, tls=showing(pair.evil))
    with pytest.raises(StreamEndedError, match="policy-violation"):
        await stranger.open()  # its certificate is its own
    # Nor one that proves nothing.
    silent = ForeignStream(pair.s2s, ZURICH, METALS, tls=showing(None))
    await silent.open()
    silent.send(f"<message from='{ZOE}' to='{ALICE}' id='evil'><body>hello</body></message>")
    await silent.wait_for_end()
    assert "not-authorized" in silent.why_ended()
    # Nor does a certificate of its own make it another.
    forger = ForeignStream(pair.s2s, ZURICH, METALS, tls=showing(pair.evil))
    await forger.open()
    forger.send(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>")
    await forger.wait_for_end()
    assert forger.why_ended() == "not-authorized Your server's certificate is not valid for this name"
    await alice.ping()
    assert not [show(each) for each in alice.received if each.tag.endswith("}message")]
    assert await pair.recorded(METALS, "evil") == []
    await alice.close()


@pytest.mark.parametrize(
    ("hook", "function", "at"),
    [("s2s_in_handle_recv", "on_received", 1), ("s2s_in_auth_result", "on_proved", 2)],
)
async def test_nothing_is_heard_where_a_hook_is_gone(pair: Pair, hook: str, function: str, at: int) -> None:
    """ejabberd goes on without it, also when it crashes: what nobody has looked at does not count."""
    alice = await pair.sites.login(f"{ALICE}/desk")
    zurich = pair.sites.server_of(ZOE).plan.certificates
    assert zurich is not None
    named = f'{hook}, <<"{METALS}">>, mod_federated_sites, {function}, {at}'
    assert pair.ejabberd.evaluate(f"ejabberd_hooks:delete({named}).") == "ok"
    try:
        stream = ForeignStream(pair.s2s, ZURICH, METALS, tls=showing(zurich / f"{ZURICH}.crt"))
        await stream.open()
        with suppress(StreamEndedError):  # where it is told that it has proved nothing
            await stream.prove()
            said = f"<message from='{ZOE}' to='{ALICE}' id='{function}'><body>hello</body></message>"
            stream.send(f"{said}</stream:stream>")
        await stream.wait_for_end()
    finally:
        assert pair.ejabberd.evaluate(f"ejabberd_hooks:add({named}).") == "ok"
    await alice.ping()
    assert not [each for each in alice.received if each.tag.endswith("}message")]
    assert await pair.recorded(METALS, function) == []
    await alice.close()


async def test_another_sites_check_hears_whether_it_would_be_taken(pair: Pair) -> None:
    """`steelyard check` there: ejabberd looks at a certificate when its server logs in."""
    address, port = pair.s2s
    zurich = pair.sites.server_of(ZOE).plan.certificates
    assert zurich is not None

    def asks_as(own: str, shown: Path) -> Peer:
        trust = ssl.create_default_context(cafile=zurich / "ca.crt")
        trust.load_cert_chain(shown, shown.with_suffix(".key"))
        return Peer(address, port, own, METALS, trust)

    assert await find_peer_fault(asks_as(ZURICH, zurich / f"{ZURICH}.crt")) == ""
    another = await find_peer_fault(asks_as(ZURICH, pair.evil))
    assert (
        another == f"{METALS} does not talk to {ZURICH}: Your server's certificate is not valid for this name"
    )
    stranger = await find_peer_fault(asks_as(EVIL, pair.evil))
    assert (
        stranger
        == f"{METALS} does not talk to {EVIL}: This server talks to the sites of its own enterprise only"
    )


async def test_nothing_is_said_to_a_server_that_is_no_site(pair: Pair) -> None:
    alice = await pair.sites.login(f"{ALICE}/desk")
    await say(alice, f"eve@{EVIL}", "out")
    refused = await alice.expect(lambda element: element.get("id") == "out")
    assert refused.find(f".//{STANZAS}not-allowed") is not None
    # Nor what the server makes, which the gate does not hold.
    host, other = f'<<"{METALS}">>', f'<<"{EVIL}">>'
    assert pair.ejabberd.evaluate(f"ejabberd_s2s:allow_host({host}, {other}).") == "false"
    await alice.close()


async def test_what_a_killed_site_does_not_get_comes_back_or_is_named(pair: Pair) -> None:
    alice, zoe = await pair.sites.login(f"{ALICE}/desk"), await pair.sites.login(f"{ZOE}/desk")
    await say(alice, ZOE, "before")
    await zoe.expect(message("before"))
    # What is written to a stream that ends then is lost: ejabberd does not count it (XEP-0198).
    zurich, lost = pair.sites.server_of(ZOE), {f"lost{number}" for number in range(5)}
    zurich.sigstop()
    for id_ in sorted(lost):
        await say(alice, ZOE, id_)
    await wait_for_log(pair.sites.gates[0], lambda content: lost <= ids_carried_out(content))
    await zurich.kill9()
    streams = f'ejabberd_s2s:get_connections_pids({{<<"{METALS}">>, <<"{ZURICH}">>}}).'
    assert await wait_until(lambda: pair.ejabberd.evaluate(streams) == "[]")
    await say(alice, ZOE, "away")
    error = await alice.expect(lambda element: element.get("id") == "away")
    assert error.get("type") == "error"
    assert "remote-server" in show(error)
    await alice.close()
    content = await read_log(pair.sites.gates[0])
    sent, received = await pair.sites.compare()
    named = [content.submissions[each.sent or 0].body for each in sent.differences]
    assert {each.verdict for each in sent.differences} == {Verdict.LOST}
    assert {etree.fromstring(body).get("id") for body in named} == lost
    assert received.differences == ()
