"""`make soak`: run after run on a real line, which breaks as each seed draws it, until all are done.

`ARGS="--seeds 1000 --from 17"` runs seeds 17 to 1016. What was done with this commit is not done again. A seed that
fails says how to play it again, and keeps its folder. `--only 17` plays one seed, whatever was done before.
With STEELYARD_SERVER=ejabberd the line has that server.

`ARGS="--minutes 60"` is something else: one whole site for so long, and the memory that its processes take.
"""

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.soak.long import LongOutcome, play_long
from tests.soak.plan import draw_plan
from tests.soak.run import Outcome, run_plan
from tests.soak.state import Done, State, commit_here
from tests.support.server import PROSODY, SERVER
from tests.support.surroundings import settle

_SHOWN = 5
_COMMAND = "make soak" if SERVER is PROSODY else f"STEELYARD_SERVER={SERVER.name} make soak"


class Soak:
    """Runs seeds, several at once, and says what comes of them."""

    def __init__(self, folder: Path, *, sites: int, until_s: float, keeps_all: bool) -> None:
        self.state, self.commit, self._sites = State(folder), commit_here(), sites
        self.outcomes: list[Outcome] = []
        self._folder, self._until_s, self._keeps_all = folder, until_s, keeps_all

    async def run(self, seeds: Iterable[int], at_once: int) -> None:
        """Run all of them, or as many as there is time for."""
        waiting = iter(seeds)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(self._run_some(waiting))

    async def _run_some(self, waiting: Iterable[int]) -> None:
        for seed in waiting:
            if time.monotonic() > self._until_s:
                return
            await self._run_one(seed)

    async def _run_one(self, seed: int) -> None:
        folder = self._folder / f"seed-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        plan = draw_plan(seed, self._sites)
        outcome = await run_plan(plan, folder)
        self.outcomes.append(outcome)
        violations = outcome.report.violations
        self.state.add(
            Done(seed, self._sites, self.commit, len(violations), outcome.messages, round(outcome.took_s, 1))
        )
        print(
            f"seed {seed}: {outcome.messages} messages, {outcome.took_s:.1f} s: {_verdict(outcome)}",
            flush=True,
        )
        if violations:
            for fault in plan.faults:
                print(f"    {fault}")
            for violation in violations[:_SHOWN]:
                print(f"  ✘ {violation}")
            again = f"--sites {self._sites} --only {seed}"
            print(f'  again: {_COMMAND} ARGS="{again}"; its files: {folder}', flush=True)
        elif not self._keeps_all:
            shutil.rmtree(folder)

    def summary(self) -> str:
        """Say what was done, and by which commit."""
        failed = sorted(each.seed for each in self.outcomes if each.report.violations)
        excused = sum((each.report.excused for each in self.outcomes), Counter[str]())
        said = sum(each.messages for each in self.outcomes)
        lines = [
            f"soak: {len(self.outcomes)} seeds with {self.commit}, {said} messages, {len(failed)} failed"
        ]
        lines += [f"  failed: {' '.join(map(str, failed))}"] if failed else []
        return "\n".join(lines + _tell_excused(excused))


def _tell_excused(excused: Counter[str]) -> list[str]:
    return [f"  left open by the promises: {count} × {reason}" for reason, count in excused.most_common()]


def _verdict(outcome: Outcome) -> str:
    found = Counter(each.kind for each in outcome.report.violations)
    return ", ".join(f"{count} × {kind}" for kind, count in found.most_common()) or "holds"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make soak", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first of them")
    parser.add_argument("--only", type=int, help="this seed alone, again; its folder is kept")
    parser.add_argument("--sites", type=int, default=1, choices=(1, 2), help="how many sites each line has")
    parser.add_argument("--at-once", type=int, default=3, help="how many runs at the same time")
    parser.add_argument(
        "--for-s", type=float, default=float("inf"), help="begin no run after so many seconds"
    )
    parser.add_argument("--minutes", type=float, help="no seeds: one whole site for so long")
    parser.add_argument("--folder", type=Path, default=Path("var/soak"), help="where its files are")
    options = parser.parse_args()
    if options.sites > 1 and SERVER is not PROSODY:
        parser.error(f"{SERVER.name} has no other sites yet (docs/ejabberd.md)")
    if options.minutes and SERVER is not PROSODY:
        parser.error("--minutes has a site with Prosody")
    # Prosody takes a path that does not begin at the root for one below its own data.
    options.folder = options.folder.absolute()
    return options


async def _main() -> int:
    options = _parse()
    return await (_play_long(options) if options.minutes else _play_seeds(options))


async def _play_long(options: argparse.Namespace) -> int:
    folder = options.folder / "long"
    shutil.rmtree(folder, ignore_errors=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    outcome = await play_long(folder, options.minutes * 60, options.first, stop)
    print(tell_long(outcome, options.minutes, commit_here()), flush=True)
    if outcome.report.violations:
        print(f"  its files: {folder}", flush=True)
    return bool(outcome.report.violations)


def tell_long(outcome: LongOutcome, minutes: float, commit: str) -> str:
    """Say what a long run found, and what each process had of memory."""
    violations = outcome.report.violations
    counts = f"{outcome.messages} messages, {outcome.kills} kills of the gate, {len(violations)} violations"
    lines = [f"soak: {minutes:g} minutes with {commit}: {counts}"]
    lines += [f"  ✘ {each}" for each in violations[:_SHOWN]]
    lines += _tell_excused(outcome.report.excused)
    return "\n".join(lines + [f"  {each}" for each in outcome.growths])


async def _play_seeds(options: argparse.Namespace) -> int:
    replayed = options.only is not None
    kind = "sites" if SERVER is PROSODY else SERVER.name
    soak = Soak(
        options.folder / f"{kind}-{options.sites}",
        sites=options.sites,
        until_s=time.monotonic() + options.for_s,
        keeps_all=replayed,
    )
    seeds = [options.only] if replayed else soak.state.left(options.first, options.seeds, soak.commit)
    print(f"soak: {len(seeds)} seeds to do with {soak.commit}", flush=True)
    running = asyncio.current_task()
    assert running
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await soak.run(seeds, options.at_once)
    print(soak.summary(), flush=True)
    return any(each.report.violations for each in soak.outcomes)


if __name__ == "__main__":
    settle()
    sys.exit(asyncio.run(_main()))
