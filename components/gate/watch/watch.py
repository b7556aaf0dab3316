"""Watches the gate at work, by the account of numbers, alarms and metrics; the service reports each event to it."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.gate.watch.canary import Canary
from components.gate.watch.metrics import Metrics
from components.gate.watch.numbers import Finding, Numbers
from components.link.codec import CanaryBack, Held, Status
from policy.facts import Way

_CANARY = Way.CANARY
_INTERVAL_S = 0.5
_NAMES_MAX_CHARACTERS = 1024
_ADAPTER_MISSING_S = 5.0  # its first word is its status, as soon as the gate is connected
_LINK_DOWN_S = 5.0  # a server that is only restarted is back sooner

log = structlog.get_logger("gate")


class Watch:
    """Notes what the gate does; none of this may fail, or take long."""

    def __init__(self, alarms: Alarms, metrics: Metrics, canary: Canary | None = None) -> None:
        self._alarms = alarms
        self._metrics = metrics
        self._canary = canary
        # Of the present connection, or of the last one. A crash loses it: the next gate takes over what the adapter
        # says.
        self._numbers = Numbers()
        # What the last status names: hosts on which nothing passes, modules that would take files past the archive.
        self._named: dict[AlarmName, tuple[str, ...]] = {}
        self._down_since_s: float | None = time.monotonic()
        # Connected, and no adapter has spoken yet.
        self._unspoken_since_s: float | None = None

    def connected(self) -> None:
        """Note that a connection begins."""
        self._numbers = Numbers(self._numbers.epoch)
        self._down_since_s = None
        self._unspoken_since_s = time.monotonic()
        self._alarms.end(AlarmName.LINK_DOWN)

    def disconnected(self) -> None:
        """Note that the connection has ended."""
        self._unspoken_since_s = None
        if self._down_since_s is None:
            self._down_since_s = time.monotonic()

    def took(self, items: Sequence[Held | Status]) -> None:
        """Note what the adapter sends, before it is recorded."""
        for item in items:
            if isinstance(item, Status):
                self._metrics.window_stanzas = item.next_seq - item.first_seq
                self._metrics.turned_away += item.turned_away
                self._unspoken_since_s = None
                self._alarms.end(AlarmName.ADAPTER_MISSING)
                self._note_named(AlarmName.HOST_UNHELD, "hosts", item.unheld)
                self._note_named(AlarmName.UPLOAD_UNRECORDED, "modules", item.uploads)
                if item.unrecorded:
                    self._alarms.sound(AlarmName.QUARANTINED, epoch=item.epoch[:64], first=item.unrecorded[0])
            elif item.facts.way is _CANARY and self._canary is not None:
                self._canary.submitted(item)
        for finding in self._numbers.take(items):
            self._tell(finding)

    def committed(self, seconds: float) -> None:
        """Note a commit."""
        self._metrics.commit_seconds.observe(seconds)
        self._alarms.end(AlarmName.NOT_RECORDING)

    def not_recorded(self, reason: str) -> None:
        """Note a failed commit."""
        self._alarms.sound(AlarmName.NOT_RECORDING, reason=reason)

    def not_looked_at(self, alarm: AlarmName, record: str) -> None:
        """Take note of what was refused and recorded because it could not be read, or decided on."""
        self._alarms.sound(alarm, record=record)

    def answered(self, epoch: str, through: int) -> None:
        """Note a verdict that is sent."""
        self._numbers.answered(epoch, through)
        if self._canary is not None:
            self._canary.answered(through)

    def canary_returned(self, canary: CanaryBack) -> None:
        """Take a canary that was carried out."""
        if self._canary is not None:
            self._canary.returned(canary)

    async def run(self) -> None:
        """Watch for faults that only time shows, until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            now_s = time.monotonic()
            if self._down_since_s is not None and now_s - self._down_since_s > _LINK_DOWN_S:
                self._alarms.sound(AlarmName.LINK_DOWN)
            if self._unspoken_since_s is not None and now_s - self._unspoken_since_s > _ADAPTER_MISSING_S:
                self._alarms.sound(AlarmName.ADAPTER_MISSING)

    def _note_named(self, alarm: AlarmName, what: str, names: tuple[str, ...]) -> None:
        """Raise the alarm for what a status names, and raise it again if the names change."""
        if names == self._named.get(alarm, ()):
            return
        self._named[alarm] = names
        self._alarms.end(alarm)
        if names:
            self._alarms.sound(alarm, **{what: " ".join(names)[:_NAMES_MAX_CHARACTERS]})

    def _tell(self, finding: Finding) -> None:
        self._metrics.findings[finding.alarm] += 1
        where = finding.where
        details: dict[str, str | int] = {
            "epoch": finding.epoch[:64],
            "first": where.first,
            "last": where.last,
        }
        if finding.alarm is None:
            log.warning("a server ended before all was carried out", **details)
            return
        if finding.alarm is AlarmName.NUMBERS_MISSING:
            self._metrics.numbers_missing += where.numbers
        self._alarms.sound(finding.alarm, **details)
