"""G2 with stream management (XEP-0198): what is acknowledged is kept, and what is said again goes out once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lxml import etree

from tests.support.line import Line
from tests.support.observer import MODULES_UNDER_LOAD, LogContent, read_log, wait_for_log
from tests.support.process import wait_until
from tests.support.stream import XmppStream

ALICE, BOB = "alice@metals.example", "bob@metals.example"
COUNT = 400


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    # What bob does not have when the server ends waits for him offline, as it does for everybody.
    async with Line(tmp_path, [ALICE, BOB], modules=(*MODULES_UNDER_LOAD, "offline")) as line:
        yield line


def offer(number: int) -> str:
    return f"<message to='{BOB}' type='chat' id='m{number}'><body>Offer {number}</body></message>"


async def login(line: Line, jid: str) -> XmppStream:
    stream = await line.login(jid)
    await stream.come_online()
    return stream


def ids_of(*streams: XmppStream, errors: bool = False) -> list[str]:
    return [
        each.get("id", "")
        for stream in streams
        for each in stream.received
        if each.tag.endswith("}message") and (each.get("type") == "error") is errors
    ]


def recorded(content: LogContent, id_: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return how each record of the message with this id was decided on."""
    return [
        (each.action, each.rules)
        for _, each in sorted(content.submissions.items())
        if each.way == "c2s" and etree.fromstring(each.body).get("id") == id_
    ]


def is_carried_out(id_: str, content: LogContent) -> bool:
    return any(etree.fromstring(each.body).get("id") == id_ for each in content.carried_out())


def is_all_carried_out(content: LogContent) -> bool:
    through = max((each.through for each in content.deliveries), default=0)
    return all(each.seq <= through for each in content.submissions.values())


@pytest.mark.parametrize("how", ["stop", "kill9"])
async def test_what_was_acknowledged_has_arrived_or_come_back(line: Line, how: str) -> None:
    alice, bob = await login(line, ALICE), await login(line, BOB)
    await alice.enable_resumption()
    ending = None
    for number in range(COUNT):
        if alice.ended:
            break
        alice.send(offer(number) + ("<r xmlns='urn:xmpp:sm:3'/>" if number % 5 == 4 else ""))
        if number == COUNT // 2:
            assert await wait_until(lambda: bool(alice.acknowledgements))
            ending = asyncio.create_task(line.prosody.stop() if how == "stop" else line.prosody.kill9())
        await asyncio.sleep(0)
    assert ending is not None
    await ending
    await alice.wait_for_end()
    await bob.wait_for_end()
    acknowledged = alice.acknowledgements[-1]
    assert acknowledged > 0
    await line.prosody.start()
    await line.gate.wait_for_state("connected")
    again = await login(line, BOB)
    await again.ping()
    arrived, returned = ids_of(bob, again), ids_of(alice, errors=True)
    lost = {f"m{number}" for number in range(acknowledged)} - set(arrived) - set(returned)
    # What arrived may wait on the way to somebody whose connection broke: the server keeps no more than without a gate.
    assert not lost
    assert len(set(arrived)) == len(arrived)


@pytest.mark.slow
async def test_what_is_acknowledged_is_already_written(tmp_path: Path) -> None:
    modules = (*MODULES_UNDER_LOAD, "killed_after_an_answer")
    async with Line(tmp_path, [ALICE, BOB], modules=modules) as line:
        alice, bob = await login(line, f"{ALICE}/sender"), await login(line, BOB)
        await alice.enable_resumption()
        alice.send("".join(offer(number) + "<r xmlns='urn:xmpp:sm:3'/>" for number in range(20)))
        await alice.wait_for_end()
        await bob.wait_for_end()
        acknowledged = alice.acknowledgements[-1]
        assert acknowledged > 0
        assert ids_of(bob)[:acknowledged] == [f"m{number}" for number in range(acknowledged)]


