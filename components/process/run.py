"""A process of a site: it goes on until it is told to stop, or one of its tasks ends."""

import asyncio
import signal
from collections.abc import Sequence


async def wait_for_end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for SIGTERM or SIGINT, or for the end of any task: what cannot go on must not look alive."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    for task in tasks:
        task.add_done_callback(lambda _task: stopped.set())
    await stopped.wait()
