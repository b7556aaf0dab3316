"""G1: when recording stops, the line stops. Nothing is delivered that is not in the log, and senders are told."""

import resource
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.support import observer
from tests.support.gate_process import GateProcess
from tests.support.line import Line
from tests.support.process import NotReadyError, wait_until

pytestmark = pytest.mark.slow

TIMEOUT_S = 2.0
PAIRS = 4


async def stop(gate: GateProcess) -> None:
    gate.sigstop()


async def go_on(gate: GateProcess) -> None:
    gate.sigcont()


async def fill_disk(gate: GateProcess) -> None:
    """Let no file of the gate's grow beyond a byte: whatever it writes fails, as on a full disk."""
    _, hard = resource.prlimit(gate.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gate.pid, resource.RLIMIT_FSIZE, (1, hard))


async def free_disk(gate: GateProcess) -> None:
    _, hard = resource.prlimit(gate.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gate.pid, resource.RLIMIT_FSIZE, (hard, hard))


Act = Callable[[GateProcess], Coroutine[Any, Any, None]]
FAULTS: dict[str, tuple[Act, Act]] = {
    "killed": (GateProcess.kill9, GateProcess.start),
    "stopped": (stop, go_on),
    "disk full": (fill_disk, free_disk),
}


@pytest.fixture
async def traders() -> list[observer.Trader]:
    return observer.make_traders(PAIRS)


@pytest.fixture
async def line(tmp_path: Path, traders: list[observer.Trader]) -> AsyncIterator[Line]:
    people = [trader.jid.partition("/")[0] for trader in traders]
    async with Line(tmp_path, people, hold_timeout_s=TIMEOUT_S, modules=observer.MODULES_UNDER_LOAD) as line:
        for trader in traders:
            await trader.login(line.prosody.address)
        yield line


@pytest.mark.parametrize(
    ("fault", "disconnected"),  # whether it goes on until the adapter has broken the connection
    [("killed", False), ("stopped", False), ("stopped", True), ("disk full", False), ("disk full", True)],
)
async def test_nothing_is_delivered_unrecorded_and_everybody_is_told(
    line: Line, traders: list[observer.Trader], fault: str, disconnected: bool
) -> None:
    begin, end = FAULTS[fault]
    visitor = await line.login(f"{traders[0].jid}-2")
    await visitor.come_online()
    async with observer.Load(traders):
        assert await wait_until(lambda: all(len(trader.received()) > 20 for trader in traders))
        await begin(line.gate)
        # Those who wait are told in time, and those who come later at once.
        told = [len(trader.refused_ids()) for trader in traders]
        assert await wait_until(
            lambda: all(len(t.refused_ids()) > before for t, before in zip(traders, told, strict=True))
        )
        visitor.abort()  # its farewell and the end of its session wait for the gate, however often it comes back
        received = [len(trader.received()) for trader in traders]
        assert await wait_until(lambda: all(len(trader.refused_ids()) > 20 for trader in traders))
        if disconnected:
            assert await wait_until(lambda: "The gate has been silent" in line.prosody.log_tail())
        assert [len(trader.received()) for trader in traders] == received
        await end(line.gate)
        await observer.wait_until_it_flows(traders)
    await observer.wait_for_answers(traders)
    if fault == "disk full":
        await line.gate.wait_for_state("connected")
        assert line.gate.status()["failed_commits"] > 0
    content = await observer.read_log(line.gate)
    assert sum(each.body.startswith(b"<unbind ") for each in content.submissions.values()) == 1
    observer.check_log(content, traders)
    for trader in traders:
        (partner,) = [each for each in traders if each.jid == trader.partner]
        assert trader.refused_ids().isdisjoint(partner.received_ids()), (
            "delivered, and answered with an error"
        )
        for error in trader.refusals():
            assert error.find("{jabber:client}error[@type='wait']") is not None
            assert error.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}resource-constraint") is not None


async def test_a_log_that_is_removed_while_it_is_written_to_stops_the_line(
    line: Line, traders: list[observer.Trader]
) -> None:
    """What is written to a file without a name, nobody reads again."""
    async with observer.Load(traders):
        assert await wait_until(lambda: all(len(trader.received()) > 20 for trader in traders))
        for file in line.gate.log_file.parent.glob("gate.db*"):
            file.unlink()
        assert await wait_until(lambda: not line.gate.running)
        assert "was removed, moved or exchanged" in line.gate.log_tail()
        told = [len(trader.refused_ids()) for trader in traders]
        received = [len(trader.received()) for trader in traders]
        assert await wait_until(
            lambda: all(len(t.refused_ids()) > before for t, before in zip(traders, told, strict=True))
        )
        with pytest.raises(NotReadyError):
            await line.gate.start()
        assert "`steelyard restore --accept-loss` lets it go on" in line.gate.log_tail()
        assert await wait_until(lambda: all(len(trader.refused_ids()) > 20 for trader in traders))
    assert [len(trader.received()) for trader in traders] == received
