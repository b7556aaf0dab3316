"""Measure: `make bench`, or `python -m tests.bench [NAMES...] [--quick] [--rounds N] [--json FILE]`."""

import asyncio
import datetime as dt
import inspect
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn

from tests.bench import (
    archive,
    console,
    crowd,
    decide,
    disk,
    ejabberd,
    ejabberd_cluster,
    export,
    failover,
    files,
    gate_alone,
    latency,
    overload,
    postgres,
    prove,
    reach,
    reload,
    restart,
    rosters,
    scaling,
    search,
    soak,
    throughput,
)
from tests.bench.bench import Bench, Measure
from tests.bench.documents import write_docs
from tests.bench.errors import BenchError
from tests.bench.machine import examine_machine
from tests.bench.report import print_result
from tests.bench.results import Result, Results, load_results, store_results
from tests.bench.usage import OTHER_CORE

Name = Literal[
    "disk",
    "throughput",
    "ejabberd",
    "ejabberd_cluster",
    "latency",
    "soak",
    "overload",
    "gate_alone",
    "archive",
    "postgres",
    "decide",
    "prove",
    "reload",
    "restart",
    "rosters",
    "reach",
    "files",
    "export",
    "export_large",
    "search",
    "search_large",
    "search_postgres",
    "console",
    "failover",
    "crowd",
    "scaling",
]
MEASUREMENTS: dict[Name, tuple[str, Measure]] = {
    "disk": ("The disk alone", disk.measure),
    "throughput": ("Throughput", throughput.measure),
    "ejabberd": ("Throughput on ejabberd", ejabberd.measure),
    "ejabberd_cluster": ("Throughput of a cluster of ejabberds", ejabberd_cluster.measure),
    "latency": ("Latency", latency.measure),
    "soak": ("Endurance", soak.measure),
    "overload": ("Overload", overload.measure),
    "gate_alone": ("The gate alone", gate_alone.measure),
    "archive": ("The log alone", archive.measure),
    "postgres": ("The log in PostgreSQL", postgres.measure),
    "decide": ("A decision", decide.measure),
    "prove": ("The proof of borders", prove.measure),
    "reload": ("Changed rules", reload.measure),
    "restart": ("A new gate", restart.measure),
    "rosters": ("Rosters", rosters.measure),
    "reach": ("Answers about whom one must not reach", reach.measure),
    "files": ("Files", files.measure),
    "export": ("Exports", export.measure),
    "export_large": ("Exports of a million messages", export.measure_large),
    "search": ("Searches", search.measure),
    "search_large": ("Searches in ten million messages", search.measure_large),
    "search_postgres": ("Searches in PostgreSQL", search.measure_postgres),
    "console": ("Pages of the console", console.measure),
    "failover": ("A standby that takes over", failover.measure),
    "crowd": ("Ten thousand people online", crowd.measure),
    "scaling": ("What a firm needs", scaling.measure),
}
ONLY_NAMED = ("export_large", "search_large", "crowd")
"""What takes too long to be measured unless it is named."""
ROUNDS, QUICK_ROUNDS = 5, 1
DOCS = Path(__file__).resolve().parents[2] / "docs"

app = App(name="python -m tests.bench", help="Measure Steelyard beside a bare Prosody.", version_flags=[])


@app.default
def bench(
    *names: Name,
    quick: Annotated[bool, Parameter(negative="")] = False,
    rounds: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    json: Path | None = None,
) -> int:
    """Measure, print the tables, and write what docs/ has of them; status 1 if a figure is not as wanted.

    Parameters
    ----------
    names
        What to measure; all of it unless named, but for export_large, search_large and crowd.
    quick
        Show within minutes that everything works. The figures mean nothing, and docs/ stays as it is.
    rounds
        How many times each set-up has its turn: 5, or 1 with --quick.
    json
        Write the results of this run to this file, too.
    """
    console = Console()
    chosen = names or tuple(name for name in get_args(Name) if name not in ONLY_NAMED)
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    os.sched_setaffinity(0, {OTHER_CORE})
    try:
        results = asyncio.run(_measure_all(console, chosen, rounds, quick))
    except (BenchError, KeyboardInterrupt, asyncio.CancelledError) as error:
        console.print(f"stopped: {str(error) or 'interrupted'}", style="red", markup=False)
        return 1
    if json is not None:
        store_results(json, results)
    if not quick:
        kept = load_results(DOCS / "benchmarks.json") | results
        kept = {name: kept[name] for name in MEASUREMENTS if name in kept}
        write_docs(DOCS, kept)
    return 0 if len(results) == len(chosen) and all(result.is_met for result in results.values()) else 1


async def _measure_all(console: Console, names: Sequence[Name], rounds: int, quick: bool) -> Results:
    """Make one measurement after the other; one that cannot be made is reported and left out."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    results: Results = {}
    # Drawn when something changes only: a clock that ticks would cost the core that is measured.
    progress = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=console, auto_refresh=False
    )
    with tempfile.TemporaryDirectory(prefix="steelyard-bench-") as root, progress:
        machine = examine_machine(Path(root))
        console.print(f"on {machine.describe()}", style="dim")
        for name in names:
            title, measure = MEASUREMENTS[name]
            row = progress.add_task(title)

            def announce(step: str, title: str = title, row: TaskID = row) -> None:
                progress.update(row, description=f"{title}: {step}", refresh=True)
                if not console.is_terminal:
                    console.print(f"{title}: {step}")

            try:
                with tempfile.TemporaryDirectory(dir=root) as folder:
                    findings = await measure(Bench(Path(folder), rounds, quick, announce))
            except (BenchError, AssertionError) as error:  # the latter when a server does not start or end
                console.print(f"{title}: {error}", style="red", markup=False)
                continue
            finally:
                progress.remove_task(row)
            results[name] = Result(title, _about(measure), _command(name, rounds), _now(), machine, findings)
            print_result(console, results[name])
    return results


def _about(measure: Measure) -> str:
    return inspect.getdoc(measure) or ""


def _command(name: Name, rounds: int) -> str:
    return f"python -m tests.bench {name} --rounds {rounds}"


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


if __name__ == "__main__":
    sys.exit(app())
