"""What whoever proposes an order sees first: the log, its orders, and all that its holds keep now."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from components.archive.opener import RecordOpener
from components.archive.record import Access
from components.audit.access import name_actor, record_access
from components.audit.auditor import Auditor
from components.audit.index.index import Index
from components.audit.indexed import catch_up_all, open_indexed, open_site_index
from components.audit.open_log import open_log
from components.audit.orders.files import evaluate_file_holds
from components.audit.orders.limits import Limits, find_limits
from components.audit.orders.orders import OrderView, evaluate_holds, fetch_orders
from components.process.errors import SiteError
from components.process.progress import Progress, ignore_progress
from components.settings.archive import load_retention
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.settings.transfer import TransferSettings
from policy.destruction import Hold
from policy.retention import RetentionPolicy


@dataclass(frozen=True, slots=True)
class Enquiry:
    """Who looks at which log of a site, to propose an order or to see those there are.

    `progress` is told how far the index has caught up with the logs.
    """

    settings: SiteFile
    log: LogSettings
    auditor: Auditor | None = None
    progress: Progress = ignore_progress


@dataclass(frozen=True, slots=True)
class Scene:
    """An open log with its updated index, its orders, and the holds with everything that they hold now.

    `limits` are those of who looks; the holds are all, also those that they may not see.
    """

    settings: SiteFile
    log: RecordOpener
    index: Index
    views: list[OrderView]
    holds: list[Hold]
    policy: RetentionPolicy
    limits: Limits
    now_ns: int

    @property
    def considered(self) -> tuple[str, ...]:
        """The ids of all holds."""
        return tuple(sorted(hold.id for hold in self.holds))

    async def record(self, act: str, query: str, count: int) -> str:
        """Record this look, and return its record's id; raises SiteError, and then nothing may be shown."""
        size = await self.log.reader.size()
        access = Access(name_actor(), act, query, self.now_ns, size, count)
        return await record_access(self.settings, access)


@asynccontextmanager
async def open_scene(enquiry: Enquiry) -> AsyncIterator[Scene]:
    """Open a log for an auditor who proposes an order, or looks at those there are; raises SiteError and LogError."""
    settings, log = enquiry.settings, enquiry.log
    try:
        policy = load_retention(settings.archive.retention)
    except SettingsError as error:
        raise SiteError(str(error)) from None
    now_ns = time.time_ns()
    async with open_log(settings, log) as opener:
        with open_site_index(settings) as index:
            limits = find_limits(settings, log, index, enquiry.auditor, now_ns)
            if log == settings.gate_log or limits.scope is not None:
                # Also of files: a query of an order may look for what they say.
                async with open_indexed(settings) as logs:
                    await catch_up_all(settings, index, logs, enquiry.progress)
            views = await fetch_orders(opener)
            if log.table == TransferSettings.table_name:
                holds = await evaluate_file_holds(opener, views, enquiry.progress)
            else:
                holds = evaluate_holds(views, index, now_ns)
            yield Scene(settings, opener, index, views, holds, policy, limits, now_ns)
