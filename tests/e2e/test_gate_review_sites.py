"""Held messages between two sites of an enterprise: what goes out to the other one, and what comes in from it."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import GateProcess, one_enterprise
from tests.support.ports import free_port
from tests.support.prosody import ProsodyServer, peers_of, private_plan
from tests.support.review_scene import DELAY, POLICY, bodies, held_back, say
from tests.support.reviewer import Reviewer
from tests.support.stream import XmppStream, message

ALICE, BOB = "alice@metals.example", "bob@zurich.example"
DOMAINS = ("metals.example", "zurich.example")
ALL = tuple(name for site in DOMAINS for name in (site, f"rooms.{site}"))


async def test_held_on_the_way_out_and_on_the_way_in(tmp_path: Path, authority: CertificateAuthority) -> None:
    plans = [
        replace(
            private_plan(tmp_path / here / "prosody"),
            domains=(here,),
            room_domains=(f"rooms.{here}",),
            s2s_port=free_port(),
            federated_domains=ALL,
            certificates=authority.issue(tmp_path / here / "certs", (here, f"rooms.{here}")),
            plain_port_allowed=False,
            gate=f"gate.{here}",
            gate_secret="secret",
        )
        for here in DOMAINS
    ]
    servers = [ProsodyServer(here, peers=peers_of(there)) for here, there in (plans, reversed(plans))]
    gates = [
        GateProcess(
            tmp_path / plan.domains[0] / "gate",
            plan,
            one_enterprise([ALICE, BOB], gate=plan.gate, domains=DOMAINS),
        )
        for plan in plans
    ]
    # Only Alice's site has rules.
    (tmp_path / "policy.toml").write_text(POLICY)
    gates[0].replace_setting("[gate]", f'[gate]\npolicy = "{tmp_path / "policy.toml"}"')
    reviewer = Reviewer(gates[0], tmp_path / "audit")
    try:
        await asyncio.gather(*(server.start() for server in servers))
        await asyncio.gather(*(gate.start() for gate in gates))
        clients = []
        for server, jid in zip(servers, (ALICE, BOB), strict=True):
            server.register(jid)
            clients.append(
                await XmppStream.login(server.address, f"{jid}/desk", tls=authority.client_context())
            )
            clients[-1].send("<presence/>")
        alice, bob = clients
        alice.send(say("insider tip to Zurich", BOB) + say("good morning", BOB))
        await bob.expect(message("good morning"))
        await alice.expect(held_back(from_=BOB))
        record = await reviewer.wait_for_one()
        await reviewer.decide("release", record)
        arrived = await bob.expect(message("insider tip to Zurich", from_=f"{ALICE}/desk"))
        assert arrived.find(DELAY) is not None
        # What comes in is held likewise, and its sender not told: that is for their own site to do.
        bob.send(say("insider tip from Zurich", f"{ALICE}/desk") + say("good evening", f"{ALICE}/desk"))
        await alice.expect(message("good evening"))
        record = await reviewer.wait_for_one()
        await reviewer.decide("release", record)
        await alice.expect(message("insider tip from Zurich", from_=f"{BOB}/desk"))
        assert [text for text in bodies(bob) if text] == ["good morning", "insider tip to Zurich"]
    finally:
        for process in (*servers, *gates):
            await process.kill9()
