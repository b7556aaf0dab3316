"""When the gate tells the adapter who may reach whom, and what it records of what stopped at a border."""

import asyncio

from components.archive.record import Submission
from policy.directory.directory import parse_directory
from policy.facts import Way
from policy.rules import Rules
from tests.support.gate_process import one_enterprise
from tests.support.process import wait_until
from tests.unit.gate.fakes import ALICE, BOB, DIRECTORY, MALLORY, Bench, held, status


def said(bench: Bench) -> list[str]:
    """Return the names of what the gate said, in order."""
    return [str(each.tag).partition("}")[2] for each in bench.answers.elements()]


async def test_borders_come_before_all_else_on_each_connection(bench: Bench) -> None:
    bench.take(status(1, 1, 1), held(1))
    await bench.settle()
    assert said(bench) == ["borders", "verdict", "noted"]
    bench.take(status(2, 2, 2, 1), held(2))
    await bench.settle()
    assert said(bench).count("borders") == 1
    bench.reconnect(status(3, 2, 3, 1), held(2))
    await bench.settle()
    assert said(bench)[said(bench).index("noted") + 1 :].count("borders") == 1


async def test_other_rules_are_other_borders(connected: Bench) -> None:
    connected.gate.use(Rules(parse_directory(one_enterprise(["zed@metals.example"]))))
    await connected.settle()
    before, after = (each for each in connected.answers.elements() if str(each.tag).endswith("}borders"))
    first, second = (
        {jid for each in borders for jid in (each.text or "").split()} for borders in (before, after)
    )
    assert BOB in first and "zed@metals.example" not in first
    assert BOB not in second and "zed@metals.example" in second


async def test_other_borders_come_after_what_was_decided_by_those_before(connected: Bench) -> None:
    begin = len(said(connected))
    connected.take(held(1), held(2))
    connected.gate.use(Rules(parse_directory(one_enterprise(["zed@metals.example"]))))
    connected.take(held(3))
    connected.gate.use(Rules(DIRECTORY))
    connected.take(held(4), status(2, 1, 5))
    await connected.settle()
    assert said(connected)[begin:] == ["verdict", "borders", "verdict", "borders", "verdict", "noted"]
    assert [action for _, action in connected.answers.answered().values()] == [
        "release",
        "release",
        "refuse",
        "release",
    ]


async def test_other_borders_wait_for_a_batch_that_cannot_be_recorded_yet(connected: Bench) -> None:
    begin = len(said(connected))
    connected.log.fates.append("failed")
    connected.take(held(1))
    await asyncio.sleep(0.001)
    connected.gate.use(Rules(parse_directory(one_enterprise(["zed@metals.example"]))))
    assert await wait_until(lambda: said(connected)[begin:] == ["verdict", "borders"])


async def test_rules_that_change_while_nobody_listens_are_told_later(bench: Bench) -> None:
    bench.gate.use(Rules(parse_directory(one_enterprise(["zed@metals.example"]))))
    assert said(bench) == []
    bench.take(status(1, 1, 1))
    await bench.settle()
    assert said(bench) == ["borders", "noted"]


async def test_what_stopped_at_a_border_is_recorded_as_refused(connected: Bench) -> None:
    connected.take(
        held(1, to=MALLORY, way=Way.SERVER)._replace(stopped=True),
        held(2, to=MALLORY, way=Way.SERVER),
        held(3, to=BOB, way=Way.SERVER)._replace(stopped=True),
        held(4, to=BOB, way=Way.SERVER),
    )
    await connected.settle()
    records = [each for each in connected.log.records() if isinstance(each, Submission)]
    assert [(each.action, each.rules) for each in records] == [
        ("refuse", ("recipient-outside",)),
        ("release", ("recipient-outside",)),  # the server has told it already: the record says so
        ("refuse", ("border",)),  # by rules that were others a moment before
        ("release", ()),
    ]
    assert ALICE.encode() in records[0].body
