"""Held messages between two sites of an enterprise: what goes out to the other one, and what comes in from it.

Reviewers of one machine decide on what either of them holds.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import GateProcess, one_enterprise
from tests.support.ports import free_port
from tests.support.prosody import ProsodyServer, peers_of, private_plan
from tests.support.review_scene import DELAY, POLICY, bodies, held_back, say
from tests.support.reviewer import Reviewer
from tests.support.stream import XmppStream, message
from tests.unit.policy.content.rules import write_rule

ALICE, BOB = "alice@metals.example", "bob@zurich.example"
DOMAINS = ("metals.example", "zurich.example")
ZURICH_POLICY = write_rule(
    "tidings", "hold", kind="lexicon", terms={"en": ["tidings"]}, must_match=["tidings"], text="Held."
)
ALL = tuple(name for site in DOMAINS for name in (site, f"rooms.{site}"))


async def release_at_each(reviewer: Reviewer, zurich: Reviewer, alice: XmppStream, bob: XmppStream) -> None:
    """Have one message held at each site; what is released at the one stays held at the other."""
    alice.send(say("insider tip again", BOB, id_="here") + say("tidings for Zurich", BOB, id_="there"))
    here, there = await reviewer.wait_for_one(), await zurich.wait_for_one()
    listed = json.loads(await reviewer.run("list", "--json"))
    assert listed["not_reviewed"] == []
    assert {(each["site"], each["record"]) for each in listed["held"]} == {
        ("metals", f"metals:{here}"),
        ("zurich", f"zurich:{there}"),
    }
    assert "is on its way" in await reviewer.run("release", f"zurich:{there}", "--reason", "public")
    await bob.expect(message("tidings for Zurich", from_=f"{ALICE}/desk"))
    assert (await reviewer.waiting(), await zurich.waiting()) == ([here], [])
    assert "is on its way" in await reviewer.run("release", f"metals:{here}", "--reason", "public")
    await bob.expect(message("insider tip again", from_=f"{ALICE}/desk"))


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
    # Each site has rules of its own.
    for gate, site, policy in zip(gates, DOMAINS, (POLICY, ZURICH_POLICY), strict=True):
        (tmp_path / site / "policy.toml").write_text(policy)
        gate.replace_setting("[gate]", f'[gate]\npolicy = "{tmp_path / site / "policy.toml"}"')
    reviewer = Reviewer(gates[0], tmp_path / "audit")
    zurich = Reviewer(gates[1], tmp_path / "audit-zurich", "zurich")
    reviewer.look_also_at("zurich", zurich)
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
        await release_at_each(reviewer, zurich, alice, bob)
    finally:
        for process in (*servers, *gates):
            await process.kill9()