async def test_a_client_that_says_again_what_was_not_acknowledged_says_it_once(line: Line) -> None:
    alice, bob = await login(line, ALICE), await login(line, BOB)
    await alice.enable_resumption()
    alice.send("".join(map(offer, range(5))))
    assert await wait_until(lambda: len(ids_of(bob)) == 5)
    await wait_for_log(line.gate, lambda content: is_carried_out("m4", content))
    line.gate.sigstop()  # these it never records
    alice.send(offer(5) + offer(6))
    await line.prosody.kill9()
    line.gate.sigcont()
    await line.prosody.start()
    await line.gate.wait_for_state("connected")
    alice, bob_again = await login(line, ALICE), await login(line, BOB)
    alice.send("".join(map(offer, range(8))))  # it had no acknowledgement for any of these
    assert await wait_until(lambda: "m7" in ids_of(bob_again))
    assert ids_of(bob) == ["m0", "m1", "m2", "m3", "m4"]
    assert ids_of(bob_again) == ["m5", "m6", "m7"]
    assert not ids_of(alice, errors=True)
    await wait_for_log(line.gate, lambda content: is_carried_out("m7", content))
    content = await read_log(line.gate)
    assert recorded(content, "m0") == [("release", ()), ("refuse", ("repeated",))]
    assert recorded(content, "m7") == [("release", ())]


async def test_it_is_recognised_when_the_gate_was_killed_as_well(line: Line) -> None:
    alice, bob = await login(line, ALICE), await login(line, BOB)
    await alice.enable_resumption()
    alice.send(offer(0))
    assert await wait_until(lambda: ids_of(bob) == ["m0"])
    await wait_for_log(line.gate, lambda content: is_carried_out("m0", content))
    await line.prosody.kill9()
    await line.gate.kill9()
    await line.prosody.start()
    await line.gate.start()
    alice, bob_again = await login(line, ALICE), await login(line, BOB)
    alice.send(offer(0) + offer(1))
    assert await wait_until(lambda: "m1" in ids_of(bob_again))
    assert ids_of(bob_again) == ["m1"]


async def test_a_server_that_stops_in_order_leaves_nothing_unknown(line: Line) -> None:
    alice, bob = await login(line, ALICE), await login(line, BOB)
    alice.send("".join(map(offer, range(100))))
    assert await wait_until(lambda: len(ids_of(bob)) > 0)
    await line.prosody.stop()
    assert await wait_until(lambda: line.gate.status().get("state") == "disconnected")
    await line.gate.stop()
    await line.prosody.start()
    await line.gate.start()
    await login(line, ALICE)
    assert [alarm["name"] for alarm in line.gate.status().get("alarms", ())] == []
    assert not [alarm for alarm in (await read_log(line.gate)).alarms if alarm.name == "delivery-unknown"]


async def test_what_was_recorded_when_the_server_was_gone_comes_back_to_its_sender(line: Line) -> None:
    alice, bob = await login(line, ALICE), await login(line, BOB)
    await alice.enable_resumption()
    await wait_for_log(line.gate, is_all_carried_out)
    line.gate.sigstop()
    alice.send(offer(0))
    await alice.expect_acknowledged(0)  # it is heard, and submitted
    await line.prosody.kill9()
    line.gate.sigcont()
    await line.prosody.start()
    await line.gate.wait_for_state("connected")
    alice, bob_again = await login(line, ALICE), await login(line, BOB)
    error = await alice.expect(lambda element: element.get("id") == "m0")
    assert (error.get("type"), error.get("from")) == ("error", BOB)
    assert ids_of(bob, bob_again) == []
    content = await read_log(line.gate)
    assert recorded(content, "m0") == [("release", ())]
    (submission,) = (each for each in content.submissions.values() if b"Offer 0" in each.body)
    assert submission.seq in content.bounced(submission.epoch)
    assert not [alarm for alarm in content.alarms if alarm.name == "delivery-unknown"]
