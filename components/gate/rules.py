"""The gate's part in changing rules: they take effect with the next stanza, and every change is a record."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import structlog

from components.archive.record import Event, RecordKind, encode_event
from components.gate.watch.alarm import AlarmName, Alarms
from components.gate.watch.recorder import Recorder
from components.rules.follow import RulesFollower
from components.rules.load import RuleSources
from policy.directory.change import describe_changes
from policy.rules import Rules

CHANGES_TOLD = 500
_PEOPLE_AT_ONCE = 100
"""So many are named in one record."""

log = structlog.get_logger("gate")


class RulesInForce:
    """Has the rules of a gate; raises RulesError when they are wrong to begin with."""

    def __init__(self, sources: RuleSources, recorder: Recorder, alarms: Alarms) -> None:
        self._recorder = recorder
        self._alarms = alarms
        self._use: Callable[[Rules], None] = lambda _rules: None
        self._follower = RulesFollower(sources, on_change=self._change, on_problem=self._tell)
        self._changes: asyncio.Queue[tuple[Rules, Rules, int]] = asyncio.Queue()
        self._record("in-force", self.rules, time.time_ns())

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._follower.rules

    async def run(self, use: Callable[[Rules], None]) -> None:
        """Follow the files until cancelled; `use` is called with each new value."""
        self._use = use
        await asyncio.gather(self._follower.run(), self._record_changes())

    def _change(self, before: Rules, after: Rules) -> None:
        self._use(after)
        log.info("rules changed", before=before.name, after=after.name)
        self._changes.put_nowait((before, after, time.time_ns()))

    def _tell(self, problems: tuple[str, ...]) -> None:
        if not problems:
            self._alarms.end(AlarmName.RULES_BROKEN)
            return
        log.error("rules not taken", problems=problems, in_force=self.rules.name)
        self._alarms.sound(AlarmName.RULES_BROKEN, problems=len(problems), in_force=self.rules.name)

    async def _record_changes(self) -> None:
        while True:
            before, after, at_ns = await self._changes.get()
            # Apart from the loop: the line must not wait for what is said of thousands of people.
            more = await asyncio.to_thread(_describe, before, after)
            self._record("changed", after, at_ns, more)
            for event in describe_admissions(before, after, at_ns):
                self._recorder.add(event.kind, encode_event(event))

    def _record(
        self, name: str, rules: Rules, at_ns: int, more: Mapping[str, str | int] | None = None
    ) -> None:
        details: dict[str, str | int] = {
            "digest": rules.digest,
            "content": rules.content.digest if rules.content else "",
            "people": len(rules.directory.people),
            "exceptions": " ".join(each.id for each in rules.directory.exceptions),
            **(more or {}),
        }
        event = Event(RecordKind.RULES, name, tuple(details.items()), at_ns)
        self._recorder.add(RecordKind.RULES, encode_event(event))


def _describe(before: Rules, after: Rules) -> dict[str, str | int]:
    """Say what changed in the directory, a line for each; of a great many, how many more there are."""
    changes = describe_changes(before.directory, after.directory)
    lines = [f"{change.enterprise} {change}".strip() for change in changes[:CHANGES_TOLD]]
    if (more := len(changes) - CHANGES_TOLD) > 0:
        lines.append(f"... and {more} more")
    return {"changes": len(changes), "directory": "\n".join(lines)}


def describe_admissions(before: Rules, after: Rules, at_ns: int) -> Iterator[Event]:
    """Give events for those who are on the line now, who are not any more, and who know now that it is recorded."""
    old, new = before.directory, after.directory
    changes = (
        ("admitted", new.people.keys() - old.people.keys()),
        ("left", old.people.keys() - new.people.keys()),
        ("informed", (old.uninformed - new.uninformed) & new.people.keys()),
    )
    for name, people in changes:
        for some in _pack(sorted(people)):
            # `who` is what a search by address looks at, and names one; of many, their words are found.
            who = (("who", some[0]),) if len(some) == 1 else (("people", " ".join(some)),)
            yield Event(RecordKind.ADMISSION, name, tuple(sorted((*who, ("rules", after.name)))), at_ns)


def _pack(people: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(people)
    while some := list(islice(rest, _PEOPLE_AT_ONCE)):
        yield some
