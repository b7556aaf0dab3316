"""A submission that breaks the gate is refused alone, and everybody else's go on (gate protocol, 5.10)."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from lxml import etree

from components.archive.record import Submission
from components.audit.stanza import read_submission
from policy.facts import Way
from tests.support.line import Line
from tests.support.observer import LogContent, read_log, wait_for_log
from tests.support.poisoned_gate import POISON
from tests.support.review_scene import refused, say
from tests.support.scripted_gate import ScriptedLine, SilentGate, event, stanza
from tests.support.stream import message

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example/desk"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


@asynccontextmanager
async def poisoned(root: Path, where: str) -> AsyncIterator[Line]:
    """A line whose gate has a mistake, and is started again whenever it ends."""
    line = Line(root, [ALICE.partition("/")[0], BOB.partition("/")[0]])
    line.gate.program = ("tests.support.poisoned_gate", where)

    async def supervise() -> None:
        while True:
            await asyncio.sleep(0.05)
            if not line.gate.running:
                line.gate.launch()

    async with line:
        task = asyncio.create_task(supervise())
        try:
            yield line
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def find(content: LogContent, text: str) -> list[Submission]:
    return [each for each in content.submissions.values() if text.encode() in each.body]


@pytest.mark.parametrize("where", ["door", "process", "record", "policy", "facts", "filing"])
async def test_one_poisonous_message_among_others_costs_nobody_else_anything(
    tmp_path: Path, where: str
) -> None:
    async with poisoned(tmp_path, where) as line:
        alice, bob = await line.login(ALICE), await line.login(BOB)
        await bob.come_online()
        # What goes before it in the same write is suspect as well, and innocent.
        alice.send("".join(say(f"before {number}", id_=f"b{number}") for number in range(5)))
        alice.send(say(f"a draught of {POISON}", id_="poison"))
        alice.send("".join(say(f"after {number}", id_=f"a{number}") for number in range(5)))
        error = await alice.expect(refused("poison"))
        assert error.find(f".//{STANZAS}internal-server-error") is not None
        for text in (f"{when} {number}" for when in ("before", "after") for number in range(5)):
            await bob.expect(message(text))
        assert not [each for each in alice.unread if each.get("type") == "error"]
        alarm = "quarantined" if where in ("door", "process", "record") else "undecidable"
        await wait_for_log(line.gate, lambda content: alarm in [each.name for each in content.alarms])
        content = await read_log(line.gate)
        (record,) = [each for each in content.submissions.values() if each.rules == (alarm,)]
        assert record.action == "refuse"
        body = record.body
        if alarm == "quarantined":
            body = b64decode(etree.fromstring(body).text or "")
            reading = read_submission(record)
            assert (reading.sender, reading.to) == (ALICE, BOB.partition("/")[0])
        assert etree.fromstring(body).findtext("{*}body") == f"a draught of {POISON}"
        assert POISON not in line.gate.log_tail(10_000)


async def test_after_a_break_little_is_submitted_at_a_time_and_the_second_break_is_the_last(
    tmp_path: Path,
) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(f"<message to='{BOB}' id='m1'><body>m1</body></message>")
        await line.gate.expect(stanza("m1"))
        alice.send("".join(f"<message to='{BOB}' id='m{n}'><body>m{n}</body></message>" for n in (2, 3)))
        await line.gate.expect(stanza("m3"))
        await line.gate.close()
        gate = await line.connect_gate(SilentGate)
        await gate.expect(stanza("m1"))
        await line.turn()
        assert len(gate.submissions) == 1
        await gate.close()
        gate = await line.connect_gate(SilentGate)
        held = await gate.expect(lambda held: held.problem == "quarantined")
        assert (held.facts.kind, held.facts.sender, held.facts.to) == ("message", ALICE, BOB)
        assert b"m1" in b64decode(etree.fromstring(held.body).text or "")
        gate.go_on()
        await bob.expect(message("m3"))


async def test_what_breaks_the_link_in_quarantine_as_well_is_given_back_and_told(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(f"<message to='{BOB}' id='m1'><body>m1</body></message>")
        held = await line.gate.expect(stanza("m1"))
        for submitted in (True, True, False):
            await line.gate.close()
            gate = await line.connect_gate(SilentGate)
            if submitted:
                await gate.wait_until(lambda: bool(gate.submissions))  # noqa: B023
        await alice.expect(refused("m1"))
        status = await gate.expect_status()
        assert (status.bounced, status.unrecorded) == ((held.seq,), (held.seq,))
        gate.go_on()
        alice.send(f"<message to='{BOB}' id='m2'><body>m2</body></message>")
        await bob.expect(message("m2"))


async def test_what_the_gate_names_as_unread_is_quarantined_at_the_second_time_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send("".join(f"<message to='{BOB}' id='m{n}'><body>m{n}</body></message>" for n in range(1, 9)))
        gate = line.gate
        for _ in range(2):
            held = await gate.expect(stanza("m5"))
            gate.send(f"<message to='{gate.jid}' from='{gate.jid}'><unread xmlns='urn:steelyard:gate:0' "
                      f"seq='{held.seq}'/></message>")  # fmt: skip
            await line.turn()
            await gate.close()
            gate = await line.connect_gate(SilentGate)
        again = await gate.expect(lambda held: held.problem == "quarantined")
        await gate.expect(stanza("m8"))
        assert (again.seq, len(gate.submissions)) == (held.seq, 8)
        gate.go_on()
        await bob.expect(message("m8"))


async def test_a_session_event_can_be_quarantined_too(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        line.gate.hold_back()
        await line.login("alice", online=False)
        bind = await line.gate.expect(event("bind"))
        for _ in range(2):
            await line.gate.close()
            gate = await line.connect_gate(SilentGate)
            await gate.wait_until(lambda: bool(gate.submissions))  # noqa: B023
        held = gate.submissions[0]
        assert (held.seq, held.facts.way, held.facts.kind) == (bind.seq, Way.SESSION, "bind")
        assert held.problem == "quarantined"
