"""ejabberd says what became of what was released, and an orderly stop carries out or gives back all that is held."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from components.link.codec import Held
from tests.support.ejabberd import EjabberdServer
from tests.support.process import wait_until
from tests.support.scripted_gate import ScriptedLine, event, made_by_server, stanza
from tests.support.stream import XmppStream, having

pytestmark = pytest.mark.asyncio(loop_scope="module")

STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
MUC = "http://jabber.org/protocol/muc"
NOBODY = "nobody@metals.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScriptedLine]:
    async with ScriptedLine(tmp_path_factory.mktemp("settles")) as line:
        yield line


def offer(to: str, id_: str) -> str:
    return f"<message to='{to}' type='chat' id='{id_}'><body>Offer {id_}</body></message>"


def heard(stream: XmppStream) -> list[str]:
    return [each.get("id", "") for each in stream.received if each.tag.endswith("}message")]


async def error_of(stream: XmppStream, id_: str) -> str:
    """Return the condition of the error that comes back for a stanza."""
    error = await stream.expect(lambda each: each.get("id") == id_)
    assert error.get("type") == "error"
    (found,) = error.findall("{jabber:client}error")
    return next(str(each.tag).removeprefix(STANZAS) for each in found if not str(each.tag).endswith("text"))


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        (offer(NOBODY, "x1"), "service-unavailable"),
        (offer("pit@rooms.metals.example", "x2").replace("chat", "groupchat"), "item-not-found"),
        ("<iq type='get' id='x3'><query xmlns='urn:example:nothing'/></iq>", "service-unavailable"),
        (
            "<iq type='get' id='x4' to='metals.example'><query xmlns='urn:example:nothing'/></iq>",
            "service-unavailable",
        ),
    ],
    ids=["no such person", "no such room", "unknown request", "unknown request to the server"],
)
async def test_what_the_server_answers_with_an_error_is_told_as_refused(
    line: ScriptedLine, said: str, condition: str
) -> None:
    alice = await line.login("alice/refused")
    alice.send(said)
    id_ = said.partition("id='")[2].partition("'")[0]
    held = await line.gate.expect(stanza(id_))
    assert await error_of(alice, id_) == condition
    await line.gate.expect_status(lambda status: held.seq in status.bounced and status.done >= held.seq)
    assert f"<bounced seq='{held.seq}' refused='true'/>".encode() in line.gate.said
    await alice.close()


async def test_what_another_client_answers_is_no_refusal(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/answered"), await line.login("bob/answered")
    alice.send(f"<iq type='get' id='q1' to='{bob.jid}'><query xmlns='urn:example:nothing'/></iq>")
    asked = await line.gate.expect(stanza("q1"))
    await bob.expect(lambda each: each.get("id") == "q1")
    bob.send(
        f"<iq type='error' id='q1' to='{alice.jid}'><error type='cancel'>"
        "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
    assert await error_of(alice, "q1") == "service-unavailable"
    alice.send(offer(bob.jid, "q2"))
    last = await line.gate.expect(stanza("q2"))
    await line.gate.expect_status(lambda status: status.done >= last.seq)
    assert f"<bounced seq='{asked.seq}'".encode() not in line.gate.said


async def test_what_others_say_to_a_session_does_not_wait_for_what_it_has_said(line: ScriptedLine) -> None:
    alice, carol, bob = [await line.login(f"{name}/done") for name in ("alice", "carol", "bob")]
    line.gate.hold_back()
    alice.send(offer(bob.jid, "d0"))
    told = await line.gate.expect(stanza("d0"))
    bob.send(offer(carol.jid, "d1"))
    held = await line.gate.expect(stanza("d1"))
    line.gate.release(told.seq)
    assert await bob.expect(lambda each: each.get("id") == "d0") is not None
    status = await line.gate.expect_status(lambda status: status.done >= told.seq)
    assert status.done < held.seq
    assert heard(carol) == []
    line.gate.go_on()
    await line.gate.expect_status(lambda status: status.done >= held.seq)
    assert await carol.expect(lambda each: each.get("id") == "d1") is not None


async def test_what_the_server_makes_in_somebodys_name_is_submitted_in_their_session(
    line: ScriptedLine,
) -> None:
    line.prosody.befriend("alice@metals.example", "bob@metals.example")
    alice, bob = await line.login("alice/made"), await line.login("bob/made")
    for stream in (bob, alice):
        stream.send("<presence id='p1'/>")
        await stream.ping()
    said = await line.gate.expect(lambda held: held.facts.sender == alice.jid and stanza("p1")(held))
    made = await line.gate.expect(is_made(alice, "", "bob@metals.example"))
    assert (made.session, made.stopped, made.facts.kind) == (said.session, False, "presence")
    # What one contact may answer is no refusal of what goes to everybody.
    await line.gate.expect_status(lambda status: status.done >= made.seq)
    assert f"<bounced seq='{said.seq}'".encode() not in line.gate.said
    alice.abort()
    farewell = await line.gate.expect(is_made(alice, "unavailable", "bob@metals.example"))
    unbound = await line.gate.expect(event("unbind"))
    assert farewell.session == unbound.session == said.session
    assert farewell.seq < unbound.seq
    await bob.expect(lambda each: each.get("from") == alice.jid and each.get("type") == "unavailable")


async def test_what_the_server_makes_stops_at_a_border_and_is_submitted_as_that(line: ScriptedLine) -> None:
    line.prosody.befriend("alice@metals.example", "bob@metals.example")
    alice, bob = await line.login("alice/stopped"), await line.login("bob/stopped")
    bob.send("<presence/>")
    await bob.ping()
    line.gate.say_borders(
        "<class id='1' reaches='1'>alice@metals.example metals.example</class>"
        "<class id='2' reaches='2'>bob@metals.example metals.example</class>"
    )
    await line.turn()
    alice.send("<presence><status>news</status></presence>")
    made = await line.gate.expect(lambda held: made_by_server(held) and b"news" in held.body)
    assert (made.facts.to, made.stopped) == ("bob@metals.example", True)
    await line.turn()
    assert not [each for each in bob.received if each.find("{jabber:client}status") is not None]


async def test_who_is_parted_by_a_new_table_sees_the_other_go(line: ScriptedLine) -> None:
    line.prosody.befriend("alice@metals.example", "bob@metals.example")
    together = "alice@metals.example bob@metals.example carol@metals.example metals.example"
    line.gate.say_borders(f"<class id='1' reaches='1'>{together}</class>")
    await line.turn()
    alice, bob = await line.login("alice/parted"), await line.login("bob/parted")
    for one, other in ((alice, bob), (bob, alice)):
        one.send("<presence/>")
        await other.expect(having(from_=one.jid))
    line.gate.say_borders(
        "<class id='1' reaches='1'>alice@metals.example metals.example</class>"
        "<class id='2' reaches='2'>bob@metals.example carol@metals.example</class>"
    )
    for one, other in ((alice, bob), (bob, alice)):
        await one.expect(having(from_=other.jid, type="unavailable"))
        made = await line.gate.expect(is_made(other, "unavailable", one.jid))
        assert not made.stopped


def is_made(by: XmppStream, type_: str, to: str) -> Callable[[Held], bool]:
    """Match a presence that the server made in this session's name, to this address."""
    return lambda held: (
        made_by_server(held) and (held.facts.sender, held.facts.type, held.facts.to) == (by.jid, type_, to)
    )


