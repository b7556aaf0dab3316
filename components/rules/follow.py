"""Follows the rules while their files change: a whole new value each time, or the old one and a problem."""

import asyncio
import gc
import time
from collections.abc import Callable

from components.rules.load import (
    LoadedRules,
    RulesError,
    RuleSources,
    end_exceptions,
    fingerprint,
    load_rules,
)
from policy.rules import Rules

_INTERVAL_S = 0.2


class RulesFollower:
    """Has the rules in force in `rules`, from files that are read again when they change, or when time says so.

    `on_change` is called with the old and the new rules, on the event loop, right after they came into force;
    `on_problem` with what is wrong with files that were not taken, and with nothing once all is well again.
    """

    def __init__(
        self,
        sources: RuleSources,
        *,
        on_change: Callable[[Rules, Rules], None],
        on_problem: Callable[[tuple[str, ...]], None],
    ) -> None:
        self._sources = sources
        self._on_change = on_change
        self._on_problem = on_problem
        # Taken before the files are read: what changes meanwhile is seen the next time.
        self._seen = fingerprint(sources)
        self._loaded: LoadedRules = load_rules(sources, time.time_ns())
        self._problems: tuple[str, ...] = ()

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._loaded.rules

    async def run(self) -> None:
        """Follow until cancelled; a broken file leaves the rules as they are."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            seen = await asyncio.to_thread(fingerprint, self._sources)
            until_ns = self._loaded.until_ns
            if seen != self._seen or (until_ns is not None and time.time_ns() >= until_ns):
                self._seen = seen
                await self._reload()

    async def _reload(self) -> None:
        # Apart from the loop: thousands of people take a while, and the line must not wait for them. Nor for the
        # collector, which would go through all of them while it stops everything.
        gc.disable()
        try:
            loaded = await asyncio.to_thread(load_rules, self._sources, time.time_ns())
        except RulesError as error:
            if error.problems != self._problems:  # it is tried again and again while time says so
                self._problems = error.problems
                self._on_problem(error.problems)
            self._put_in_force(await asyncio.to_thread(end_exceptions, self._loaded, time.time_ns()))
            return
        finally:
            gc.freeze()
            gc.enable()
        if self._problems:
            self._problems = ()
            self._on_problem(())
        self._put_in_force(loaded)

    def _put_in_force(self, loaded: LoadedRules) -> None:
        before, self._loaded = self._loaded, loaded
        if loaded.rules.digest != before.rules.digest:
            self._on_change(before.rules, loaded.rules)
