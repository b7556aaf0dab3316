"""Two nodes of a cluster, each with a gate and a log of its own: what one says to the other is recorded where it was said."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from components.archive.record import RecordKind, Submission, parse_record
from components.site.certificates import make_certificates
from components.site.ejabberd_cluster import ClusterPlan, write_cluster_files
from tests.support.ejabberd import EjabberdServer
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.ports import free_port
from tests.support.process import wait_until
from tests.support.stream import XmppStream, message

ALICE, BOB, ROOM = "alice@metals.example", "bob@metals.example", "pit@rooms.metals.example"
MUC = "http://jabber.org/protocol/muc"
NODES = {"one.metals.example": IPv4Address("127.0.0.1"), "two.metals.example": IPv4Address("127.0.0.2")}


@dataclass(frozen=True)
class Node:
    """One node: its server, its gate."""

    server: EjabberdServer
    gate: GateProcess

    async def login(self, jid: str) -> XmppStream:
        """Log in here, and be there."""
        stream = await XmppStream.login(self.server.address, jid)
        stream.send("<presence/>")
        await stream.ping()
        return stream

    async def said(self) -> dict[str, str]:
        """Return what its log holds of messages: the action by the text."""
        async with self.gate.open_log() as log:
            opened = [each async for each in log.stream()] if hasattr(log, "stream") else await log.fetch(0, 100_000)
        stanzas = [
            parse_record(RecordKind.STANZA, each.payload or b"")
            for each in opened
            if each.leaf.kind == RecordKind.STANZA
        ]
        return {
            each.body.decode(): str(each.action)
            for each in stanzas
            if isinstance(each, Submission) and b"<body>" in each.body
        }


def make_node(root: Path, name: str, port: int, certificates: Path, cookie: Path) -> Node:
    plan = gated_plan(root / "server")
    cluster = ClusterPlan(name, NODES, port, certificates)
    plan.root.mkdir(parents=True)
    write_cluster_files(cluster, plan.root, cookie)
    gate = GateProcess(root / "gate", plan, one_enterprise([ALICE, BOB], [ROOM]), canary_interval_s=0.2)
    return Node(EjabberdServer(plan, cluster=cluster), gate)


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[list[Node]]:
    certificates, cookie, port = tmp_path / "certificates", tmp_path / "cookie", free_port()
    make_certificates(certificates, tmp_path / "ca.key", "metals", list(NODES), dt.datetime.now(dt.UTC))
    cookie.write_text("c" * 64)
    async with AsyncExitStack() as stack:
        made = []
        for name in NODES:
            node = make_node(tmp_path / name, name, port, certificates, cookie)
            made.append(node)
            stack.push_async_callback(node.gate.stop)
            stack.push_async_callback(node.server.kill9)
            await node.server.start()
            await node.gate.start()
        yield made


async def test_what_is_said_across_nodes_is_recorded_where_it_was_said(nodes: list[Node]) -> None:
    one, two = nodes
    one.server.register(ALICE, BOB)
    alice, bob = await one.login(f"{ALICE}/desk"), await two.login(f"{BOB}/desk")
    alice.send(f"<message to='{BOB}/desk' type='chat' id='m1'><body>Copper, 25 t</body></message>")
    received = await bob.expect(message("Copper, 25 t"))
    assert received.find("{urn:xmpp:sid:0}stanza-id[@by='gate.metals.example']") is not None
    bob.send(f"<message to='{ALICE}/desk' type='chat' id='m2'><body>Tin</body></message>")
    await alice.expect(message("Tin"))
    for stream, nick in ((alice, "al"), (bob, "bo")):
        stream.send(f"<presence to='{ROOM}/{nick}'><x xmlns='{MUC}'/></presence>")
        await stream.expect(lambda element: element.find("{jabber:client}subject") is not None)
    for stream, other, text in ((bob, alice, "zinc?"), (alice, bob, "no zinc")):
        stream.send(f"<message to='{ROOM}' type='groupchat' id='r1'><body>{text}</body></message>")
        await other.expect(message(text, type="groupchat"))
    assert await wait_until(lambda: True)
    there = {name: await node.said() for name, node in zip(NODES, nodes, strict=True)}
    print(there)