async def test_what_is_stored_is_told_once_whoever_comes_meanwhile_and_whatever_is_killed(
    tmp_path: Path,
) -> None:
    async with ScriptedLine(tmp_path) as line:
        bob = await line.login("bob/x")
        bob.send(offer("alice@metals.example", "k0"))
        held = await line.gate.expect(stanza("k0"))
        await line.gate.expect_status(lambda status: status.done >= held.seq)
        await restart_killed(line)
        alice = await line.login("alice/x")
        await alice.expect(lambda each: each.get("id") == "k0")
        await restart_killed(line)
        alice = await line.login("alice/x")
        await alice.ping()
        assert heard(alice) == []
        # Somebody looked whether she is there, before she came, and stores it now.
        message = offer(alice.jid, "k1").replace(
            "<message", "<message xmlns='jabber:client' from='bob@metals.example/x'"
        )
        server = line.prosody
        assert isinstance(server, EjabberdServer)
        server.evaluate(
            f'Said = xmpp:decode(fxml_stream:parse_element(<<"{message}">>)), '
            'ejabberd_hooks:run_fold(offline_message_hook, <<"metals.example">>, {bounce, Said}, []).'
        )
        await alice.expect(lambda each: each.get("id") == "k1")


async def test_what_is_stored_while_somebody_fetches_what_waits_is_not_deleted_unread(
    line: ScriptedLine,
) -> None:
    """Who comes online reads what waits, and deletes all that is there then."""
    server = line.prosody
    assert isinstance(server, EjabberdServer)
    dora = '{<<"dora">>, <<"metals.example">>}'
    # As mod_offline fetches, but that it waits between reading and deleting; and as it stores.
    server.evaluate(
        "Main = self(), Fetch = fun() -> mnesia:wread({offline_msg, Dora}), Main ! has_read, "
        "receive delete -> mnesia:delete({offline_msg, Dora}) end end, "
        "Fetcher = spawn(fun() -> mnesia:transaction(Fetch) end), persistent_term:put(fetcher, Fetcher), "
        "receive has_read -> ok end.".replace("Dora", dora)
    )
    jid = 'jid:decode(<<"dora@metals.example">>)'
    said = "xmpp:decode(fxml_stream:parse_element(<<\"<message xmlns='jabber:client' id='f0'/>\">>))"
    message = f"{{offline_msg, {dora}, erlang:timestamp(), never, {jid}, {jid}, {said}}}"
    store = '(gen_mod:db_mod(<<"metals.example">>, mod_offline)):store_message'
    # The younger of two transactions is not queued for a lock: it begins again, later and later, and that is counted.
    begun_again = "mnesia:system_info(transaction_restarts)"
    before = server.evaluate(f"{begun_again}.")
    server.evaluate(f"persistent_term:put(storer, spawn(fun() -> {store}({message}) end)).")
    waits_or_wrote = f"{begun_again} > {before} orelse not is_process_alive(persistent_term:get(storer))."
    assert await wait_until(lambda: server.evaluate(waits_or_wrote) == "true")
    server.evaluate("persistent_term:get(fetcher) ! delete.")
    ended = (
        "is_process_alive(persistent_term:get(storer)) orelse is_process_alive(persistent_term:get(fetcher))."
    )
    assert await wait_until(lambda: server.evaluate(ended) == "false")
    assert server.evaluate(f"length(mnesia:dirty_read(offline_msg, {dora})).") == "1"


