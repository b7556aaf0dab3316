"""Starts the successor of a process while that one works on, and lets it go on when its turn has come.

So what takes long, such as reading a program and its rules, is done before the first one stops; and a successor that
cannot start changes nothing (docs/operations.md, section 3; docs/decisions/0252).
"""

import asyncio
import socket
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from components.process.turn import TURN_VARIABLE

READY_TIMEOUT_S = 60.0

Spawn = Callable[[Mapping[str, str], tuple[int, ...]], Awaitable[Process]]
"""Starts a process with more variables and more open file descriptors."""


class NotReady(Exception):  # noqa: N818 - the condition is the name
    """The successor ended, or did not get ready in time; it is gone."""


@dataclass(frozen=True, slots=True)
class Successor:
    """A process that is ready, and waits for its turn."""

    process: Process
    _told: socket.socket

    def give_turn(self) -> None:
        """Let it go on: the one before has ended."""
        self._told.close()

    def give_up(self) -> None:
        """End it: there is no turn for it."""
        self.process.kill()
        self._told.close()


async def start_successor(spawn: Spawn) -> Successor:
    """Start a process that takes another's place, and wait until it is ready; raises NotReady.

    If this is cancelled, the process is ended.
    """
    ours, its = socket.socketpair()
    try:
        with its:
            process = await spawn({TURN_VARIABLE: str(its.fileno())}, (its.fileno(),))
        try:
            await _wait_until_ready(ours, READY_TIMEOUT_S)
        except BaseException:
            if process.returncode is None:
                process.kill()
            await process.wait()
            raise
    except BaseException:
        ours.close()
        raise
    return Successor(process, ours)


async def _wait_until_ready(ours: socket.socket, timeout_s: float) -> None:
    ours.setblocking(False)
    try:
        async with asyncio.timeout(timeout_s):
            said = await asyncio.get_running_loop().sock_recv(ours, 1)
    except (TimeoutError, ConnectionError):
        raise NotReady(f"was not ready in {timeout_s:.0f} s") from None
    if not said:
        raise NotReady("ended before it was ready")
