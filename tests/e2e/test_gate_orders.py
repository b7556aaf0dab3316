"""Orders carried out by the gate while the line is in use: nobody notices, and it survives being killed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from components.verifier.log import verify_log
from tests.support.line import Line
from tests.support.observer import MODULES_UNDER_LOAD, Load, Trader, make_traders, wait_until_it_flows
from tests.support.order_desk import OrderDesk
from tests.support.process import NotReadyError, wait_until
from tests.support.rounds import chance
from tests.support.typed import said_in

pytestmark = pytest.mark.slow

HELD, DUE = "the held words", "words whose time is over"


@pytest.fixture
async def traders() -> list[Trader]:
    return make_traders(2)


@pytest.fixture
async def scene(tmp_path: Path, traders: list[Trader]) -> AsyncIterator[tuple[Line, OrderDesk]]:
    """A line under which segments with due words, and with held ones, have ended."""
    people = [trader.jid.partition("/")[0] for trader in traders]
    line = Line(tmp_path, people, modules=MODULES_UNDER_LOAD)
    (tmp_path / "desk").mkdir()
    desk = OrderDesk(line.gate, tmp_path / "desk")
    async with line:
        for trader in traders:
            await trader.login(line.prosody.address)
        for words in (DUE, HELD):
            async with Load(traders):
                await wait_until_it_flows(traders)
                await say(traders, words)
            await line.gate.restart()
            await wait_until_it_flows(traders)
        yield line, desk


async def say(traders: list[Trader], words: str) -> None:
    speaker = traders[0]
    (listener,) = [trader for trader in traders if trader.jid == speaker.partner]
    speaker.streams[-1].send(
        f"<message to='{listener.jid}' type='chat' id='w'><body>{words}</body></message>"
    )
    heard = listener.streams[-1].received
    assert await wait_until(lambda: any(words in said_in(each) for each in heard))


async def test_the_line_goes_on_while_orders_are_carried_out(
    scene: tuple[Line, OrderDesk], traders: list[Trader]
) -> None:
    line, desk = scene
    pid, refused = line.gate.pid, [set(trader.refused_ids()) for trader in traders]
    async with Load(traders):
        hold = await desk.propose("hold", "--matter", "M-1", "--query", '"held words"', "--reason", "a claim")
        assert (await desk.carry_out(hold))["state"] == "carried out"
        expiry = await desk.propose("expire", "--reason", "over")
        assert (await desk.carry_out(expiry))["state"] == "carried out"
        assert await desk.search(f'"{DUE}"') == []
        assert await desk.search(f'"{HELD}"') == [HELD]
        release = await desk.propose("release", "--matter", "M-1", "--reason", "settled")
        assert (await desk.carry_out(release))["state"] == "carried out"
        await wait_until_it_flows(traders)
    assert line.gate.pid == pid and line.gate.running
    assert [trader.refused_ids() for trader in traders] == refused
    await line.gate.stop()
    report = verify_log(line.gate.log_file, key_of(line), approver_vkeys=desk.approver_vkeys)
    assert report.problems == ()
    assert report.states["SHREDDED"] > 0


async def test_what_the_gate_refuses_is_told_with_its_reason(scene: tuple[Line, OrderDesk]) -> None:
    _, desk = scene
    expiry = await desk.propose("expire", "--reason", "over")
    hold = await desk.propose("hold", "--matter", "M-1", "--query", '"held words"', "--reason", "a claim")
    assert (await desk.carry_out(hold))["state"] == "carried out"
    answer = await desk.carry_out(expiry)
    assert answer["state"] == "refused"
    assert any("was not considered: propose anew" in reason for reason in answer["reasons"])
    assert any("is under hold" in reason for reason in answer["reasons"])
    assert len(await desk.search(f'"{DUE}"')) == 1


async def start_beside(carrying_out: asyncio.Task[dict[str, Any]], line: Line) -> None:
    """Start the gate. A command that finds none carries the order out itself, and has the log until then."""
    try:
        await line.gate.start()
    except NotReadyError as error:
        assert "is writing this log" in str(error), error
        await asyncio.wait([carrying_out])
        await line.gate.start()


@pytest.mark.fuzz
async def test_a_gate_killed_while_it_carries_out(
    scene: tuple[Line, OrderDesk], traders: list[Trader]
) -> None:
    line, desk = scene
    lives = chance("lives")
    hold = await desk.propose("hold", "--matter", "M-1", "--query", '"held words"', "--reason", "a claim")
    assert (await desk.carry_out(hold))["state"] == "carried out"
    expiry = await desk.propose("expire", "--reason", "over")
    carrying_out = asyncio.create_task(desk.carry_out(expiry))
    for _ in range(3):
        await asyncio.sleep(lives.uniform(0.2, 1.2))
        await line.gate.kill9()
        await start_beside(carrying_out, line)
    assert (await carrying_out)["state"] == "carried out"
    await wait_until_it_flows(traders)
    assert await desk.search(f'"{DUE}"') == []
    assert await desk.search(f'"{HELD}"') == [HELD]
    await line.gate.stop()
    report = verify_log(line.gate.log_file, key_of(line), approver_vkeys=desk.approver_vkeys)
    assert report.problems == ()
    assert report.states["SHREDDED"] > 0 and report.states["HELD"] > 0


def key_of(line: Line) -> str:
    return line.gate.log_key_file.with_suffix(".pub").read_text()
