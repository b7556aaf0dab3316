"""What watches the gate at work: the account of numbers, alarms and figures, told of what happens by the service."""

import asyncio
import time

import structlog

from components.gate.watch.alarm import AlarmName, Alarms
from components.gate.watch.canary import Canary
from components.gate.watch.metrics import Metrics
from components.gate.watch.numbers import Account, FindingKind
from components.gate.watch.patrol import Patrol
from components.link.codec import CanaryBack, Held, Status
from policy.facts import Way

_CANARY = Way.CANARY
_INTERVAL_S = 0.5
_LINK_DOWN_S = 5.0  # a server that is only restarted is back sooner

log = structlog.get_logger("gate")


class Watch:
    """Takes note of what the gate does; none of it may fail, or take long."""

    def __init__(self) -> None:
        self.alarms = Alarms()
        self.metrics = Metrics(self.alarms)
        self.canary: Canary | None = None
        self._account = Account()
        self._host = ""  # by which the adapter speaks, once it has said its status
        self._down_since_s: float | None = time.monotonic()

    @property
    def host(self) -> str:
        """The address of the adapter that is connected now, empty until it has said its status."""
        return self._host

    def link_changed(self, *, connected: bool) -> None:
        """Take note that a connection ended or begins."""
        self._account.link_changed()
        self._host = ""
        if self.canary is not None:
            self.canary.link_changed()
        if connected:
            self._down_since_s = None
            self.alarms.end(AlarmName.LINK_DOWN)
        elif self._down_since_s is None:
            self._down_since_s = time.monotonic()

    def took(self, items: list[Held | Status]) -> None:
        """Take note of what the adapter says, before it is recorded."""
        for item in items:
            if isinstance(item, Status):
                self._take_status(item)
            elif item.facts.way is _CANARY and self.canary is not None:
                self.canary.submitted(item)
        for finding in self._account.take(items):
            self.metrics.findings[finding.kind] += 1
            where = finding.where
            details: dict[str, str | int] = {
                "epoch": finding.epoch[:64],
                "first": where.first,
                "last": where.last,
            }
            if finding.kind is FindingKind.OPEN_AT_END:
                # A server that ends takes what it holds with it; nobody has done wrong.
                log.warning("a server ended before all was carried out", **details)
                continue
            if finding.kind is FindingKind.NUMBERS_MISSING:
                self.metrics.numbers_missing += finding.where.numbers
            self.alarms.sound(AlarmName(finding.kind.value), **details)

    def committed(self, seconds: float) -> None:
        """Take note of a commit."""
        self.metrics.commit_seconds.observe(seconds)
        self.alarms.end(AlarmName.NOT_RECORDING)

    def not_recorded(self, reason: str) -> None:
        """Take note of a commit that failed."""
        self.alarms.sound(AlarmName.NOT_RECORDING, reason=reason)

    def answered(self, epoch: str, through: int) -> None:
        """Take note of a verdict that is sent."""
        self._account.answered(epoch, through)
        if self.canary is not None:
            self.canary.answered(through)

    def canary_returned(self, canary: CanaryBack) -> None:
        """Take a canary that was carried out."""
        if self.canary is not None:
            self.canary.returned(canary)

    async def run(self, patrol: Patrol) -> None:
        """Look at what only time shows, until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            patrol.check_checkpoint()
            if self._down_since_s is not None and time.monotonic() - self._down_since_s > _LINK_DOWN_S:
                self.alarms.sound(AlarmName.LINK_DOWN)

    def _take_status(self, status: Status) -> None:
        self._host = status.host
        self.metrics.window_stanzas = status.next_seq - status.first_seq
        self.metrics.turned_away += status.turned_away
