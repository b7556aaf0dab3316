"""How the gate takes changed rules: they take effect with the next stanza, and every change is a record."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Protocol

import structlog

from components.archive.alarm import Alarms, Records
from components.archive.alarm_name import AlarmName
from components.archive.record import Event, RecordKind, encode_event
from components.rules.follow import RulesChange, RulesFollower
from components.rules.recorded_directory import DETAIL, write_listed
from policy.directory.change import describe_changes
from policy.rules import Rules

CHANGES_TOLD = 500
_PEOPLE_AT_ONCE = 100
"""How many changes one record names."""

log = structlog.get_logger("gate")


class RulesUser(Protocol):
    """The part that decides by the rules (`Gate`)."""

    def use(self, rules: Rules) -> None:
        """Decide by these rules from now on."""


class RulesInForce:
    """Gives `user` the rules that `follower` finds, and has each change recorded."""

    def __init__(
        self, follower: RulesFollower, user: RulesUser, records: Records, alarms: Alarms, *, mode: str
    ) -> None:
        self._follower = follower
        # Whether what they say is done, or only recorded: it begins and ends with a start of the gate.
        self._mode = mode
        self._user = user
        self._records = records
        self._alarms = alarms
        # Changes that are in force and not recorded yet. A crash loses them; the next gate records the rules in force.
        self._changes: asyncio.Queue[tuple[RulesChange, int]] = asyncio.Queue()
        listed = {DETAIL: write_listed(follower.rules.directory)}
        self._record("in-force", follower.rules, time.time_ns(), listed)

    async def run(self) -> None:
        """Follow the files until cancelled."""
        await asyncio.gather(self._follow(), self._record_changes())

    async def _follow(self) -> None:
        async for news in self._follower.follow():
            if isinstance(news, RulesChange):
                self._user.use(news.after)
                log.info("rules changed", before=news.before.name, after=news.after.name)
                self._changes.put_nowait((news, time.time_ns()))
            else:
                self._tell(news.problems)

    def _tell(self, problems: tuple[str, ...]) -> None:
        if not problems:
            self._alarms.end(AlarmName.RULES_BROKEN)
            return
        in_force = self._follower.rules.name
        log.error("rules not taken as a whole", problems=problems, in_force=in_force)
        self._alarms.sound(AlarmName.RULES_BROKEN, problems=len(problems), in_force=in_force)

    async def _record_changes(self) -> None:
        while True:
            change, at_ns = await self._changes.get()
            # In a thread: the line must not wait while a record about thousands of people is made.
            more = await asyncio.to_thread(_describe, change.before, change.after)
            self._record("changed", change.after, at_ns, more)
            for event in describe_admissions(change.before, change.after, at_ns):
                self._records.add(event.kind, encode_event(event))

    def _record(
        self, name: str, rules: Rules, at_ns: int, more: Mapping[str, str | int] | None = None
    ) -> None:
        details: dict[str, str | int] = {
            "digest": rules.digest,
            "content": rules.content.digest if rules.content else "",
            "people": len(rules.directory.people),
            "exceptions": " ".join(each.id for each in rules.directory.exceptions),
            "mode": self._mode,
            **(more or {}),
        }
        event = Event(RecordKind.RULES, name, tuple(details.items()), at_ns)
        self._records.add(RecordKind.RULES, encode_event(event))


def _describe(before: Rules, after: Rules) -> dict[str, str | int]:
    """Return the changes of the directory, a line for each; if there are very many, the last line counts the rest."""
    changes = describe_changes(before.directory, after.directory)
    lines = [f"{change.enterprise} {change}".strip() for change in changes[:CHANGES_TOLD]]
    if (more := len(changes) - CHANGES_TOLD) > 0:
        lines.append(f"... and {more} more")
    listed = write_listed(after.directory, before.directory)
    return {"changes": len(changes), "directory": "\n".join(lines), DETAIL: listed}


def describe_admissions(before: Rules, after: Rules, at_ns: int) -> Iterator[Event]:
    """Return events for people who were admitted, who left, and who have acknowledged the notice."""
    old, new = before.directory, after.directory
    changes = (
        ("admitted", new.people.keys() - old.people.keys()),
        ("left", old.people.keys() - new.people.keys()),
        ("informed", (old.uninformed - new.uninformed) & new.people.keys()),
    )
    for name, people in changes:
        for some in _pack(sorted(people)):
            # A search by address looks at `who`, which names one person. If there are many, a search for words finds
            # them.
            who = (("who", some[0]),) if len(some) == 1 else (("people", " ".join(some)),)
            yield Event(RecordKind.ADMISSION, name, tuple(sorted((*who, ("rules", after.name)))), at_ns)


def _pack(people: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(people)
    while some := list(islice(rest, _PEOPLE_AT_ONCE)):
        yield some
