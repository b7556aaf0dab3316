"""Alarms: at once a log line, a metric and an entry of the status file; a record as soon as one can be written."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from components.archive.alarm_name import STATES, AlarmName
from components.archive.record import Alarm, RecordKind, encode_alarm

# A repeated event is one log line and one record in a minute, with the number of times.
_QUIET_S = 60.0
# An event is never over; it is shown for a day.
_SHOWN_S = 24 * 60 * 60.0

log = structlog.get_logger("alarm")


@dataclass(slots=True)
class _Raised:
    """One alarm since the gate started; `untold` counts occurrences without their own line.

    `last_at_ns` is Unix time, the other times are monotonic.
    """

    times: int = 0
    last_at_ns: int = 0
    last_s: float = 0.0
    lasts: bool = False
    told: bool = False
    untold: int = 0
    quiet_until_s: float = 0.0
    details: dict[str, str | int] = field(default_factory=dict)


class Records(Protocol):
    """Takes payloads to record (`Recorder`)."""

    def add(self, kind: RecordKind, payload: bytes) -> None:
        """Have a payload recorded."""


class Alarms:
    """Raises alarms and ends them, and gives a record of each to `records`.

    `clock_s` is a monotonic clock. Details are numbers and short texts, never parts of a stanza.
    """

    def __init__(self, records: Records, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._clock_s = clock_s
        self._raised: dict[AlarmName, _Raised] = {}

    def sound(self, name: AlarmName, **details: str | int) -> None:
        """Raise an alarm. If it is a state that lasts already, do nothing."""
        raised = self._raised.setdefault(name, _Raised())
        if name in STATES and raised.lasts:
            return
        now_s = self._clock_s()
        raised.times += 1
        raised.last_at_ns, raised.last_s = time.time_ns(), now_s
        raised.details = dict(details)
        raised.lasts = True
        raised.told = now_s >= raised.quiet_until_s
        if not raised.told:
            raised.untold += 1
            return
        if raised.untold:
            details["untold"], raised.untold = raised.untold, 0
        raised.quiet_until_s = now_s + _QUIET_S
        log.error("alarm", alarm=name.value, **details)
        self._add(name, raised.last_at_ns, details)

    def end(self, name: AlarmName) -> None:
        """End a state, if it lasts."""
        raised = self._raised.get(name)
        if raised is None or not raised.lasts:
            return
        raised.lasts = False
        if raised.told:
            details: dict[str, str | int] = {"over_after_s": int(self._clock_s() - raised.last_s)}
            log.warning("alarm is over", alarm=name.value, **details)
            self._add(name, time.time_ns(), details)

    def times(self) -> dict[AlarmName, int]:
        """Return how often each alarm was raised since the gate started."""
        return {name: raised.times for name, raised in self._raised.items()}

    def present(self) -> list[dict[str, str | int | dict[str, str | int]]]:
        """Return what an operator must see now, with its newest details: states that last, events of the last day."""
        now_s = self._clock_s()
        return [
            {
                "name": name.value,
                "times": raised.times,
                "last_at_ns": raised.last_at_ns,
                "details": raised.details,
            }
            for name, raised in self._raised.items()
            if raised.lasts and (name in STATES or now_s - raised.last_s < _SHOWN_S)
        ]

    def _add(self, name: AlarmName, at_ns: int, details: dict[str, str | int]) -> None:
        payload = encode_alarm(Alarm(name.value, tuple(details.items()), at_ns))
        self._records.add(RecordKind.ALARM, payload)
