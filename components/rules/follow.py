"""Follows the rules while their files change: gives a whole new value each time, or the old value and a problem."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from components.rules import load
from policy.rules import Rules

_INTERVAL_S = 0.2


@dataclass(frozen=True, slots=True)
class RulesProblems:
    """What is wrong with files that were not accepted as a whole, a line for each; empty as soon as all is well."""

    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RulesChange:
    """New rules have just come into force."""

    before: Rules
    after: Rules


class RulesFollower:
    """Keeps the rules in force in `rules`, and reads the files again when they change, or when a rule begins or ends.

    Raises RulesError if the files are wrong at the start.
    """

    def __init__(self, sources: load.RuleSources) -> None:
        self._sources = sources
        # Taken before the files are read, so the next round sees what changes meanwhile.
        self._seen = load.fingerprint(sources)
        self._loaded: load.LoadedRules = load.load_rules(sources, time.time_ns())
        self._problems: tuple[str, ...] = ()

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._loaded.rules

    async def follow(self) -> AsyncIterator[RulesChange | RulesProblems]:
        """Follow until cancelled, and yield each change; a broken file leaves the rules as they are."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            seen = await asyncio.to_thread(load.fingerprint, self._sources)
            until_ns = self._loaded.until_ns
            if seen != self._seen or (until_ns is not None and time.time_ns() >= until_ns):
                self._seen = seen
                for news in await self._reload():
                    yield news

    async def _reload(self) -> list[RulesChange | RulesProblems]:
        # In a thread: thousands of people take a while, and the line must not wait for them. It must not wait for the
        # garbage collector either, which would go through all of them while everything stops.
        problems: tuple[str, ...] = ()
        gc.disable()
        try:
            loaded = await asyncio.to_thread(load.load_rules, self._sources, time.time_ns())
            problems = loaded.left_out
        except load.RulesError as error:
            problems = error.problems
            loaded = await asyncio.to_thread(load.end_exceptions, self._loaded, time.time_ns())
        finally:
            gc.freeze()
            gc.enable()
        news: list[RulesChange | RulesProblems] = []
        if problems != self._problems:  # the time has come, so it is tried again and again
            self._problems = problems
            news.append(RulesProblems(problems))
        before, self._loaded = self._loaded, loaded
        if loaded.rules.digest != before.rules.digest:
            news.append(RulesChange(before.rules, loaded.rules))
        return news
