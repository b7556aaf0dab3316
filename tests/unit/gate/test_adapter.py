"""Sessions of adapters: what lasts as long as one, and what begins anew with the next."""

from dataclasses import replace

import pytest

from components.gate.adapter import AdapterSession, Line
from policy.directory.directory import parse_directory
from policy.rules import Rules
from tests.support.gate_process import one_enterprise
from tests.unit.gate.fakes import (
    DIRECTORY,
    EPOCH,
    GATE,
    HOST,
    Answers,
    Bench,
    FakeLog,
    held,
    make_gate,
    status,
)

OTHER = "0123456789abcdef"


@pytest.fixture
def line() -> Line:
    line = Line(GATE)
    line.connect(Answers().write)
    return line


def test_each_connection_has_sessions_of_its_own(line: Line) -> None:
    assert line.adapter is None and line.is_connected
    first = line.begin_session(status(1, 5, 9))
    assert first.session == AdapterSession(1, HOST, EPOCH)
    assert first.records.first_seq == 5
    line.disconnect()
    assert first.is_over and line.adapter is None and not line.is_connected
    line.connect(Answers().write)
    second = line.begin_session(status(2, 5, 9))
    assert second.session == AdapterSession(2, HOST, EPOCH)
    assert line.adapter is second and not second.is_over


def test_a_connection_that_takes_another_s_place_ends_its_session(line: Line) -> None:
    adapter = line.begin_session(status(1, 1, 1))
    line.connect(Answers().write)
    assert adapter.is_over and line.adapter is None


def test_nobody_has_a_session_without_a_connection() -> None:
    with pytest.raises(ValueError, match="nobody is connected"):
        Line(GATE).begin_session(status(1, 1, 1))


def test_borders_are_said_once_to_each_adapter(line: Line) -> None:
    said = Answers()
    line.connect(said.write)
    adapter = line.begin_session(status(1, 1, 1))
    for _ in range(3):
        adapter.say_borders(DIRECTORY)
    assert len(said.elements()) == 1
    adapter.say_borders(parse_directory(one_enterprise(["zed@metals.example"])))
    assert len(said.elements()) == 2
    line.begin_session(status(1, 1, 1, epoch=OTHER)).say_borders(DIRECTORY)
    assert len(said.elements()) == 3


async def test_another_epoch_on_the_same_connection_is_another_session(connected: Bench) -> None:
    """What the gate had not recorded of the epoch before died with its server."""
    connected.log.gate_opens.clear()
    connected.take(held(1))
    await connected.log.appending.wait()
    connected.take(held(2))
    connected.take(status(1, 1, 2, epoch=OTHER), held(1, epoch=OTHER))
    connected.log.gate_opens.set()
    await connected.settle()
    assert (connected.log.seqs(), connected.log.seqs(OTHER)) == ([1], [1])
    assert [each.get("epoch") for each in connected.answers.elements() if each.tag.endswith("}verdict")] == [
        OTHER
    ]


async def test_an_adapter_that_speaks_for_another_host_is_answered_there(connected: Bench) -> None:
    connected.take(replace(status(2, 1, 1), host="second.example"))
    connected.gate.use(Rules(parse_directory(one_enterprise(["zed@metals.example"]))))
    await connected.settle()
    assert connected.answers.hosts() == [HOST, HOST, "second.example", "second.example"]
    assert connected.answers.noted() == [1, 2]


async def test_what_is_submitted_before_a_status_is_not_recorded(bench: Bench) -> None:
    bench.take(held(1), held(2))
    await bench.settle()
    bench.take(held(3), status(1, 4, 4), held(4))
    await bench.settle()
    assert bench.log.seqs() == [4]
    assert set(bench.answers.answered()) == {4}


async def test_what_the_gate_says_goes_to_the_connection_that_it_is_about() -> None:
    gate = make_gate(FakeLog())
    before, after = Answers(), Answers()
    gate.connected(before.write)
    gate.take([status(1, 1, 1)])
    gate.connected(after.write)
    gate.take([status(2, 1, 1)])
    gate.use(Rules(parse_directory(one_enterprise(["zed@metals.example"]))))
    assert (len(before.elements()), len(after.elements())) == (1, 2)


def test_a_beginning_and_an_end_are_reported_at_once() -> None:
    states: list[bool] = []
    gate = make_gate(FakeLog(), report=lambda: states.append(gate.line.is_connected))
    gate.connected(Answers().write)
    gate.disconnected()
    assert states == [True, False]
