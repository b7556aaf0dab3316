"""What can go wrong with the console: alarms of its own (docs/alarms.md), each a record in the log of the looks."""

import asyncio
from collections.abc import Iterator
from functools import partial

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.archive.record import RecordKind
from components.audit.access import LookNotRecordedError, record_alarms
from components.audit.console.looks import Looks
from components.process.status import read_status
from components.settings.follow import FollowSettings
from components.settings.indexer import IndexerSettings
from components.settings.site import SiteFile

_RETRY_S = 1.0
_PATROL_EVERY_S = 2.0


class AlarmRecords:
    """Records alarms, each as soon as the log can be written; a crash before that leaves only a line of console.log."""

    def __init__(self, site: SiteFile, looks: Looks) -> None:
        self._site = site
        self._looks = looks
        self._unwritten: list[bytes] = []
        self._wake = asyncio.Event()

    @property
    def unwritten(self) -> int:
        """How many alarms are not recorded yet."""
        return len(self._unwritten)

    def add(self, _kind: RecordKind, payload: bytes) -> None:
        """Queue an alarm to be recorded."""
        self._unwritten.append(payload)
        self._wake.set()

    async def run(self, alarms: Alarms) -> None:
        """Record until cancelled. What can be recorded shows that looks can be, too."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while batch := tuple(self._unwritten):
                try:
                    await self._looks.take(partial(record_alarms, self._site, batch))
                except LookNotRecordedError:
                    # It may have been recorded nevertheless, and is then there twice.
                    await asyncio.sleep(_RETRY_S)
                    continue
                del self._unwritten[: len(batch)]
                alarms.end(AlarmName.LOOKS_NOT_RECORDED)


async def patrol(site: SiteFile, alarms: Alarms) -> None:
    """Look after the processes that the console depends on, until cancelled."""
    while True:
        await asyncio.sleep(_PATROL_EVERY_S)
        look_after(site, alarms)


def look_after(site: SiteFile, alarms: Alarms) -> None:
    """Raise the alarms of what is behind, or silent, and end those that are over."""
    for name, faults in (
        (AlarmName.INDEX_BEHIND, _find_index_faults(site)),
        (AlarmName.COPY_BEHIND, _find_copy_faults(site)),
    ):
        if fault := next(faults, ""):
            alarms.sound(name, reason=fault)
        else:
            alarms.end(name)


def _find_index_faults(site: SiteFile) -> Iterator[str]:
    if (settings := site.find(IndexerSettings)) is None:
        return  # each look brings the index up to date itself
    status, fault = read_status(settings.status_file)
    if fault:
        yield f"the indexer {fault}"
    elif status.get("state") == "behind":
        yield f"{status.get('lag_entries')} entries of the logs are not indexed"
    elif status.get("state") != "following":
        yield "the indexer cannot index: see indexer.log"


def _find_copy_faults(site: SiteFile) -> Iterator[str]:
    if (settings := site.find(FollowSettings)) is None:
        return
    status, fault = read_status(settings.status_file)
    if fault:
        yield f"the follower of the feed {fault}"
    elif (state := status.get("state")) != "following":
        yield f"the follower of the feed is {state}: see follow.log"
