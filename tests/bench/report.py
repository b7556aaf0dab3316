"""Results as text: the tables of docs/benchmarks.md, and the same on a terminal."""

import math
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from tests.bench.figures import Figure, Table
from tests.bench.results import Result

_PREFACE = """\
# Benchmarks

`make bench` writes this file from [benchmarks.json](benchmarks.json), which also has each single round. No figure
in it is typed by hand. `make bench ARGS="throughput latency"` measures these two again and keeps the rest.
`ARGS=--quick` shows within a few minutes that everything works, and changes no file here.

- Prosody has one core to itself. The gate, the load generator and everything else share another core (by CPU
  affinity), unless a section says otherwise.
- The servers run without Nagle's algorithm, with a site's garbage collector, and with the same modules, except for
  mod_mam where it is named.
- Compared set-ups take turns within one run. A ratio or a difference compares the medians of the rounds. *Rounds*
  has the lowest and the highest value, and compares each round with itself.
- The load generator is a process of its own. The tables show its share of a core, and that of every measured
  process. *All else* is what the rest of the machine used meanwhile: if it is much, the figures are worth little.
- Everything goes over loopback, and without TLS unless a section says otherwise; the archive is on a disk.
"""
_MET, _NOT_MET = "yes", "**no**"


def render_markdown(results: Iterable[Result]) -> str:
    """Render docs/benchmarks.md."""
    sections = (_render_section(result) for result in results)
    return "\n".join((_PREFACE, *sections))


def render_table(table: Table) -> list[str]:
    """Render a table, without its title, in lines of Markdown."""
    return _markdown_table(table.header, table.rows)


def print_result(console: Console, result: Result) -> None:
    """Print one measurement's tables."""
    table = RichTable(title=result.title, box=box.SIMPLE_HEAD, title_justify="left")
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column == _COLUMNS[0] else "right")
    for figure in result.findings.figures:
        style = "" if figure.wanted is None else "green" if figure.is_met else "bold red"
        table.add_row(*(cell.strip("*") for cell in _cells(figure)), style=style)
    if result.findings.figures:
        console.print(table)
    for extra in result.findings.tables:
        table = RichTable(*extra.header, title=extra.title, box=box.SIMPLE_HEAD, title_justify="left")
        for row in extra.rows:
            table.add_row(*row)
        console.print(table)


def format_number(value: float) -> str:
    """Format a number with three significant digits or so, as a person would write it."""
    if math.isinf(value):
        return "∞"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.2f}"


_COLUMNS = ("", "wanted", "measured", "rounds", "met")


def _render_section(result: Result) -> str:
    lines = [f"## {result.title}", "", result.about, ""]
    if result.findings.figures:
        cells = (_cells(figure) for figure in result.findings.figures)
        lines += [*_markdown_table(_COLUMNS, cells), ""]
    for table in result.findings.tables:
        lines += [f"{table.title}:", "", *render_table(table), ""]
    lines += [f"Measured {result.taken_at} by `{result.command}` on {result.machine.describe()}.", ""]
    return "\n".join(lines)


def _cells(figure: Figure) -> tuple[str, str, str, str, str]:
    unit = f" {figure.unit}" if figure.unit else ""
    wanted, met = "", ""
    if figure.wanted is not None:
        sign = "at most" if figure.wanted.at_most else "at least"
        wanted = f"{sign} {format_number(figure.wanted.value)}{unit}"
        met = _MET if figure.is_met else _NOT_MET
    rounds = ""
    if figure.low != figure.high:
        rounds = f"{format_number(figure.low)} - {format_number(figure.high)}"
    return figure.what, wanted, format_number(figure.value) + unit, rounds, met


def _markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    columns = list(header)
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)]
