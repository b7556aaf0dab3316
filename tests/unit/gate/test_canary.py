"""The canary: what comes back must be in the log, and nothing else passes for it."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.writer import Entry, LogWriter
from components.gate.watch import canary as canary_module
from components.gate.watch import patrol
from components.gate.watch.alarm import AlarmName, Alarms
from components.gate.watch.canary import Canary
from components.gate.watch.metrics import Metrics
from components.link.codec import CanaryBack, Held
from components.settings.gate import GateSettings
from policy.facts import StanzaFacts, Way
from tests.support.archive import VERIFIER_KEY, entries, flip, open_writer
from tests.support.process import PATIENCE_S, wait_until

GATE, HOST = "gate.metals.example", "metals.example"


class Line:
    """Everything between the gate and itself; a test says what goes wrong on the way."""

    def __init__(
        self, path: Path, writer: LogWriter, reader: LogReader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.path = path
        self._monkeypatch = monkeypatch
        self.writer = writer
        self.alarms = Alarms()
        self.metrics = Metrics(self.alarms)
        self.canary = Canary(GATE, "gate", reader, VERIFIER_KEY, self.alarms, self.metrics, send=self._take)
        self.submits = self.answers = self.returns = True
        self.signs = True
        self.breaks = False
        self.kind = RecordKind.STANZA
        self.receipt: Callable[[int], str] = lambda index: f"gate/{index}"
        self.sender = GATE
        self.behind_its_back = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def fly(self) -> dict[AlarmName, int]:
        """Let one fly; gives the alarms raised so far. One that is lost on the way is not waited for with patience."""
        arrives = self.submits and self.answers and self.returns and self.sender == GATE
        self._monkeypatch.setattr(canary_module, "TIMEOUT_S", PATIENCE_S if arrives else 2.0)
        await self.canary.fly(HOST)
        await asyncio.gather(*self._tasks)
        return self.alarms.times()

    def _take(self, data: bytes) -> None:
        found = re.search(rb"<canary xmlns='urn:steelyard:gate:0' id=\"([^\"]+)\"/>", data)
        assert found, data
        self._tasks.append(asyncio.create_task(self._carry(found[1].decode())))

    async def _carry(self, id_: str) -> None:
        if not self.submits:
            return
        facts = StanzaFacts(Way.CANARY, "message", "headline", GATE, GATE, attributes=(id_,))
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
            self.canary.link_changed()
        if self.returns:
            self.canary.returned(CanaryBack(self.sender, id_, self.receipt(index)))


@pytest.fixture
async def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    path = tmp_path / "gate.db"
    writer = await open_writer(path)
    await writer.append(entries(0, 300))
    reader = await LogReader.open(path)
    yield Line(path, writer, reader, monkeypatch)
    await reader.close()
    await writer.close()


async def test_one_that_is_recorded_and_comes_back_raises_nothing(line: Line) -> None:
    assert await line.fly() == {}
    assert await line.fly() == {}
    assert (line.metrics.canaries_back, line.metrics.canaries_lost) == (2, 0)
    assert b"steelyard_gate_canary_seconds_count 2.0" in line.metrics.render()


@pytest.mark.parametrize(
    ("submits", "answers", "reached"),
    [(False, False, "sent"), (True, False, "submitted"), (True, True, "answered")],
)
async def test_one_that_is_lost_says_how_far_it_came(
    line: Line, submits: bool, answers: bool, reached: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line.submits, line.answers, line.returns = submits, answers, False
    assert await line.fly() == {AlarmName.CANARY_LOST: 1}
    assert reached in capsys.readouterr().out
    assert line.metrics.canaries_lost == 1
    line.submits = line.answers = line.returns = True
    await line.fly()
    assert line.alarms.present() == []


WRONG: dict[str, Callable[[Line], None]] = {
    "no receipt": lambda line: setattr(line, "receipt", lambda index: ""),
    "a receipt of another log": lambda line: setattr(line, "receipt", lambda index: f"audit/{index}"),
    "a receipt that is no number": lambda line: setattr(line, "receipt", lambda index: "gate/-1"),
    "the receipt of an older record": lambda line: setattr(line, "receipt", lambda index: "gate/17"),
    "a receipt of what is not there": lambda line: setattr(line, "receipt", lambda i: f"gate/{i + 1}"),
    "a record of another kind": lambda line: setattr(line, "kind", RecordKind.DELIVERY),
    "a record that vanished": lambda line: setattr(
        line, "behind_its_back", "DELETE FROM record WHERE idx = ?"
    ),
    "a record without its payload": lambda line: setattr(
        line, "behind_its_back", "UPDATE record SET payload = NULL WHERE idx = ?"
    ),
    "an altered payload": lambda line: setattr(
        line, "behind_its_back", "UPDATE record SET payload = flip(payload, 3) WHERE idx = ?"
    ),
    "an altered leaf": lambda line: setattr(
        line, "behind_its_back", "UPDATE record SET leaf = flip(leaf, 12) WHERE idx = ?"
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_one_that_comes_back_without_its_record_is_an_alarm(line: Line, wrong: str) -> None:
    assert await line.fly() == {}
    WRONG[wrong](line)
    assert await line.fly() == {AlarmName.CANARY_UNPROVED: 1}
    assert line.metrics.canaries_unproved == 1


async def test_one_that_is_lost_with_the_link_is_no_alarm_unless_all_are(line: Line) -> None:
    line.returns, line.breaks = False, True
    assert await line.fly() == {}
    assert await line.fly() == {}
    assert await line.fly() == {AlarmName.CANARY_LOST: 1}
    assert line.metrics.canaries_lost == 3


async def test_one_that_is_not_signed_yet_is_for_another_alarm(line: Line) -> None:
    line.signs = False
    assert await line.fly() == {}


async def test_a_stranger_s_and_an_old_one_do_not_count(line: Line) -> None:
    line.sender = "metals.example"
    assert await line.fly() == {AlarmName.CANARY_LOST: 1}
    line.canary.returned(CanaryBack(GATE, "1-1", "gate/1"))  # nobody waits


async def test_they_are_sent_at_intervals_while_there_is_a_link(line: Line) -> None:
    host = ""
    task = asyncio.create_task(line.canary.run(0.01, lambda: host))
    await asyncio.sleep(0.3)
    assert line.metrics.canaries_back == 0
    host = HOST
    assert await wait_until(lambda: line.metrics.canaries_back >= 3)
    task.cancel()


def test_what_is_lost_is_told_within_ten_seconds() -> None:
    """Whether on the way or in the log: an interval, and what it takes to find out."""
    interval_s = GateSettings.model_fields["canary_interval_s"].default
    assert interval_s + canary_module.TIMEOUT_S < 10
    assert patrol.INTERVAL_S < 10
