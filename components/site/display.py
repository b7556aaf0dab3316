"""The display of `steelyard up`: it moves on a terminal, and is plain lines everywhere else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from components.site.supervise import State

_MARKS = {
    State.STARTING: ("…", "dim"),
    State.HEALTHY: ("✔", "green"),
    State.FAILING: ("!", "yellow"),
    State.ENDED: ("✘", "red"),
    State.STOPPED: ("■", "dim"),
}


class Display:
    """Shows what each process is doing, on standard error if no other console is given.

    `change` is a Supervisor's `on_change`.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress: Progress | None = None
        self._rows: dict[str, TaskID] = {}

    def say(self, text: str) -> None:
        """Show one line that stays."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def alarm(self, text: str) -> None:
        """Show an alarm: a line that stays."""
        self.say(f"{time.strftime('%H:%M:%S')} ✘ {text}")

    @contextmanager
    def progress(self, names: tuple[str, ...]) -> Iterator[None]:
        """While in this context, show one moving row for each process (on a terminal)."""
        if not self._console.is_terminal:
            yield
            return
        columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as self._progress:
            self._rows = {name: self._progress.add_task(f"  {name}", total=1) for name in names}
            try:
                yield
            finally:
                self._rows = {}
        self._progress = None

    def change(self, name: str, state: State, text: str) -> None:
        """Show that a process has changed its state, with a remark."""
        mark, style = _MARKS[state]
        words = f"{name} is {state}" if state is not State.FAILING else f"{name} is not well"
        if text:
            words = f"{name} {text}"
        if name in self._rows and self._progress is not None:
            done = 1 if state in (State.HEALTHY, State.ENDED, State.STOPPED) else 0
            self._progress.update(
                self._rows[name],
                description=f"[{style}]{mark}[/] {escape(words)}",
                completed=done,
                refresh=True,
            )
        else:
            stamp = "" if state is State.STARTING else time.strftime("%H:%M:%S ")
            self.say(f"{stamp}{mark} {words}")
