"""The gate's part in changing rules: they take effect with the next stanza, and every change is a record."""

import time
from collections.abc import Callable

import structlog

from components.archive.record import Event, RecordKind, encode_event
from components.gate.admissions import describe_admissions
from components.gate.alarm import AlarmName, Alarms
from components.gate.recorder import Recorder
from components.rules.follow import RulesFollower
from components.rules.load import RuleSources
from policy.rules import Rules

log = structlog.get_logger("gate")


class RulesInForce:
    """Has the rules of a gate; raises RulesError when they are wrong to begin with."""

    def __init__(self, sources: RuleSources, recorder: Recorder, alarms: Alarms) -> None:
        self._recorder = recorder
        self._alarms = alarms
        self._use: Callable[[Rules], None] = lambda _rules: None
        self._follower = RulesFollower(sources, on_change=self._change, on_problem=self._tell)
        self._record("in-force", self.rules)

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._follower.rules

    async def run(self, use: Callable[[Rules], None]) -> None:
        """Follow the files until cancelled; `use` is called with each new value."""
        self._use = use
        await self._follower.run()

    def _change(self, before: Rules, after: Rules) -> None:
        self._use(after)
        log.info("rules changed", before=before.name, after=after.name)
        self._record("changed", after)
        for event in describe_admissions(before, after, time.time_ns()):
            self._recorder.add(event.kind, encode_event(event))

    def _tell(self, problems: tuple[str, ...]) -> None:
        if not problems:
            self._alarms.end(AlarmName.RULES_BROKEN)
            return
        log.error("rules not taken", problems=problems, in_force=self.rules.name)
        self._alarms.sound(AlarmName.RULES_BROKEN, problems=len(problems), in_force=self.rules.name)

    def _record(self, name: str, rules: Rules) -> None:
        details: dict[str, str | int] = {
            "digest": rules.digest,
            "content": rules.content.digest if rules.content else "",
            "people": len(rules.directory.people),
            "exceptions": " ".join(each.id for each in rules.directory.exceptions),
        }
        event = Event(RecordKind.RULES, name, tuple(details.items()), time.time_ns())
        self._recorder.add(RecordKind.RULES, encode_event(event))
