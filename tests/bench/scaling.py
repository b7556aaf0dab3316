"""What a firm of some size needs, worked out from what was measured."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Findings, Table
from tests.bench.report import format_number, render_table
from tests.bench.results import Result, Results, load_results
from tests.bench.scaling_model import GATE, INDEXER, SERVER, Costs, Day, Firm, find_lines, play_day

SIZES = (100, 10_000, 1_000_000)
NEEDED = ("throughput", "gate_alone", "search", "crowd")
_RESULTS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.json"
_SET_UP = "Steelyard, window 64"
_HEAD = "| people |"
"""How the table of docs/scaling.md begins."""


async def measure(bench: Bench) -> Findings:
    """What 100, 10,000 and 1,000,000 people need: worked out from the other figures of this file, not measured.

    A day is played through in steps of ten seconds (docs/scaling.md says what people are assumed to do, and what is
    left out). A *line* is a server with its gate, its log and its indexer, each process on a core of its own. There are
    as many lines as it takes that no core is busy for more than 70 % of the busiest ten seconds, and that no server has
    more people online than was measured. What is more than 10,000 people is extrapolated: nobody has run 100 lines.
    """
    bench.announce("working it out")
    return Findings((), (make_table(load_results(_RESULTS)),))


def make_table(results: Results) -> Table:
    """Work it out for each size; raises BenchError if something it needs was not measured."""
    costs = read_costs(results)
    days = {size: (firm := Firm(size), play_day(firm, costs, find_lines(firm, costs))) for size in SIZES}
    header = ("people", *(f"{size:,}{' (extrapolated)' if size > costs.sessions else ''}" for size in SIZES))
    columns = [list(_cells(firm, day)) for firm, day in days.values()]
    rows = [(cells[0][0], *(cell for _, cell in cells)) for cells in zip(*columns, strict=True)]
    return Table("What they need", header, tuple(rows))


def replace_table(document: str, results: Results) -> str:
    """Return docs/scaling.md with the table that the results give now; as it is, if they do not give one."""
    try:
        lines = render_table(make_table(results))
    except BenchError:
        return document
    old = re.search(rf"^{re.escape(_HEAD)}.*\n(?:\|.*\n)+", document, re.MULTILINE)
    if old is None:
        raise BenchError(f"docs/scaling.md has no table that begins with {_HEAD!r}")
    return document[: old.start()] + "".join(f"{line}\n" for line in lines if line) + document[old.end() :]


def read_costs(results: Results) -> Costs:
    """Take the costs from results; raises BenchError if one is not there."""
    if missing := [name for name in NEEDED if name not in results]:
        raise BenchError(f"not measured yet: {', '.join(missing)}")
    throughput, crowd = results["throughput"], results["crowd"]
    return Costs(
        server_us=1e6 * _share(throughput, _SET_UP, "Prosody") / _figure(throughput, _SET_UP),
        gate_us=1e6 / _figure(results["gate_alone"], "decided and recorded"),
        indexer_us=1e6 / _figure(results["search"], "indexed in a second of one core"),
        server_login_ms=_figure(crowd, "Prosody: CPU for each that comes"),
        gate_login_ms=_figure(crowd, "gate: CPU for each that comes"),
        server_base_mib=_figure(crowd, "Prosody: memory before"),
        gate_base_mib=_figure(crowd, "gate: memory before"),
        server_session_kib=_figure(crowd, "Prosody: memory for each that is online"),
        gate_session_kib=_figure(crowd, "gate: memory for each that is online"),
        sessions=int(_figure(crowd, "online at once")),
        record_bytes=_figure(crowd, "the log's bytes for a record, of short messages"),
        index_bytes=_figure(results["search"], "size of the index for a message"),
        search_ms_per_million=_figure(results["search"], "with the count, p95 of the slowest shape"),
    )


def _figure(result: Result, what: str) -> float:
    for figure in result.findings.figures:
        if figure.what == what:
            return figure.value
    raise BenchError(f"{result.title} has no figure {what!r}")


def _share(result: Result, row: str, column: str) -> float:
    """Return what a process used of a core."""
    for table in result.findings.tables:
        for cells in table.rows:
            if cells[0] == row and column in table.header:
                return float(cells[table.header.index(column)])
    raise BenchError(f"{result.title} has no share of {column} with {row!r}")


def _cells(firm: Firm, day: Day) -> Iterator[tuple[str, str]]:
    yield "stanzas a day", f"{firm.stanzas_a_day:,}"
    yield "stanzas a second, in the busiest ten", format_number(day.peak_stanzas)
    yield "lines", f"{day.lines:,}"
    for name in (SERVER, GATE, INDEXER):
        part = day.parts[name]
        yield f"a line's {name}: its core, busiest / mean", f"{part.peak:.1%} / {part.mean:.2%}"
    yield "a line's server: memory", f"{format_number(day.server_mib)} MiB"
    yield "a line's gate: memory", f"{format_number(day.gate_mib)} MiB"
    yield "all back online after a cut, at the soonest", f"{format_number(day.back_online_s)} s"
    yield "logs, a day", f"{format_number(day.log_gb)} GB"
    yield "index, a day", f"{format_number(day.index_gb)} GB"
    yield "files, a day", f"{format_number(day.files_gb)} GB"
    yield "the slowest search in a year of a line", f"{format_number(day.search_s)} s"
    name, share = day.limit
    yield "the limit", f"{name} ({share:.0%} of it)"
