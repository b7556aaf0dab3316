"""A log in PostgreSQL whose primary dies under load: the gate goes on at the standby, or does not go on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from components.archive.backup.mirror import mirror_log
from components.archive.last_signed import LastSigned
from components.archive.reader import LogReader
from components.archive.record import RecordKind, Submission, parse_record
from components.verifier.log import verify_log
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise, open_sealed
from tests.support.postgres_standby import Pair, run_pair
from tests.support.process import NotReadyError, wait_until
from tests.support.scripted_server import ScriptedServer

pytestmark = [pytest.mark.programs, pytest.mark.slow]

PEOPLE = ("alice@metals.example", "bob@metals.example")
IN_FLIGHT = 50


class Line:
    """A gate whose log is in a pair's database, and a server that always has something to submit."""

    def __init__(self, root: Path, pair: Pair) -> None:
        plan = gated_plan(root / "server")
        self.log = f"{pair.url}#gate"
        self.server = ScriptedServer(plan)
        self.gate = GateProcess(root / "gate", plan, one_enterprise(PEOPLE), log=self.log)

    @asynccontextmanager
    async def submitting(self) -> AsyncIterator[None]:
        """Submit meanwhile, with at most so many submissions that wait for a verdict."""
        task = asyncio.create_task(self._submit())
        try:
            yield
        finally:
            task.cancel()

    async def _submit(self) -> None:
        while True:
            if self.server.next_seq - len(self.server.records) < IN_FLIGHT:
                self.server.submit(f"Tin {self.server.next_seq}")
            await asyncio.sleep(0.001)

    async def wait_for_more(self, count: int = 100) -> None:
        """Wait until that many more have their verdict."""
        wanted = len(self.server.records) + count
        assert await wait_until(lambda: len(self.server.records) >= wanted), self.gate.log_tail()

    async def read(self) -> dict[int, Submission]:
        """Return what its log holds of the submissions, by index."""
        async with open_sealed(self.log, self.gate.log_origin, self.gate.auditor_key_file) as opener:
            opened = await opener.fetch(0, 1_000_000)
        found = {}
        for each in opened:
            if each.leaf.kind == RecordKind.STANZA:
                record = parse_record(RecordKind.STANZA, each.payload or b"")
                assert isinstance(record, Submission)
                found[each.index] = record
        return found


@pytest.fixture
async def line(tmp_path: Path, pair: Pair) -> AsyncIterator[Line]:
    line = Line(tmp_path, pair)
    async with line.server:
        await line.gate.start()
        try:
            yield line
        finally:
            await line.gate.stop()


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    with run_pair(synchronous=getattr(request, "param", True)) as pair:
        yield pair


async def test_nothing_that_was_delivered_is_lost_when_the_standby_takes_over(
    line: Line, pair: Pair, tmp_path: Path
) -> None:
    async with line.submitting():
        await line.wait_for_more()
        before = await LogReader.open(line.log)
        signed = await before.checkpoint()
        pair.primary.crash()
        await before.close()
        await line.gate.wait_for_state("not recording")
        # What was answered before has arrived by now; the line stands still.
        answered = dict(line.server.records)
        await line.gate.wait_for_alarm("not-recording")
        assert line.server.records == answered
        pair.standby.promote()
        await line.wait_for_more()
    await line.gate.wait_for_state("connected")
    await line.server.wait_for_verdict(line.server.next_seq - 1)
    await line.gate.stop()

    stored = await line.read()
    assert {record.seq: index for index, record in stored.items()} == line.server.records
    assert Counter(record.seq for record in stored.values()).most_common(1)[0][1] == 1
    assert all(b"Tin %d<" % record.seq in record.body for record in stored.values())
    copy = tmp_path / "copy.db"
    await mirror_log(line.log, copy, lambda done, total: None)
    key = line.gate.log_key_file.with_suffix(".pub").read_text()
    report = verify_log(copy, key, lambda done, total: None, [signed.decode()])
    assert report.ok, report.problems

    # Somebody starts the old primary again, as it was, and it is the first of the two.
    pair.primary.options["synchronous_standby_names"] = ""
    pair.primary.start()
    with pytest.raises(NotReadyError, match="it is an older state"):
        await line.gate.start()


@pytest.mark.parametrize("pair", [False], indirect=True)
async def test_what_an_asynchronous_standby_has_not_got_is_not_gone_on_without(
    line: Line, pair: Pair
) -> None:
    async with line.submitting():
        await line.wait_for_more()
        pair.standby.stop()
        await line.wait_for_more()
        last = LastSigned(line.gate.log_key_file.with_suffix(".last"))
        signed = last.path.read_bytes()
        assert await wait_until(lambda: last.path.read_bytes() != signed)
        pair.primary.crash()
        pair.standby.start()
        pair.standby.promote()
        assert await wait_until(lambda: not line.gate.running)
    assert "the store holds another log" in line.gate.log_tail()
    with pytest.raises(NotReadyError, match="it is an older state"):
        await line.gate.start()
