"""How a follower goes on: step by step, with a look now and then, and a pause after what cannot be done now."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

from components.process.backoff import Backoff


async def keep_stepping(
    step: Callable[[], Awaitable[bool]],
    look_every_s: float,
    pause: Backoff,
    passing: tuple[type[Exception], ...],
    failed: Callable[[Exception], Awaitable[None]],
) -> NoReturn:
    """Do one step after the other until cancelled; `step` returns whether there was anything to do.

    After an error that is `passing`, `failed` notes it in `pause`, which then is waited for.
    """
    while True:
        try:
            if not await step():
                await asyncio.sleep(look_every_s)
            pause.succeeded()
        except passing as error:
            await failed(error)
            await asyncio.sleep(pause.due_in_s(time.monotonic()))
