"""Completeness: a line that works raises no alarm, and each way of losing a record raises one.

That it is raised within 10 seconds where nothing else keeps the machine busy follows from how often the gate looks
(tests/unit/gate/test_canary.py).
"""

import asyncio
import json
import resource
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.archive.keys import load_recipient_key
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.record import Alarm, RecordKind, parse_record
from components.site.prosody import ProsodyPlan
from tests.support.figures import fetch_figures
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.ports import free_port
from tests.support.process import PATIENCE_S, wait_until
from tests.support.prosody import ProsodyServer
from tests.support.scripted_server import ScriptedServer
from tests.support.stream import XmppStream

pytestmark = pytest.mark.slow

PEOPLE = ("alice@metals.example", "bob@metals.example")


@dataclass(frozen=True, slots=True)
class WatchedGate:
    """The real gate with its default watch, and where its figures are."""

    process: GateProcess
    port: int

    @classmethod
    def make(cls, root: Path, plan: ProsodyPlan) -> "WatchedGate":
        port = free_port()
        gate = GateProcess(root, plan, one_enterprise(PEOPLE), canary_interval_s=5.0, metrics_port=port)
        return cls(gate, port)

    async def start(self) -> None:
        """Start the gate, and wait until it is connected and shows its figures."""
        await self.process.start()
        assert await wait_until(self._listens)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def figures(self) -> dict[str, float]:
        return await fetch_figures(self.port)

    async def raised(self) -> dict[str, float]:
        """Give the alarms raised so far, by name."""
        prefix = "steelyard_gate_alarms_total"
        return {
            name.split('"')[1]: value
            for name, value in (await self.figures()).items()
            if name.startswith(prefix) and value
        }

    async def wait_for_alarm(self, name: str) -> None:
        """Wait until an alarm is among the figures."""
        deadline = time.monotonic() + PATIENCE_S
        while name not in await self.raised():
            assert time.monotonic() < deadline, f"no {name}: {await self.raised()}"
            await asyncio.sleep(0.1)

    async def wait_for_figure(self, name: str, holds: Callable[[float], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds((await self.figures())[name]):
            assert time.monotonic() < deadline, f"{name} is {(await self.figures())[name]}"
            await asyncio.sleep(0.1)

    async def recorded(self) -> list[Alarm]:
        """Give the alarms in the log, in order."""
        reader = await LogReader.open(self.process.log_file)
        try:
            opener = RecordOpener(
                reader, self.process.log_origin, [load_recipient_key(self.process.auditor_key_file)]
            )
            opened = await opener.fetch(0, 100_000)
        finally:
            await reader.close()
        records = [
            parse_record(RecordKind.ALARM, each.payload or b"")
            for each in opened
            if each.leaf.kind == RecordKind.ALARM
        ]
        return [each for each in records if isinstance(each, Alarm)]

    async def wait_for_record(self, name: str) -> Alarm:
        """Wait until an alarm is recorded; returns it, and fails if it is recorded twice."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := [each for each in await self.recorded() if each.name == name]):
            assert time.monotonic() < deadline, f"{name} is not recorded"
            await asyncio.sleep(0.1)
        assert len([each for each in found if "over_after_s" not in dict(each.details)]) == 1
        return found[0]

    def shown(self) -> list[str]:
        """Give the alarms in the status file."""
        return [alarm["name"] for alarm in self.process.status().get("alarms", [])]

    def logged(self) -> list[str]:
        """Give the alarms that the process has logged, by name."""
        lines = [json.loads(line) for line in self.process.log_tail(10_000).splitlines() if line[:1] == "{"]
        return [line["alarm"] for line in lines if line["event"] == "alarm"]


@asynccontextmanager
async def real_line(root: Path) -> AsyncIterator[tuple[ProsodyServer, WatchedGate]]:
    plan = gated_plan(root / "prosody")
    gate = WatchedGate.make(root / "gate", plan)
    async with ProsodyServer(plan) as prosody:
        prosody.register(*PEOPLE)
        await gate.start()
        try:
            yield prosody, gate
        finally:
            await gate.process.stop()


@asynccontextmanager
async def scripted_line(root: Path) -> AsyncIterator[tuple[ScriptedServer, WatchedGate]]:
    plan = gated_plan(root)
    gate = WatchedGate.make(root / "gate", plan)
    async with ScriptedServer(plan) as server:
        await gate.start()
        try:
            await gate.wait_for_figure("steelyard_gate_canaries_back_total", lambda value: value >= 1)
            yield server, gate
        finally:
            await gate.process.stop()


async def say_something(prosody: ProsodyServer, count: int = 1) -> None:
    alice = await XmppStream.login(prosody.address, "alice@metals.example/desk")
    bob = await XmppStream.login(prosody.address, "bob@metals.example/desk")
    await bob.come_online()
    for number in range(count):
        alice.send(
            f"<message to='bob@metals.example/desk' type='chat' id='m{number}'><body>Tin</body></message>"
        )
        await bob.expect(lambda element, number=number: element.get("id") == f"m{number}")  # type: ignore[misc]


# A line that works ----------------------------------------------------------------------------------------------------


async def test_a_line_that_works_counts_its_canaries_and_raises_nothing(tmp_path: Path) -> None:
    async with real_line(tmp_path) as (prosody, gate):
        await say_something(prosody, 20)
        await gate.wait_for_figure("steelyard_gate_canaries_back_total", lambda value: value >= 2)
        figures = await gate.figures()
        assert await gate.raised() == {}
        assert gate.shown() == []
        assert figures["steelyard_gate_canaries_lost_total"] == 0
        assert figures["steelyard_gate_canary_seconds_count"] == figures["steelyard_gate_canaries_back_total"]
        assert figures["steelyard_gate_recorded_total"] > 20 + figures["steelyard_gate_canaries_back_total"]
        assert figures["steelyard_gate_checkpoint_age_seconds"] < PATIENCE_S
        assert (figures["steelyard_gate_connected"], figures["steelyard_gate_recording"]) == (1, 1)
        assert figures['steelyard_gate_reconcile_findings_total{kind="open-at-end"}'] == 0
        # Both may start again without a false alarm.
        await gate.process.kill9()
        await gate.start()
        await prosody.kill9()
        await prosody.start()
        await gate.wait_for_figure("steelyard_gate_connected", lambda value: value == 1)
        before = (await gate.figures())["steelyard_gate_canaries_back_total"]
        await say_something(prosody)
        await gate.wait_for_figure("steelyard_gate_canaries_back_total", lambda value: value >= before + 1)
        assert await gate.raised() == {}
        assert await gate.recorded() == []


async def test_a_scripted_server_that_tells_the_truth_raises_nothing(tmp_path: Path) -> None:
    """So what the other tests find is what their servers did wrong."""
    async with scripted_line(tmp_path) as (server, gate):
        for _ in range(10):
            await server.wait_for_verdict(server.submit())
        await gate.wait_for_figure("steelyard_gate_canaries_back_total", lambda value: value >= 2)
        assert await gate.raised() == {}


# A server that lies ---------------------------------------------------------------------------------------------------


async def skip_a_number(server: ScriptedServer) -> None:
    await server.wait_for_verdict(server.submit())
    server.next_seq += 1
    server.submit()


async def submit_other_words_again(server: ScriptedServer) -> None:
    seq = server.submit("Buy tin")
    server.submit("Sell tin", seq=seq)


async def submit_again(server: ScriptedServer) -> None:
    seq = server.submit("Buy tin")
    server.submit("Buy tin", seq=seq)


async def go_back(server: ScriptedServer) -> None:
    for _ in range(3):
        await server.wait_for_verdict(server.submit())
    count = len(server.noted)
    server.say_status()
    assert await wait_until(lambda: len(server.noted) > count)
    server.submit(seq=1)


async def deliver_unrecorded(server: ScriptedServer) -> None:
    server.next_seq += 3
    server.say_status(done=server.next_seq - 1, first=server.next_seq)


async def contradict_itself(server: ScriptedServer) -> None:
    await server.wait_for_verdict(server.submit())
    server.say_status(done=server.next_seq + 5)


async def change_its_epoch(server: ScriptedServer) -> None:
    server.epoch = "another"
    server.submit()


async def lose_the_canary(server: ScriptedServer) -> None:
    server.carries_canaries = False


LIES = {
    "numbers-missing": skip_a_number,
    "number-reused": submit_other_words_again,
    "number-repeated": submit_again,
    "numbers-back": go_back,
    "left-unrecorded": deliver_unrecorded,
    "status-contradicts": contradict_itself,
    "unannounced": change_its_epoch,
    "canary-lost": lose_the_canary,
}


@pytest.mark.parametrize("name", LIES)
async def test_a_server_that_lies_is_found(tmp_path: Path, name: str) -> None:
    async with scripted_line(tmp_path) as (server, gate):
        assert await gate.raised() == {}
        await LIES[name](server)
        await gate.wait_for_alarm(name)
        assert await wait_until(lambda: name in gate.shown())
        assert gate.logged().count(name) == 1
        alarm = await gate.wait_for_record(name)
        assert "tin" not in str(alarm.details).lower()
        assert "@" not in str(alarm.details)


# A log that loses records ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["a message", "a canary"])
async def test_a_record_that_is_deleted_behind_the_gates_back(tmp_path: Path, which: str) -> None:
    async with real_line(tmp_path) as (prosody, gate):
        await say_something(prosody, 20)
        await gate.wait_for_figure("steelyard_gate_canaries_back_total", lambda value: value >= 2)
        records = int((await gate.figures())["steelyard_gate_records"])
        index = records // 2 if which == "a message" else records - 1
        with closing(sqlite3.connect(gate.process.log_file)) as database, database:
            assert database.execute("DELETE FROM record WHERE idx = ?", (index,)).rowcount == 1
        await gate.wait_for_alarm("records-missing")
        alarm = await gate.wait_for_record("records-missing")
        assert dict(alarm.details) == {"first": index, "last": index, "records": 1}


async def test_a_disk_that_is_full_is_told_and_the_record_follows(tmp_path: Path) -> None:
    async with real_line(tmp_path) as (_, gate):
        await gate.wait_for_figure("steelyard_gate_canaries_back_total", lambda value: value >= 1)
        # No file of the gate's may grow beyond a byte: nor can it log or write its status, as on a full disk.
        _, hard = resource.prlimit(gate.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(gate.process.pid, resource.RLIMIT_FSIZE, (1, hard))
        await gate.wait_for_alarm("not-recording")
        assert (await gate.figures())["steelyard_gate_recording"] == 0
        await gate.wait_for_alarm("canary-lost")
        resource.prlimit(gate.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        await gate.wait_for_figure('steelyard_gate_alarm{name="not-recording"}', lambda value: value == 0)
        await gate.wait_for_figure('steelyard_gate_alarm{name="canary-lost"}', lambda value: value == 0)
        alarm = await gate.wait_for_record("not-recording")
        assert list(dict(alarm.details)) == ["reason"]
        assert await wait_until(lambda: gate.process.status()["state"] == "connected")
        assert await wait_until(lambda: not gate.shown())  # it is written less often than the figures


async def test_a_server_that_is_away_is_told_and_that_it_is_back(tmp_path: Path) -> None:
    async with real_line(tmp_path) as (prosody, gate):
        await prosody.kill9()
        await gate.wait_for_alarm("link-down")
        await gate.wait_for_record("link-down")
        await prosody.start()
        await gate.wait_for_figure('steelyard_gate_alarm{name="link-down"}', lambda value: value == 0)
