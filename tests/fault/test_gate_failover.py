"""A log in PostgreSQL whose primary dies under load: the gate goes on at the standby, or does not go on."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from components.archive.backup.mirror import mirror_log
from components.archive.last_signed import LastSigned
from components.archive.reader import LogReader
from components.verifier.log import verify_log
from tests.support.failover_line import FailoverLine
from tests.support.postgres_standby import Pair, run_pair
from tests.support.process import NotReadyError, wait_until

pytestmark = [pytest.mark.programs, pytest.mark.slow]


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with run_pair(synchronous=getattr(request, "param", True)) as pair:
        yield pair


@pytest.fixture
async def line(tmp_path: Path, pair: Pair) -> AsyncIterator[FailoverLine]:
    line = FailoverLine(tmp_path, pair)
    async with line.running():
        yield line


async def test_nothing_that_was_delivered_is_lost_when_the_standby_takes_over(
    line: FailoverLine, pair: Pair, tmp_path: Path
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
    line: FailoverLine, pair: Pair
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
