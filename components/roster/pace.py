"""Limits how fast the component asks the server: a number of requests a second, for any amount of work."""

import asyncio
import time


class Pace:
    """Gives evenly spaced turns to waiting tasks; after a fault of the server, gives none for a while."""

    def __init__(self, turns_per_s: float, *, rest_min_s: float = 0.25, rest_max_s: float = 10.0) -> None:
        self._interval_s = 1 / turns_per_s
        self._rest_min_s = rest_min_s
        self._rest_max_s = rest_max_s
        self._rest_s = rest_min_s
        self._next_at_s = 0.0
        self._resting_until_s = 0.0

    async def turn(self, cost: float = 1.0) -> None:
        """Wait for a turn; the next turn comes after this many usual pauses."""
        at_s = max(self._next_at_s, self._resting_until_s, time.monotonic())
        self._next_at_s = at_s + cost * self._interval_s
        await asyncio.sleep(at_s - time.monotonic())

    def worked(self) -> None:
        """Note that the server answers."""
        self._rest_s = self._rest_min_s

    def rest(self) -> None:
        """Give no turn for a while, and for longer each time in a row."""
        now_s = time.monotonic()
        if now_s >= self._resting_until_s:
            self._resting_until_s = now_s + self._rest_s
            self._rest_s = min(self._rest_s * 2, self._rest_max_s)
