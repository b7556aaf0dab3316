"""What a running console has: its settings, its sessions, its state, and what takes its looks."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jinja2 import Environment

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.audit.console.alarms import AlarmRecords
from components.audit.console.hidden import Hidden
from components.audit.console.jobs import Jobs
from components.audit.console.limit import LoginLimit, Pace
from components.audit.console.login.ceremony import Ceremonies
from components.audit.console.login.values import Challenge, Started
from components.audit.console.looks import Looks
from components.audit.console.metrics import ConsoleMetrics
from components.audit.console.render import make_environment
from components.audit.console.session import Sessions
from components.audit.console.signing import Signing, find_signing
from components.audit.console.state import ConsoleState
from components.audit.review.acts import ReviewReader
from components.process.status import Status
from components.rules.reviewers import load_reviewers
from components.settings.console import ConsoleSettings
from components.settings.site import SiteFile

_EXPORTS_AT_ONCE = 2


@dataclass(slots=True)
class Console:
    """All that pages need beside the request. `link_key` makes and opens one-time links; `clock` gives Unix time.

    `signing` says for whom it signs acts of review. `reviews` knows those acts that it has read; it belongs to who has
    `reviewing`. Exports have looks of their own, `exporting`: they take long, and nobody has to wait for them.
    `hidden_elsewhere` has for other sites, by their names, what `hidden` is for this one; so has `reviews_elsewhere`,
    by their files, with the settings with which it was made.
    """

    site: SiteFile
    settings: ConsoleSettings
    link_key: bytes
    state: ConsoleState
    sessions: Sessions
    limit: LoginLimit
    pace: Pace
    challenges: Ceremonies[Challenge]
    started: Ceremonies[Started]
    jobs: Jobs
    reviews: ReviewReader
    hidden: Hidden
    clock: Callable[[], float]
    alarms: Alarms
    alarm_records: AlarmRecords
    looks: Looks
    exporting: Looks
    signing: Signing | None
    templates: Environment = field(default_factory=make_environment)
    metrics: ConsoleMetrics = field(default_factory=ConsoleMetrics)
    hidden_elsewhere: dict[str, Hidden] = field(default_factory=dict)
    reviews_elsewhere: dict[Path, tuple[object, ReviewReader]] = field(default_factory=dict)
    reviewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def describe(self) -> Status:
        """Return the content of the status file."""
        return Status("running", {"sessions": len(self.sessions), "alarms": self.alarms.present()})

    async def close(self) -> None:
        """Wait for the looks and exports that are under way."""
        await self.jobs.close()
        await self.exporting.close()
        await self.looks.close()


def make_console(
    site: SiteFile,
    settings: ConsoleSettings,
    link_key: bytes,
    state: ConsoleState,
    clock: Callable[[], float] = time.time,
) -> Console:
    """Return a console without sessions; raises SiteError where it may not sign as it is told."""
    looks = Looks()
    records = AlarmRecords(site, looks)
    alarms = Alarms(records)
    state.tell = partial(_tell_state, alarms)
    sessions = Sessions(settings.idle_minutes * 60, settings.session_hours * 3600, clock)
    return Console(
        site,
        settings,
        link_key,
        state,
        sessions,
        LoginLimit(clock),
        Pace(settings.requests_per_minute, clock),
        Ceremonies(clock),
        Ceremonies(clock),
        Jobs(settings.state_file.parent / "exports", clock),
        ReviewReader(site, load_reviewers(site)),
        Hidden(site),
        clock,
        alarms,
        records,
        looks,
        Looks(_EXPORTS_AT_ONCE),
        find_signing(site, settings),
    )


def _tell_state(alarms: Alarms, fault: str) -> None:
    if fault:
        alarms.sound(AlarmName.CONSOLE_STATE_NOT_KEPT, reason=fault)
    else:
        alarms.end(AlarmName.CONSOLE_STATE_NOT_KEPT)