async def restart_killed(line: ScriptedLine) -> None:
    await line.prosody.kill9()
    await line.gate.wait_until(lambda: line.gate.ended)
    await line.prosody.start()
    await line.connect_gate()


async def test_a_server_that_stops_waits_for_what_is_held(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, carol, bob = [await line.login(f"{name}/x") for name in ("alice", "carol", "bob")]
        await alice.enable_resumption()
        line.gate.hold_back()
        alice.send(offer(bob.jid, "s0"))
        held = await line.gate.expect(stanza("s0"))
        server = line.prosody
        assert isinstance(server, EjabberdServer)
        stopping = asyncio.create_task(server.stop())
        asked = "maps:get(stopping, sys:get_state(stanza_gate_window)) =/= none."
        assert await wait_until(lambda: server.evaluate(asked) == "true")
        carol.send(offer(bob.jid, "s1"))
        assert await error_of(carol, "s1") == "resource-constraint"
        line.gate.release(held.seq)
        await stopping
        assert heard(bob) == ["s0"]
        # She does not ask, and would say it again to the server when it is back.
        await alice.wait_for_end()
        assert alice.acknowledgements == [1]
        settled = [status for status in line.gate.statuses if status.done == held.seq]
        assert settled and not settled[-1].bounced


async def test_a_server_that_stops_gives_back_what_has_no_verdict(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=1.0) as line:
        alice, bob = await line.login("alice/x"), await line.login("bob/x")
        line.gate.hold_back()
        alice.send(offer(bob.jid, "s0"))
        held = await line.gate.expect(stanza("s0"))
        await line.prosody.stop()
        assert await error_of(alice, "s0") == "resource-constraint"
        assert held.seq in line.gate.bounced
        assert heard(bob) == []
