"""A standby of PostgreSQL that takes the place of its primary."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, Findings, at_most, median_of
from tests.support.failover_line import FailoverLine
from tests.support.postgres_standby import Pair, run_pair

CRASHED, FROZEN = "primary killed", "primary frozen"

_BEFORE = 300


@dataclass(frozen=True, slots=True)
class _Failover:
    """How long it took, each from the end of the primary: until the standby was one, and until the next verdict."""

    promoted_s: float
    answered_s: float


async def measure(bench: Bench) -> Findings:
    """How long the line stands still when the PostgreSQL server with the gate's log is gone, and a standby takes over.

    A primary with a synchronous standby, both on this machine; the gate's log names both (docs/settings.md). A scripted
    server keeps 50 submissions in flight. Then all processes of the primary are killed, or frozen, so that its
    connections stay open and nobody answers; in the same moment somebody begins to promote the standby. Not in it:
    how long whoever promotes takes to notice. Afterwards each verdict's record must be in the standby's log.
    """
    found: dict[str, list[_Failover]] = {CRASHED: [], FROZEN: []}
    try:
        for _, what, folder in bench.turns(CRASHED, FROZEN):
            with run_pair() as pair:
                found[what].append(await _fail_over(folder, pair, what))
    except FileNotFoundError as error:
        raise BenchError(
            f"{error.filename} is missing: PostgreSQL comes with apt-get install postgresql"
        ) from None
    limits = {CRASHED: 5.0, FROZEN: 30.0}
    return Findings(
        tuple(each for what, runs in found.items() for each in _figures(what, runs, limits[what]))
    )


def _figures(what: str, runs: Sequence[_Failover], limit_s: float) -> tuple[Figure, ...]:
    after = [run.answered_s - run.promoted_s for run in runs]
    return (
        median_of(f"{what}: the standby is promoted after", [run.promoted_s for run in runs], "s"),
        median_of(
            f"{what}: the line stands still for", [run.answered_s for run in runs], "s", at_most(limit_s)
        ),
        median_of(f"{what}: of that, once it is promoted", after, "s"),
    )


async def _fail_over(folder: Path, pair: Pair, what: str) -> _Failover:
    line = FailoverLine(folder, pair)
    async with line.running(), line.submitting():
        await line.wait_for_more(_BEFORE)
        began_s = time.monotonic()
        if what == CRASHED:
            await asyncio.to_thread(pair.primary.crash)
        else:
            pair.primary.freeze()
        await asyncio.to_thread(pair.standby.promote)
        promoted_s = time.monotonic() - began_s
        # What was under way is answered by now; what comes from here on is from the standby.
        await line.wait_for_more(1)
        answered_s = time.monotonic() - began_s
        await line.wait_for_more(_BEFORE)
    stored = {record.seq: index for index, record in (await line.read()).items()}
    lost = [seq for seq, index in line.server.records.items() if stored.get(seq) != index]
    if lost:
        raise BenchError(f"{len(lost)} submissions that were answered are not in the standby's log")
    return _Failover(promoted_s, answered_s)
