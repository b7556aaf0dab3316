"""G2: whatever is killed: what was received is recorded once, and what is recorded as delivered was received."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import observer
from tests.support.line import Line
from tests.support.process import wait_until
from tests.support.rounds import ROUNDS, chance

PAIRS = 4


@pytest.fixture
async def traders() -> list[observer.Trader]:
    return observer.make_traders(PAIRS)


@pytest.fixture
async def line(tmp_path: Path, traders: list[observer.Trader]) -> AsyncIterator[Line]:
    people = [trader.jid.partition("/")[0] for trader in traders]
    # No kill lasts for so long that anything is bounced: all that is accepted must arrive.
    async with Line(tmp_path, people, modules=observer.MODULES_UNDER_LOAD) as line:
        for trader in traders:
            await trader.login(line.prosody.address)
        yield line


async def check_log(line: Line, traders: list[observer.Trader]) -> None:
    observer.check_log(await observer.read_log(line.gate), traders)


@pytest.mark.fuzz
@pytest.mark.slow
async def test_the_gate_is_killed_and_nothing_is_lost_or_comes_twice(
    line: Line, traders: list[observer.Trader]
) -> None:
    draw = chance("kills")
    for _ in range(ROUNDS):
        async with observer.Load(traders, interval_s=0.005):
            await asyncio.sleep(draw.uniform(0.02, 0.5))
            await line.gate.kill9()
            await asyncio.sleep(draw.uniform(0, 0.3))
            await line.gate.start()
        await observer.wait_for_answers(traders)
        await check_log(line, traders)
    by_jid = {trader.jid: trader for trader in traders}
    for trader in traders:
        assert by_jid[trader.partner].received_ids() == trader.sent
        assert not trader.refused_ids()


@pytest.mark.fuzz
@pytest.mark.slow
async def test_the_server_is_killed_and_what_was_delivered_is_recorded(
    line: Line, traders: list[observer.Trader]
) -> None:
    draw = chance("kills")
    for _ in range(ROUNDS):
        received = sum(len(trader.received()) for trader in traders)
        async with observer.Load(traders, interval_s=0.005):
            assert await wait_until(lambda: sum(len(t.received()) for t in traders) > received)  # noqa: B023
            await asyncio.sleep(draw.uniform(0.02, 0.5))
            await line.prosody.kill9()
            for trader in traders:
                await trader.streams[-1].wait_for_end()
        await line.gate.wait_for_state("disconnected")
        await check_log(line, traders)
        await asyncio.sleep(draw.uniform(0, 0.3))
        await line.prosody.start()
        await line.gate.wait_for_state("connected")
        for trader in traders:
            await trader.login(line.prosody.address)
    content = await observer.read_log(line.gate)
    assert len({each.epoch for each in content.submissions.values()}) == ROUNDS + 1


@pytest.mark.fuzz
@pytest.mark.slow
async def test_both_are_killed_at_once(line: Line, traders: list[observer.Trader]) -> None:
    draw = chance("kills")
    for _ in range(ROUNDS // 2):
        async with observer.Load(traders, interval_s=0.005):
            await asyncio.sleep(draw.uniform(0.05, 0.3))
            first, second = draw.sample([line.gate, line.prosody], 2)
            await first.kill9()
            await asyncio.sleep(draw.uniform(0, 0.01))
            await second.kill9()
            for trader in traders:
                await trader.streams[-1].wait_for_end()
        await check_log(line, traders)
        await line.prosody.start()
        await line.gate.start()
        for trader in traders:
            await trader.login(line.prosody.address)
    async with observer.Load(traders):
        received = [len(trader.received()) for trader in traders]
        assert await wait_until(
            lambda: all(len(t.received()) > r for t, r in zip(traders, received, strict=True))
        )
    await check_log(line, traders)
