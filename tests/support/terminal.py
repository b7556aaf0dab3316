"""A program in a terminal of its own, read as a person reads it: by what stands on its screen."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pyte

from tests.support.process import PATIENCE_S, wait_until

COLUMNS, LINES = 120, 60
"""Room for what a test looks at, so that nothing has scrolled away."""
# Curses believes the environment before the terminal, and who runs the tests may have a smaller one.
_OF_TERMINAL = {
    "TERM": "linux",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "COLUMNS": str(COLUMNS),
    "LINES": str(LINES),
}
_READ_BYTES = 65536
_ENTER = "\r"


class Terminal:
    """One program from its start to its end; what it asks for and never gets, it does not show, and that fails."""

    def __init__(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._terminal = -1
        self._process: subprocess.Popen[bytes] | None = None

    def inside(self, machine: Sequence[str | Path]) -> Self:
        """Have it run by another command, which runs what it is given as on some machine."""
        self._command = [*machine, *self._command]
        return self

    async def __aenter__(self) -> Self:
        program = shutil.which(self._command[0])
        assert program, f"{self.name} is not installed; `.ci/setup tests` does it"
        self._terminal, inside = os.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._process = subprocess.Popen(  # noqa: ASYNC220 - it takes no time
            # Its own session, in which this is the terminal: as a shell has it.
            ["setsid", "--ctty", program, *self._command[1:]],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env={**os.environ, **_OF_TERMINAL, **self._environment},
        )
        os.close(inside)
        os.set_blocking(self._terminal, False)
        asyncio.get_running_loop().add_reader(self._terminal, self._take_in)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        # What it writes meanwhile is read: it must not wait for us.
        assert await wait_until(lambda: self._process is not None and self._process.poll() is not None)
        asyncio.get_running_loop().remove_reader(self._terminal)
        os.close(self._terminal)

    @property
    def screen(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def shows(self, text: str) -> int:
        """How often a text stands on the screen, wherever its lines are broken, also beside another panel."""
        return " ".join(self.screen.replace("│", " ").split()).count(text)

    async def expect(self, text: str, times: int = 1) -> None:
        """Wait until a text stands on the screen so many times."""
        await self._until(f"{times} x {text!r}", lambda: self.shows(text) >= times)

    async def expect_gone(self, text: str) -> None:
        """Wait until a text stands on the screen no more."""
        await self._until(f"no {text!r}", lambda: not self.shows(text))

    async def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    async def say(self, line: str) -> None:
        """Type a line, and press Enter once it stands where the cursor is: what comes at once counts as pasted."""
        await self.press(line)
        await self._until(f"{line!r} typed", lambda: line[-20:].rstrip() in self._line_of_cursor())
        await self.press(_ENTER)
        await self._until(f"{line!r} taken", lambda: line[-20:].rstrip() not in self._line_of_cursor())

    async def wait_for_end(self) -> None:
        """Wait until it has ended by itself."""
        await self._until("its end", lambda: self._process is not None and self._process.poll() is not None)

    def _line_of_cursor(self) -> str:
        return str(self._screen.display[self._screen.cursor.y])

    async def _until(self, what: str, is_so: Callable[[], bool]) -> None:
        if not await wait_until(is_so):
            raise AssertionError(f"{self.name}: waited {PATIENCE_S} s for {what}; its screen:\n{self.screen}")

    def _take_in(self) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                self._stream.feed(os.read(self._terminal, _READ_BYTES))
            except OSError:  # it has ended
                asyncio.get_running_loop().remove_reader(self._terminal)
