"""What ends the gate's stream is found among what many sessions say, and the others' go on (gate protocol, 5.10).

Here a session has one stanza in the window: the tests that are Prosody's too (`same_tests.txt`) have one session.
"""

from base64 import b64decode
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from lxml import etree

from tests.support.ejabberd import EjabberdServer
from tests.support.process import wait_until
from tests.support.scripted_gate import ScriptedLine, SilentGate, refuse, stanza
from tests.support.stream import XmppStream, message

NAMED = "maps:get(named, maps:get(quarantine, sys:get_state(stanza_gate_window)))."

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScriptedLine]:
    async with ScriptedLine(tmp_path_factory.mktemp("quarantine")) as line:
        yield line


def server_of(line: ScriptedLine) -> EjabberdServer:
    assert isinstance(line.prosody, EjabberdServer)
    return line.prosody


async def said_by_three(line: ScriptedLine, test: str) -> tuple[list[XmppStream], XmppStream]:
    """Have three sessions say m1, m2 and m3 to bob, in this order, and the gate hold all of them."""
    bob = await line.login(f"bob/{test}")
    speakers = [await line.login(f"alice/{test}{number}") for number in (1, 2, 3)]
    await line.turn()
    line.gate.hold_back()
    for number, speaker in enumerate(speakers, 1):
        speaker.send(f"<message to='{bob.jid}' id='m{number}'><body>{test} {number}</body></message>")
        await line.gate.expect(stanza(f"m{number}"))
    return speakers, bob


async def another_gate(line: ScriptedLine) -> SilentGate:
    await line.gate.close()
    gate = await line.connect_gate(SilentGate)
    assert isinstance(gate, SilentGate)
    return gate


async def test_after_a_break_little_is_submitted_at_a_time_and_the_second_break_is_the_last(
    line: ScriptedLine,
) -> None:
    (alice, *_), bob = await said_by_three(line, "little")
    gate = await another_gate(line)
    await gate.expect(stanza("m1"))
    await line.turn()
    assert len(gate.submissions) == 1
    gate = await another_gate(line)
    held = await gate.expect(lambda held: held.problem == "quarantined")
    assert (held.facts.kind, held.facts.sender, held.facts.to) == ("message", alice.jid, bob.jid)
    assert b"little 1" in b64decode(etree.fromstring(held.body).text or "")
    await line.turn()
    assert len(gate.submissions) == 1
    gate.release(held.seq, refuse(held.seq, "cancel", "internal-server-error", ""))
    error = await alice.expect(lambda element: element.get("id") == "m1")
    assert error.get("type") == "error"
    gate.go_on()
    for number in (2, 3):
        await bob.expect(message(f"little {number}"))


async def test_what_the_gate_names_as_unread_is_quarantined_at_the_second_time_and_nothing_else(
    line: ScriptedLine,
) -> None:
    _, bob = await said_by_three(line, "named")
    gate = line.gate
    (named,) = (held for held in gate.submissions if b"named 2" in held.body)
    for _ in range(2):
        unread = f"<unread xmlns='urn:steelyard:gate:0' seq='{named.seq}'/>"
        gate.send(f"<message to='{gate.jid}' from='{gate.jid}'>{unread}</message>")
        assert await wait_until(lambda: server_of(line).evaluate(NAMED) == str(named.seq))
        gate = await another_gate(line)
        await gate.expect(stanza("m3"))
    quarantined = [held.seq for held in gate.submissions if held.problem == "quarantined"]
    assert (quarantined, len(gate.submissions)) == ([named.seq], 3)
    gate.go_on()
    for number in (1, 3):
        await bob.expect(message(f"named {number}"))
