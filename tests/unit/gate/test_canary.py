"""The canary: what comes back must be in the log, and nothing else passes for it."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.writer import Entry, LogWriter
from components.gate.adapter import Adapter, Line
from components.gate.watch import canary as canary_module
from components.gate.watch import patrol
from components.gate.watch.canary import Canary
from components.gate.watch.metrics import Metrics, expose
from components.link.codec import CanaryBack, Held
from components.settings.gate import GateSettings
from policy.facts import StanzaFacts, Way
from tests.support.archive import VERIFIER_KEY, entries, flip, open_writer
from tests.support.process import PATIENCE_S, wait_until
from tests.unit.gate.fakes import GATE, HOST, KeptRecords, status


class Scene:
    """Everything between the gate and itself; a test says what goes wrong on the way."""

    def __init__(
        self, path: Path, writer: LogWriter, reader: LogReader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.path = path
        self._monkeypatch = monkeypatch
        self.writer = writer
        self.alarms, self.metrics = Alarms(KeptRecords()), Metrics()
        self.line = Line(GATE)
        self.canary = Canary(self.line, reader, VERIFIER_KEY, self.alarms, self.metrics)
        self.submits = self.answers = self.returns = True
        self.signs = True
        self.breaks = False
        self.kind = RecordKind.STANZA
        self.receipt: Callable[[int], str] = lambda index: f"gate/{index}"
        self.sender = GATE.jid
        self.behind_its_back = ""
        self._tasks: list[asyncio.Task[None]] = []

    def connect(self) -> Adapter:
        """Let an adapter say its first word."""
        self.line.connect(self._take)
        return self.line.begin_session(status(1, 1, 1))

    async def fly(self) -> dict[AlarmName, int]:
        """Let one fly; returns the alarms so far."""
        self._monkeypatch.setattr(canary_module, "TIMEOUT_S", PATIENCE_S)
        self._monkeypatch.setattr("components.gate.watch.canary.asyncio.timeout", self._limit)
        await self.canary.fly(self.line.adapter or self.connect())
        await asyncio.gather(*self._tasks)
        return self.alarms.times()

    def _limit(self, delay_s: float) -> asyncio.Timeout:
        """The time for one that is lost on the way is over as soon as it has come as far as it comes."""
        limit = asyncio.Timeout(asyncio.get_running_loop().time() + delay_s)
        if not all((self.submits, self.answers, self.returns, self.signs, self.sender == GATE.jid)):
            self._tasks.append(asyncio.create_task(self._end(limit, self._tasks[-1])))
        return limit

    async def _end(self, limit: asyncio.Timeout, last: asyncio.Task[None]) -> None:
        await last
        await asyncio.sleep(2 * canary_module._LOOK_EVERY_S)  # the log is looked at more than once
        with suppress(RuntimeError):  # what it was for came in time
            limit.reschedule(0)

    def _take(self, data: bytes) -> bool:
        found = re.search(rb"<canary xmlns='urn:steelyard:gate:0' id=\"([^\"]+)\"/>", data)
        assert found, data
        self._tasks.append(asyncio.create_task(self._carry(found[1].decode())))
        return True

    async def _carry(self, id_: str) -> None:
        if not self.submits:
            return
        facts = StanzaFacts(Way.CANARY, "message", "headline", GATE.jid, GATE.jid, attributes=(id_,))
        self.canary.submitted(Held(HOST, "e", 7, "x1", b"<message/>", facts))
        if not self.answers:
            return
        index = await self.writer.append([Entry(self.kind, b"{}\n<message/>")])
        if self.signs:
            await self.writer.sign()
        if self.behind_its_back:
            with closing(sqlite3.connect(self.path)) as database, database:
                database.create_function("flip", 2, flip, deterministic=True)
                database.execute(self.behind_its_back, (index,))
        self.canary.answered(7)
        if self.breaks:
            self.line.disconnect()
        if self.returns:
            self.canary.returned(CanaryBack(self.sender, id_, self.receipt(index)))


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    path = tmp_path / "gate.db"
    writer = await open_writer(path)
    await writer.append(entries(0, 300))
    reader = await LogReader.open(path)
    yield Scene(path, writer, reader, monkeypatch)
    await reader.close()
    await writer.close()


async def test_one_that_is_recorded_and_comes_back_raises_nothing(scene: Scene) -> None:
    assert await scene.fly() == {}
    assert await scene.fly() == {}
    assert (scene.metrics.canaries.back, scene.metrics.canaries.lost) == (2, 0)
    assert b"steelyard_gate_canary_seconds_count 2.0" in expose(scene.metrics, scene.alarms, ()).render()


@pytest.mark.parametrize(
    ("submits", "answers", "reached"),
    [(False, False, "sent"), (True, False, "submitted"), (True, True, "answered")],
)
async def test_one_that_is_lost_says_how_far_it_came(
    scene: Scene, submits: bool, answers: bool, reached: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.submits, scene.answers, scene.returns = submits, answers, False
    assert await scene.fly() == {AlarmName.CANARY_LOST: 1}
    assert reached in capsys.readouterr().out
    assert scene.metrics.canaries.lost == 1
    scene.submits = scene.answers = scene.returns = True
    await scene.fly()
    assert scene.alarms.present() == []


WRONG: dict[str, Callable[[Scene], None]] = {
    "no receipt": lambda scene: setattr(scene, "receipt", lambda index: ""),
    "a receipt of another log": lambda scene: setattr(scene, "receipt", lambda index: f"audit/{index}"),
    "a receipt that is no number": lambda scene: setattr(scene, "receipt", lambda index: "gate/-1"),
    "the receipt of an older record": lambda scene: setattr(scene, "receipt", lambda index: "gate/17"),
    "a receipt of what is not there": lambda scene: setattr(scene, "receipt", lambda i: f"gate/{i + 1}"),
    "a record of another kind": lambda scene: setattr(scene, "kind", RecordKind.DELIVERY),
    "a record that vanished": lambda scene: setattr(
        scene, "behind_its_back", "DELETE FROM record WHERE idx = ?"
    ),
    "a record without its payload": lambda scene: setattr(
        scene, "behind_its_back", "UPDATE record SET payload = NULL WHERE idx = ?"
    ),
    "an altered payload": lambda scene: setattr(
        scene, "behind_its_back", "UPDATE record SET payload = flip(payload, 3) WHERE idx = ?"
    ),
    "an altered leaf": lambda scene: setattr(
        scene, "behind_its_back", "UPDATE record SET leaf = flip(leaf, 12) WHERE idx = ?"
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_one_that_comes_back_without_its_record_is_an_alarm(scene: Scene, wrong: str) -> None:
    assert await scene.fly() == {}
    WRONG[wrong](scene)
    assert await scene.fly() == {AlarmName.CANARY_UNPROVED: 1}
    assert scene.metrics.canaries.unproved == 1


@pytest.mark.slow
async def test_one_that_is_lost_with_the_link_is_no_alarm_unless_all_are(scene: Scene) -> None:
    scene.returns, scene.breaks = False, True
    assert await scene.fly() == {}
    assert await scene.fly() == {}
    assert await scene.fly() == {AlarmName.CANARY_LOST: 1}
    assert scene.metrics.canaries.lost == 3


@pytest.mark.slow
async def test_one_that_is_not_signed_yet_is_for_another_alarm(scene: Scene) -> None:
    scene.signs = False
    assert await scene.fly() == {}


async def test_a_stranger_s_and_an_old_one_do_not_count(scene: Scene) -> None:
    scene.sender = "metals.example"
    assert await scene.fly() == {AlarmName.CANARY_LOST: 1}
    scene.canary.returned(CanaryBack(GATE.jid, "1-1", "gate/1"))  # nobody waits


@pytest.mark.slow
async def test_they_are_sent_at_intervals_while_there_is_a_link(scene: Scene) -> None:
    task = asyncio.create_task(scene.canary.run(0.01))
    await asyncio.sleep(0.3)
    assert scene.metrics.canaries.back == 0
    scene.connect()
    assert await wait_until(lambda: scene.metrics.canaries.back >= 3)
    task.cancel()


def test_what_is_lost_is_told_within_ten_seconds() -> None:
    """Whether on the way or in the log: an interval, and what it takes to find out."""
    interval_s = GateSettings.model_fields["canary_interval_s"].default
    assert interval_s + canary_module.TIMEOUT_S < 10
    assert patrol.INTERVAL_S < 10
