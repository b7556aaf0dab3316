"""One run: its plan is played on a real line, all is mended, and the history is checked."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.soak.archived import read_archive
from tests.soak.check import Report, Violation, check_history
from tests.soak.history import History
from tests.soak.line import SoakLine
from tests.soak.plan import Fault, Plan, Talk, gate_of

PATIENCE_S = 20.0
"""So long what comes late may take: an error that is given back, or a status, on a busy machine."""
_LOOK_AGAIN_S = 0.3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run of a seed found."""

    seed: int
    report: Report
    messages: int
    took_s: float


async def run_plan(plan: Plan, folder: Path) -> Outcome:
    """Play a plan in a folder of its own; its processes end with it."""
    began_s = time.monotonic()
    try:
        report, messages = await _play(plan, folder)
    except* (AssertionError, OSError, TimeoutError) as errors:
        # A part did not come back.
        found = Violation("not mended", "", "; ".join(_say(each) for each in errors.exceptions))
        report, messages = Report((found,), Counter()), 0
    return Outcome(plan.seed, report, messages, time.monotonic() - began_s)


async def _play(plan: Plan, folder: Path) -> tuple[Report, int]:
    async with SoakLine(folder, plan) as line:
        staying = [asyncio.create_task(each.stay()) for each in line.people.values()]
        try:
            await _hear_from_all(line)
            began_s = line.journal.now_s()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_talk(line, plan.talk, began_s))
                for faults in plan.lanes().values():
                    tasks.create_task(_break(line, faults, began_s))
            await _hear_from_all(line)
            return await check_when_all_came(partial(_write_history, line, plan)), len(line.journal.said)
        finally:
            for each in staying:
                each.cancel()
            await asyncio.gather(*staying, return_exceptions=True)


async def _talk(line: SoakLine, talk: Sequence[Talk], began_s: float) -> None:
    for each in talk:
        await _wait_for_time(line, began_s + each.at_s)
        line.people[each.who].speak(each.to, each.count, asks=each.asks)


async def _break(line: SoakLine, faults: Sequence[Fault], began_s: float) -> None:
    for each in faults:
        await _wait_for_time(line, began_s + each.at_s)
        await line.break_something(each)


async def _wait_for_time(line: SoakLine, at_s: float) -> None:
    await asyncio.sleep(max(0.0, at_s - line.journal.now_s()))


async def _hear_from_all(line: SoakLine) -> None:
    await asyncio.gather(*(each.answered() for each in line.people.values()))


async def check_when_all_came(write_history: Callable[[], Awaitable[History]]) -> Report:
    """Check what is there; as long as something is missing that may come late, look again."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        report = check_history(await write_history())
        if not report.violations or time.monotonic() > deadline_s:
            return report
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _write_history(line: SoakLine, plan: Plan) -> History:
    archives = [await read_archive(gate_of(domain), site.gate) for domain, site in line.sites.items()]
    for each in line.people.values():
        each.close_books()
    return History(
        tuple(line.journal.said),
        tuple(line.journal.heard),
        tuple(session for each in line.people.values() for session in each.sessions),
        frozenset(line.journal.acknowledged),
        tuple(record for each in archives for record in each.records),
        frozenset(status for each in archives for status in each.statuses),
        tuple(line.server_ends),
        tuple(fault for each in archives for fault in each.faults),
        any(each.where == "link" for each in plan.faults),
        frozenset(gate_of(each.site) for each in plan.faults if each.where in ("gate", "wire", "server")),
    )


def _say(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_say(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"
