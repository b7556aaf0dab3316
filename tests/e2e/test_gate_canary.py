"""The adapter and canaries: held, numbered and released like any message, from the gate to the gate."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lxml import etree

from components.link.codec import CanaryBack, Held
from components.link.encode import encode_canary
from policy.facts import Way
from tests.support.gate_process import GATE
from tests.support.scripted_gate import ScriptedLine, refuse, stanza

HOST = "metals.example"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[ScriptedLine]:
    async with ScriptedLine(tmp_path) as line:
        yield line


def ask(line: ScriptedLine, id_: str) -> None:
    line.gate.send(encode_canary(GATE, HOST, id_))


def is_canary(held: Held) -> bool:
    return held.facts.way is Way.CANARY


def came_back(line: ScriptedLine) -> list[CanaryBack]:
    """Give the canaries that the server has routed to the gate so far, in order."""
    stream = etree.fromstring(
        b"<s xmlns:stream='http://etherx.jabber.org/streams'>" + line.gate.said + b"</s>"
    )
    found = []
    for message in stream:
        children = {etree.QName(child).localname: child for child in message}
        if message.get("from") == GATE and "canary" in children:
            receipt = children["stanza-id"]
            assert receipt.get("by") == GATE
            found.append(CanaryBack(GATE, children["canary"].get("id", ""), receipt.get("id", "")))
    return found


async def test_it_is_held_and_comes_back_with_its_receipt_once_it_is_released(line: ScriptedLine) -> None:
    line.gate.hold_back()
    ask(line, "one")
    held = await line.gate.expect(is_canary)
    assert (held.host, held.facts.kind, held.facts.sender, held.facts.to) == (HOST, "message", GATE, GATE)
    assert held.facts.elements == ("{urn:steelyard:gate:0}canary",)
    assert "one" in held.facts.attributes
    await line.turn()
    assert came_back(line) == []
    line.gate.release(held.seq)
    await line.gate.wait_until(lambda: bool(came_back(line)))
    assert came_back(line) == [CanaryBack(GATE, "one", f"gate/{1000 + held.seq}")]
    status = await line.gate.expect_status(lambda status: status.done >= held.seq)
    assert (status.first_seq, status.next_seq) == (held.seq + 1, held.seq + 1)


async def test_it_keeps_its_place_among_what_others_say(line: ScriptedLine) -> None:
    alice = await line.login("alice")
    line.gate.hold_back()
    alice.send("<message to='bob@metals.example' id='m1'><body>Tin</body></message>")
    first = await line.gate.expect(stanza("m1"))
    ask(line, "one")
    canary = await line.gate.expect(is_canary)
    alice.send("<message to='bob@metals.example' id='m2'><body>Tin</body></message>")
    last = await line.gate.expect(stanza("m2"))
    assert (canary.seq, last.seq) == (first.seq + 1, first.seq + 2)
    line.gate.release(first.seq)
    await line.turn()
    assert came_back(line) == []


async def test_one_that_is_refused_or_runs_out_of_time_is_not_answered(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=2.0) as line:
        line.gate.hold_back()
        ask(line, "refused")
        held = await line.gate.expect(is_canary)
        line.gate.release(held.seq, refuse(held.seq, "cancel", "not-allowed", "No."))
        ask(line, "late")
        late = await line.gate.expect(is_canary)
        status = await line.gate.expect_status(lambda status: late.seq in status.bounced)
        assert held.seq not in status.bounced
        line.gate.go_on()
        ask(line, "right")
        await line.gate.wait_until(lambda: bool(came_back(line)))
        assert [canary.id for canary in came_back(line)] == ["right"]
        assert b"type='error'" not in line.gate.said


async def test_it_does_not_keep_the_adapter_from_reading_the_gates_verdicts(tmp_path: Path) -> None:
    """A client that fills the window is not read from any more; the gate must be."""
    async with ScriptedLine(tmp_path, window_stanzas=40) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        for number in range(20):
            alice.send(f"<message to='{bob.jid}' id='m{number}'><body>Tin</body></message>")
        await line.gate.expect(stanza("m9"))  # a quarter of the window
        ask(line, "one")
        await line.gate.expect(is_canary)
        await line.turn()
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "m19")
        await line.gate.wait_until(lambda: bool(came_back(line)))


async def test_after_a_break_it_is_submitted_again_and_comes_to_the_gate_that_is_there(
    line: ScriptedLine,
) -> None:
    line.gate.hold_back()
    ask(line, "one")
    held = await line.gate.expect(is_canary)
    await line.gate.close()
    await line.turn()
    gate = await line.connect_gate()
    again = await gate.expect(is_canary)
    assert (again.seq, again.body) == (held.seq, held.body)
    await gate.wait_until(lambda: bool(came_back(line)))
    assert [canary.id for canary in came_back(line)] == ["one"]


@pytest.mark.parametrize("to", [GATE, f"x@{GATE}", "bob@metals.example", ""])
async def test_a_clients_own_is_held_as_what_it_is(line: ScriptedLine, to: str) -> None:
    alice = await line.login("alice")
    line.gate.hold_back()
    address = f"to='{to}' " if to else ""
    alice.send(f"<message {address}id='forged'><canary xmlns='urn:steelyard:gate:0' id='one'/></message>")
    held = await line.gate.expect(stanza("forged"))
    assert (held.facts.way, held.facts.sender) == (Way.C2S, alice.jid)
    line.gate.release(held.seq, refuse(held.seq, "cancel", "not-allowed", "No."))
    await alice.expect(lambda element: element.get("type") == "error")
    assert came_back(line) == []
