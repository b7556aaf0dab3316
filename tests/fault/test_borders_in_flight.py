"""Borders that change while people talk: what was released arrives or goes back, and the log says which (G2)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import observer
from tests.support.gate_process import one_enterprise
from tests.support.line import Line
from tests.support.process import wait_until

TIMEOUT_S = 10.0
TIMES = 4


@pytest.fixture
def traders() -> list[observer.Trader]:
    return observer.make_traders(4)


def people(traders: list[observer.Trader]) -> list[str]:
    return [trader.jid.partition("/")[0] for trader in traders]


def walled(traders: list[observer.Trader]) -> str:
    """Return a directory in which no buyer may reach a seller."""
    lines = [
        'gate = "gate.metals.example"',
        "[enterprise.metals]",
        'name = "Metals"',
        'sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]',
        'desk = [{ id = "buyer", name = "Buyers" }, { id = "seller", name = "Sellers" }]',
    ]
    for jid in people(traders):
        lines += [
            "[[enterprise.metals.person]]",
            f'jid = "{jid}"',
            f'name = "{jid}"',
            f'desk = "{jid.partition("@")[0].rstrip("0123456789")}"',
            'roles = ["trader"]',
        ]
    lines += [
        "[[enterprise.metals.barrier]]",
        'id = "wall"',
        'sides = [{ desks = ["buyer"] }, { desks = ["seller"] }]',
    ]
    return "\n".join((*lines, ""))


@pytest.fixture
async def line(tmp_path: Path, traders: list[observer.Trader]) -> AsyncIterator[Line]:
    async with Line(
        tmp_path, people(traders), hold_timeout_s=TIMEOUT_S, modules=observer.MODULES_UNDER_LOAD
    ) as line:
        for trader in traders:
            await trader.login(line.prosody.address)
        yield line


async def all_refused(traders: list[observer.Trader], messages: int = 20) -> None:
    before = {trader.jid: len(trader.refused_ids()) for trader in traders}
    assert await wait_until(lambda: all(len(t.refused_ids()) > before[t.jid] + messages for t in traders))


@pytest.mark.parametrize("gate_dies", [False, True])
async def test_nothing_is_lost_at_a_border_that_comes_and_goes(
    line: Line, traders: list[observer.Trader], gate_dies: bool
) -> None:
    by_jid = {trader.jid: trader for trader in traders}
    async with observer.Load(traders, interval_s=0.002):
        for _ in range(TIMES):
            await observer.wait_until_it_flows(traders)
            if gate_dies:
                await line.gate.kill9()
            line.gate.write_directory(walled(traders))
            if gate_dies:
                await line.gate.start()
            await all_refused(traders)
            line.gate.write_directory(one_enterprise(people(traders)))
        await observer.wait_until_it_flows(traders)
    await observer.wait_for_answers(traders)
    observer.check_log(await observer.read_log(line.gate), traders)
    for trader in traders:
        assert trader.refused_ids().isdisjoint(by_jid[trader.partner].received_ids())
