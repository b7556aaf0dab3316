"""ejabberd goes on with a stanza when a hook has crashed or is gone: nothing passes all the same (docs/ejabberd.md)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.ejabberd import EjabberdServer
from tests.support.scripted_gate import ScriptedLine, SilentGate, stanza
from tests.support.stream import XmppStream, message

pytestmark = pytest.mark.asyncio(loop_scope="module")

STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
HOST = '<<"metals.example">>'
OPTIONS = "{stanza_gate, options}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScriptedLine]:
    async with ScriptedLine(tmp_path_factory.mktemp("ejabberd")) as line:
        yield line


def server_of(line: ScriptedLine) -> EjabberdServer:
    assert isinstance(line.prosody, EjabberdServer)
    return line.prosody


async def two(line: ScriptedLine, test: str) -> tuple[XmppStream, XmppStream]:
    """Log in alice, and bob with a resource of the test's own."""
    return await line.login(f"alice/{test}"), await line.login(f"bob/{test}")


def offer(bob: XmppStream, id_: str) -> str:
    return f"<message to='{bob.jid}' type='chat' id='{id_}'><body>Offer {id_}</body></message>"


def heard(bob: XmppStream) -> list[str]:
    """Return the ids of the messages that he got; what he hears of his own other sessions does not matter."""
    return [each.get("id", "") for each in bob.received if each.tag.endswith("}message")]


async def condition_of(alice: XmppStream, id_: str) -> str:
    error = await alice.expect(lambda element: element.get("id") == id_)
    assert error.get("type") == "error"
    (found,) = error.findall("{jabber:client}error")
    return next(str(each.tag).removeprefix(STANZAS) for each in found if not str(each.tag).endswith("text"))


async def is_open_again(line: ScriptedLine, alice: XmppStream, bob: XmppStream, id_: str) -> None:
    alice.send(offer(bob, id_))
    received = await bob.expect(message(f"Offer {id_}"))
    assert received.find(f"{{urn:xmpp:sid:0}}stanza-id[@by='{line.gate.jid}']") is not None


async def test_a_hold_that_crashes_is_an_error_to_the_sender(line: ScriptedLine) -> None:
    alice, bob = await two(line, "crash")
    await line.turn()
    server, before = server_of(line), len(line.gate.submissions)
    kept = f"persistent_term:put(kept, persistent_term:get({OPTIONS})), persistent_term:erase({OPTIONS})."
    server.evaluate(kept)
    alice.send(offer(bob, "m1"))
    assert await condition_of(alice, "m1") == "internal-server-error"
    server.evaluate(f"persistent_term:put({OPTIONS}, persistent_term:get(kept)).")
    await line.turn()
    assert not heard(bob)
    assert len(line.gate.submissions) == before
    await is_open_again(line, alice, bob, "m2")


@pytest.mark.parametrize(
    ("hook", "module", "function", "at", "answered"),
    [
        ("c2s_authenticated_packet", "mod_stanza_gate", "hold", 1, True),
        ("user_send_packet", "mod_stanza_gate", "go_on", 1, False),
    ],
)
async def test_one_hook_alone_lets_nothing_through(
    line: ScriptedLine, hook: str, module: str, function: str, at: int, answered: bool
) -> None:
    alice, bob = await two(line, function)
    server = server_of(line)
    arguments = f"({hook}, {HOST}, {module}, {function}, {at})."
    server.evaluate(f"ejabberd_hooks:delete{arguments}")
    alice.send(offer(bob, "m1") + "</stream:stream>")
    if answered:
        assert await condition_of(alice, "m1") == "internal-server-error"
    await alice.wait_for_end()  # the session is through with all that it was told
    await line.turn()
    server.evaluate(f"ejabberd_hooks:add{arguments}")
    await line.turn()
    assert not heard(bob)
    alice = await line.login(f"alice/{function}-again")
    await is_open_again(line, alice, bob, "m2")


async def test_when_the_window_dies_who_waits_is_told_and_a_new_epoch_begins(line: ScriptedLine) -> None:
    alice, bob = await two(line, "window")
    server, first = server_of(line), line.gate
    first.hold_back()
    alice.send(offer(bob, "m1"))
    await first.expect(stanza("m1"))
    server.evaluate("exit(whereis(stanza_gate_window), kill).")
    assert await condition_of(alice, "m1") == "internal-server-error"
    await first.wait_until(lambda: first.ended)  # it connects again, and hears of the new epoch
    second = await line.connect_gate()
    status = await second.expect_status()
    assert (status.first_seq, status.next_seq, status.done) == (1, 1, 0)
    assert status.epoch != first.statuses[-1].epoch
    await line.turn()
    assert not heard(bob)
    await is_open_again(line, alice, bob, "m2")


async def test_an_unloaded_module_passes_nothing_and_a_status_says_so(line: ScriptedLine) -> None:
    alice, bob = await two(line, "unloaded")
    server = server_of(line)
    epoch = line.gate.epoch
    server.evaluate(f"gen_mod:stop_module({HOST}, mod_stanza_gate).")
    alice.send(offer(bob, "m1"))
    assert await condition_of(alice, "m1") == "resource-constraint"
    status = await line.gate.expect_status(lambda status: status.unheld == ("metals.example",))
    await line.turn()
    assert not heard(bob)
    server.evaluate(f"gen_mod:start_module({HOST}, mod_stanza_gate).")
    again = await line.gate.expect_status(lambda status: not status.unheld)
    assert (again.epoch, again.next_seq) == (epoch, status.next_seq)
    await is_open_again(line, alice, bob, "m2")


async def test_a_second_component_of_the_gates_name_is_turned_away(line: ScriptedLine) -> None:
    alice, bob = await two(line, "second")
    first = line.gate
    second = await SilentGate.connect(line.plan, first.jid, line.plan.gate_secret)
    await second.wait_until(lambda: second.ended)
    assert b"<conflict " in second.said
    assert not second.statuses
    await is_open_again(line, alice, bob, "m1")
    assert not first.ended


async def test_what_was_held_when_its_session_was_killed_goes_nowhere(line: ScriptedLine) -> None:
    alice, bob = await two(line, "killed")
    line.gate.hold_back()
    alice.send(offer(bob, "m1"))
    held = await line.gate.expect(stanza("m1"))
    user, resource = '<<"alice">>', '<<"killed">>'
    server_of(line).evaluate(f"exit(ejabberd_sm:get_session_pid({user}, {HOST}, {resource}), kill).")
    status = await line.gate.expect_status(lambda status: held.seq in status.bounced)
    assert status.first_seq > held.seq
    line.gate.go_on()
    await line.turn()
    assert not heard(bob)
