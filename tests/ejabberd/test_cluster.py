"""Nodes of a cluster, each with a gate and a log of its own: what is said on one is recorded there alone."""

import datetime as dt
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import pytest_asyncio

from components.archive.record import Submission
from components.site.certificates import make_certificates
from components.site.ejabberd_cluster import (
    ClusterPlan,
    node_arguments,
    node_environment,
    write_cluster_files,
)
from tests.support.ejabberd import EjabberdServer, compiled_beams
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.observer import LogContent, check_numbers, read_log, wait_for_log
from tests.support.ports import free_port
from tests.support.process import wait_until
from tests.support.stream import Matcher, XmppStream, message

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE, BOB, ROOM = "alice@metals.example", "bob@metals.example", "pit@rooms.metals.example"
MUC = "http://jabber.org/protocol/muc"
ROOM_PROCESS = 'stanza_gate_hosts:room_process(<<"pit">>, <<"rooms.metals.example">>)'
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
NODES = {
    "one.metals.example": IPv4Address("127.0.0.1"),
    "two.metals.example": IPv4Address("127.0.0.2"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its server and its gate."""

    server: EjabberdServer
    gate: GateProcess
    cluster: ClusterPlan

    async def login(self, jid: str, *, resumable: bool = False) -> XmppStream:
        """Log in here, and be there, for those at the other node as well."""
        stream = await XmppStream.login(self.server.address, jid)
        if resumable:
            await stream.enable_resumption()
        stream.send("<presence/>")
        await stream.ping()
        user, _, resource = jid.replace("@metals.example", "").partition("/")
        await self.everybody_knows(
            f'ejabberd_sm, get_session_pid, [<<"{user}">>, <<"metals.example">>, <<"{resource}">>]', "none"
        )
        return stream

    async def everybody_knows(self, asked: str, nothing: str) -> None:
        """Wait until no other node answers `nothing`: what one writes into its tables, others have a moment later."""
        ignorant = f"[Node || Node <- nodes(), rpc:call(Node, {asked}) =:= {nothing}]."
        assert await wait_until(lambda: self.server.evaluate(ignorant) == "[]")

    async def said(self, text: str) -> list[str]:
        """Return what became of a message, by this node's log alone."""
        content = await read_log(self.gate)
        return [each.action for each in content.submissions.values() if f">{text}<".encode() in each.body]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Two nodes; each is at its own address, on the same port. `outside` has keys of another authority."""

    nodes: tuple[Node, Node]
    outside: Path


def make_node(root: Path, cluster: ClusterPlan, cookie: Path) -> Node:
    jid = f"gate-{cluster.node}"  # each gate has its own address: receipts name it
    plan = gated_plan(root / "server", gate=jid)
    plan.root.mkdir(parents=True)
    write_cluster_files(cluster, plan.root, cookie)
    gate = GateProcess(
        root / "gate", plan, one_enterprise([ALICE, BOB], [ROOM], gate=jid), canary_interval_s=0.2
    )
    return Node(EjabberdServer(plan, cluster=cluster), gate, cluster)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    root, port, now = tmp_path_factory.mktemp("cluster"), free_port(), dt.datetime.now(dt.UTC)
    for folder in ("certificates", "outside"):
        make_certificates(root / folder, root / f"{folder}.key", folder, [*NODES, "metals.example"], now)
    (root / "cookie").write_text("c" * 64)
    plans = [ClusterPlan(name, NODES, port, root / "certificates") for name in NODES]
    one, two = (make_node(root / plan.node, plan, root / "cookie") for plan in plans)
    one.server.register(ALICE, BOB)
    async with AsyncExitStack() as stack:
        for node in (one, two):
            stack.push_async_callback(node.gate.stop)
            stack.push_async_callback(node.server.kill9)
            await node.server.start()
            await node.gate.start()
        yield Cluster((one, two), root / "outside")


def with_id(id_: str) -> Matcher:
    return lambda element: element.get("id") == id_


def is_true(node: Node, expression: str) -> bool:
    return node.server.evaluate(expression) == "true"


def is_alone(node: Node) -> bool:
    return node.server.evaluate("nodes().") == "[]"


def say(stream: XmppStream, to: str, text: str, type_: str = "chat") -> None:
    stream.send(f"<message to='{to}' type='{type_}' id='{text}'><body>{text}</body></message>")


async def test_what_is_said_is_recorded_where_it_was_said_and_arrives_at_the_other_node(
    cluster: Cluster,
) -> None:
    one, two = cluster.nodes
    alice, bob = await one.login(f"{ALICE}/desk"), await two.login(f"{BOB}/desk")
    say(alice, bob.jid, "copper")
    received = await bob.expect(message("copper"))
    assert received.find(f"{{urn:xmpp:sid:0}}stanza-id[@by='gate-{one.cluster.node}']") is not None
    say(bob, alice.jid, "tin")
    await alice.expect(message("tin"))
    # The room's process is on one of the nodes.
    room, _, rooms = ROOM.partition("@")
    for stream, nick in ((alice, "al"), (bob, "bo")):
        stream.send(f"<presence to='{ROOM}/{nick}'><x xmlns='{MUC}'/></presence>")
        await stream.expect(lambda element: element.find("{jabber:client}subject") is not None)
        await one.everybody_knows(f'mod_muc, find_online_room, [<<"{room}">>, <<"{rooms}">>]', "error")
    say(alice, ROOM, "zinc", "groupchat")
    await bob.expect(message("zinc", type="groupchat"))
    say(bob, ROOM, "lead", "groupchat")
    await alice.expect(message("lead", type="groupchat"))
    for here, there, texts in ((one, two, ("copper", "zinc")), (two, one, ("tin", "lead"))):
        for text in texts:
            assert (await here.said(text), await there.said(text)) == (["release"], [])
    for stream in (alice, bob):
        await stream.close()


async def test_what_another_node_answers_with_an_error_is_told_to_the_gate_that_released_it(
    cluster: Cluster,
) -> None:
    # The room is wherever it was made; one of the two who are not in it is on the other node.
    for node, jid in zip(cluster.nodes, (ALICE, BOB), strict=True):
        stranger = await node.login(f"{jid}/outside")
        text = f"nobody-{stranger.jid.partition('@')[0]}"
        say(stranger, ROOM, text, "groupchat")
        refused = await stranger.expect(with_id(text))
        assert refused.get("type") == "error"

        def is_told(content: LogContent, text: str = text) -> bool:
            said = [each for each in content.submissions.values() if f">{text}<".encode() in each.body]
            return bool(said) and said[0].seq in content.bounced(said[0].epoch)

        await wait_for_log(node.gate, is_told)
        await stranger.close()
    for node in cluster.nodes:
        check_numbers(await read_log(node.gate))


async def test_a_session_that_is_resumed_at_the_other_node_goes_on_there(cluster: Cluster) -> None:
    one, two = cluster.nodes
    alice, bob = await one.login(f"{ALICE}/moves", resumable=True), await two.login(f"{BOB}/stays")
    say(alice, bob.jid, "before")
    await bob.expect(message("before"))
    # ejabberd knows by the second alone which of two nodes' sessions is the newer one, and ends the other.
    bound = time.time()
    assert await wait_until(lambda: int(time.time()) > int(bound))
    alice.address = two.server.address
    alice.abort()
    say(bob, alice.jid, "meanwhile")
    await alice.resume()
    await alice.expect(message("meanwhile"))
    say(alice, bob.jid, "after")
    await bob.expect(message("after"))
    assert (await one.said("before"), await two.said("before")) == (["release"], [])
    assert (await one.said("after"), await two.said("after")) == ([], ["release"])
    for stream in (alice, bob):
        await stream.close()


async def test_a_node_whose_gate_is_away_holds_what_is_said_there_alone(cluster: Cluster) -> None:
    one, two = cluster.nodes
    alice, bob = await one.login(f"{ALICE}/waits"), await two.login(f"{BOB}/talks")
    await one.gate.kill9()
    await one.server.wait_for_no_gate()
    say(alice, bob.jid, "held")
    say(bob, alice.jid, "goes")
    await alice.expect(message("goes"))
    assert await one.said("held") == await two.said("held") == []
    await one.gate.start()
    await bob.expect(message("held"))
    assert (await one.said("held"), await two.said("held")) == (["release"], [])
    for stream in (alice, bob):
        await stream.close()


async def test_a_node_that_is_killed_costs_the_other_nothing_and_comes_back(cluster: Cluster) -> None:
    one, two = cluster.nodes
    for killed, other in ((two, one), (one, two)):
        async with on_its_way(other, killed):
            await killed.server.kill9()
            # Who was there logs in at the other.
            assert await wait_until(partial(is_alone, other))
        alice, bob = await other.login(f"{ALICE}/left"), await other.login(f"{BOB}/left")
        say(alice, bob.jid, f"alone at {other.cluster.node}")
        await bob.expect(message(f"alone at {other.cluster.node}"))
        await killed.server.start()
        await killed.gate.wait_for_state("connected")
        back = await killed.login(f"{BOB}/back")
        say(alice, back.jid, f"back at {killed.cluster.node}")
        await back.expect(message(f"back at {killed.cluster.node}"))
        for stream in (alice, bob, back):
            await stream.close()
    for node in cluster.nodes:
        check_numbers(await read_log(node.gate))


@asynccontextmanager
async def on_its_way(here: Node, there: Node) -> AsyncIterator[None]:
    """Have somebody here say something to a client and a room of the other node, where it gets no further.

    That node is lost within: then both come back, and the log here says that they were not carried out; what had
    arrived does not. What goes to a session that is not forgotten yet comes back, too.
    """
    alice, bob = await here.login(f"{ALICE}/says", resumable=True), await there.login(f"{BOB}/hears")
    for stream, nick in ((bob, "bo"), (alice, "al")):  # the room is where it is joined first
        stream.send(f"<presence to='{ROOM}/{nick}'><x xmlns='{MUC}'/></presence>")
        await stream.expect(lambda element: element.find("{jabber:client}subject") is not None)
    here.server.evaluate(f"persistent_term:put(session, {session_of(bob)}).")
    at = here.cluster.node
    arrived, lost, told = (f"{what}-{at}" for what in ("arrived", "lost", "told"))
    say(alice, bob.jid, arrived)
    await bob.expect(message(arrived))
    await alice.expect_acknowledged(4)  # presence, a ping, the room, and this
    waiting = {lost: f"element(2, element(2, {session_of(bob)}))", told: ROOM_PROCESS}
    for process in waiting.values():
        there.server.evaluate(f"erlang:suspend_process({process}).")
    say(alice, bob.jid, lost)
    say(alice, ROOM, told, "groupchat")
    for id_, process in waiting.items():
        has_it = (
            f'string:find(io_lib:format("~p", [process_info({process}, messages)]), "{id_}") =/= nomatch.'
        )
        assert await wait_until(partial(is_true, there, has_it))

    def said(content: LogContent) -> list[Submission]:
        both = [f">{id_}<".encode() for id_ in (lost, told)]
        return [each for each in content.submissions.values() if any(text in each.body for text in both)]

    yield
    for id_ in (lost, told):
        assert (await alice.expect(with_id(id_))).get("type") == "error"
    await wait_for_log(
        here.gate,
        lambda content: [each.seq in content.bounced(each.epoch) for each in said(content)] == [True, True],
    )
    await alice.expect_acknowledged(6)
    forgotten = f"{session_of(bob)} =:= none."
    assert await wait_until(partial(is_true, here, forgotten))
    here.server.evaluate("mnesia:dirty_write(persistent_term:get(session)).")
    say(alice, bob.jid, f"late-{at}")
    assert (await alice.expect(with_id(f"late-{at}"))).get("type") == "error"
    here.server.evaluate("mnesia:dirty_delete_object(persistent_term:get(session)).")
    assert [each for each in alice.received if with_id(arrived)(each)] == []
    await alice.close()


def session_of(stream: XmppStream) -> str:
    """Return an expression for what a node knows of a session; `none` where it knows nothing."""
    bare, _, resource = stream.jid.partition("/")
    user, _, domain = bare.partition("@")
    key = f'{{<<"{user}">>, <<"{domain}">>, <<"{resource}">>}}'
    return f"case mnesia:dirty_index_read(session, {key}, 3) of [Each | _] -> Each; [] -> none end"


@pytest.mark.parametrize("mistake", ["none", "another authority", "another cookie", "certificate of no node"])
async def test_nobody_joins_who_cannot_prove_to_be_a_node(
    cluster: Cluster, mistake: str, tmp_path: Path
) -> None:
    ours = cluster.nodes[0].cluster
    third = {**NODES, "three.metals.example": IPv4Address("127.0.0.3")}
    plan = replace(ours, node="three.metals.example", addresses=third)
    certificates, cookie = tmp_path / "certificates", tmp_path / "cookie"
    certificates.mkdir()
    source = cluster.outside if mistake == "another authority" else ours.certificates
    shown = "metals.example" if mistake == "certificate of no node" else ours.node
    for end in ("crt", "key"):
        (certificates / f"three.metals.example.{end}").write_bytes((source / f"{shown}.{end}").read_bytes())
    (certificates / "ca.crt").write_bytes((ours.certificates / "ca.crt").read_bytes())
    cookie.write_text(("d" if mistake == "another cookie" else "c") * 64)
    write_cluster_files(replace(plan, certificates=certificates), tmp_path, cookie)
    *arguments, _, _, _, _, _, _ = node_arguments(plan, tmp_path)
    arguments += ["-pa", str(compiled_beams())]
    asks = f"io:format('~p~n', [net_adm:ping('steelyard@{ours.node}')]), halt()."
    answer = subprocess.run(  # noqa: ASYNC221
        ["erl", "-noinput", *arguments, "-eval", asks],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **node_environment(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Before it or behind it there may be what TLS reports of the alert of the node that was asked.
    told = [line for line in answer.stdout.splitlines() if line in ("pong", "pang")]
    assert told == ["pong" if mistake == "none" else "pang"], answer.stdout + answer.stderr
