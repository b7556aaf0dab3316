"""G2 when only the connection of server and gate breaks: neither knows what the other has seen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from components.site.prosody import ProsodyPlan
from tests.support import observer
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.process import wait_until
from tests.support.prosody import ProsodyServer
from tests.support.rounds import chance

pytestmark = pytest.mark.slow

ROUNDS = 25


class Wire:
    """What the gate's connection runs through; while `swallows`, what the gate says never arrives."""

    def __init__(self, plan: ProsodyPlan) -> None:
        self._to = (plan.component_address, plan.component_port)
        self._listener: asyncio.Server
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.swallows = False

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        """Where the gate connects."""
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """Break what is connected, in the middle of whatever is on its way."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._to)
        self._writers += [writer, server_writer]
        self._pump(server_reader, writer, from_gate=False)
        self._pump(reader, server_writer, from_gate=True)

    def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_gate: bool) -> None:
        async def run() -> None:
            with suppress(OSError):
                while data := await reader.read(1500):
                    if not (from_gate and self.swallows):
                        writer.write(data)
                        await writer.drain()
            writer.transport.abort()

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Wired:
    """A line whose gate is connected through a wire, and its traders."""

    def __init__(
        self, prosody: ProsodyServer, gate: GateProcess, wire: Wire, traders: list[observer.Trader]
    ) -> None:
        self.prosody = prosody
        self.gate = gate
        self.wire = wire
        self.traders = traders

    async def check(self) -> None:
        """Check that all that was sent came once, and that the log agrees."""
        await observer.wait_for_answers(self.traders)
        by_jid = {trader.jid: trader for trader in self.traders}
        for trader in self.traders:
            assert by_jid[trader.partner].received_ids() == trader.sent
            assert not trader.refused_ids()
        observer.check_log(await observer.read_log(self.gate), self.traders)


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[Wired]:
    traders = observer.make_traders(3)
    people = [trader.jid.partition("/")[0] for trader in traders]
    plan = gated_plan(tmp_path / "prosody", modules=observer.MODULES_UNDER_LOAD)
    prosody = ProsodyServer(plan)
    prosody.register(*people)
    async with Wire(plan) as wire, prosody:
        gate = GateProcess(tmp_path / "gate", plan, one_enterprise(people), component_port=wire.port)
        async with gate:
            for trader in traders:
                await trader.login(prosody.address)
            yield Wired(prosody, gate, wire, traders)
            await prosody.kill9()


async def test_a_verdict_that_was_lost_is_given_again_and_nothing_is_recorded_twice(wired: Wired) -> None:
    for size in (
        1,
        7,
        100,
    ):  # the last one takes the gate more than one batch; of more, the server reads no further
        wired.wire.swallows = True
        ids = [wired.traders[0].offer() for _ in range(size)]
        await observer.wait_for_log(wired.gate, lambda content: content.ids()[ids[-1]] > 0)  # noqa: B023
        assert set(ids).isdisjoint(wired.traders[1].received_ids())
        wired.wire.cut()
        wired.wire.swallows = False
        await observer.wait_for_answers(wired.traders)
    await wired.gate.wait_for_state("connected")
    assert wired.gate.status()["repeated"] >= 1 + 7 + 100
    await wired.check()


@pytest.mark.fuzz
async def test_a_connection_that_breaks_again_and_again_loses_nothing(wired: Wired) -> None:
    draw = chance("breaks")
    reader = wired.traders[0]
    (writer,) = [each for each in wired.traders if each.partner == reader.jid]
    async with observer.Load(wired.traders, interval_s=0.002):
        for _ in range(ROUNDS):
            # What is said from now on gets through, and all before it: a stanza that meets every break is quarantined.
            said = len(writer.sent)
            assert await wait_until(lambda: len(reader.received_ids()) > said)  # noqa: B023
            await asyncio.sleep(draw.uniform(0, 0.05))
            wired.wire.swallows = draw.random() < 0.5
            await asyncio.sleep(draw.uniform(0, 0.02))
            wired.wire.cut()
            wired.wire.swallows = False
    await wired.check()
