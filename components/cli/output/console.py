"""The terminal that commands print to, and bars for long tasks."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO, TypeVar, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.audit.moment import format_time
from components.cli.output.terminal import show_text
from components.process.progress import Progress, ignore_progress

# If standard output is not a terminal, a line is as long as its content.
_UNBOUNDED = 1_000_000

Result = TypeVar("Result")


def make_console() -> Console:
    """Make the console for standard output; if it is not a terminal, no line is broken, cut or padded."""
    console = Console(highlight=False, markup=False)
    if console.is_terminal:
        return console
    return Console(highlight=False, markup=False, width=_UNBOUNDED, file=cast(TextIO, _Unfilled()))


class _Unfilled:
    """Standard output, without the blanks that pad the last column of a table."""

    def write(self, text: str) -> int:
        return sys.stdout.write("\n".join(line.rstrip(" ") for line in text.split("\n")))

    def flush(self) -> None:
        sys.stdout.flush()


@contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Progress]:
    """Show a bar on standard error during a long task, and nothing if that is not a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield ignore_progress
        return
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as ProgressDisplay

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} " + unit),
    )
    with ProgressDisplay(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=0)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def make_fields(values: Mapping[str, str]) -> Table:
    """Lay out values beside their names; no content of theirs can control the terminal."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(name, style="dim"), Text(show_text(value, keep="\n")))
    return table


def make_table(*titles: str) -> Table:
    """Make a table with headings and without lines."""
    return Table(*titles, box=None, padding=(0, 2, 0, 0))


def show_time(at_ns: int, *, digits: int = 0) -> str:
    """Write a time in UTC for people, with this number of digits (0, 3) after the second."""
    written = format_time(at_ns).replace("T", " ")
    return written[: 19 + digits + (digits > 0)]


def make_look(access_id: str, text: str = "", look: str = "This look") -> Text:
    """Make the last line of an auditor's look: other text, and the id of the look's record."""
    return Text(f"{text} {look} is record {access_id}.".lstrip(), style="dim")


def run_with_bar(title: str, unit: str, work: Callable[[Progress], Coroutine[Any, Any, Result]]) -> Result:
    """Run a long task, with a bar while it lasts."""
    with progress_bar(title, unit) as progress:
        return asyncio.run(work(progress))
