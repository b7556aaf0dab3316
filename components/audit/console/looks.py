"""Takes looks away from the event loop, each to its end: what was begun is recorded, also if the browser goes away."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import uvloop

_AT_ONCE = 4

_Found = TypeVar("_Found")


class Looks:
    """Runs looks, a few at once: each in a thread with an event loop of its own, as a command does."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="look")
        self._under_way: set[asyncio.Future[Any]] = set()

    async def take(self, look: Callable[[], Coroutine[Any, Any, _Found]]) -> _Found:
        """Take a look, and return what it finds; raises what it raises. Who no longer waits for it does not end it."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, _run, look)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Wait for the looks that are under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._pool.shutdown()


def _run(look: Callable[[], Coroutine[Any, Any, _Found]]) -> _Found:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(look())
