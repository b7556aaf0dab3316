"""All that a machine follows, and its own log: run together, or once."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import structlog

from components.archive.follow.file_copies import FileCopies
from components.archive.follow.referred import NO_FILES, ReferredFiles
from components.archive.served_log import ServedLog
from components.follow.client import FedLogs, FeedClient
from components.follow.files import FileFollower
from components.follow.follower import LogFollower
from components.follow.own_log import OwnLogSender
from components.process.backoff import Backoff
from components.process.errors import SiteError
from components.process.status import Status
from components.settings.follow import FollowSettings
from components.settings.site import SiteFile
from components.settings.transfer import MIB

ASKED = "asked.db"
"""In the folder of files: which of them the feed was asked for."""

_LONGEST_PAUSE_S = 15.0

log = structlog.get_logger("follow")


@dataclass(slots=True)
class FollowService:
    """Follows logs by their names here; `own` is sent, where the feed takes it."""

    site: SiteFile
    client: FeedClient
    followers: Mapping[str, LogFollower]
    own: OwnLogSender | None
    files: FileFollower | None = None

    @classmethod
    def of(cls, site: SiteFile, client: FeedClient, fed: FedLogs) -> "FollowService":
        """Return the service for the logs that the feed has and site.toml names; raises SiteError without any."""
        wanted = [log for log in site.verified_logs if log.origin != site.audit_log.origin]
        followers = {
            log.name: LogFollower(log, fed.names[log.origin], client)
            for log in wanted
            if log.origin in fed.names
        }
        if not followers:
            raise SiteError(
                "the feed has none of the logs that site.toml names here: compare their log_origin"
            )
        own = OwnLogSender(site.audit_log, client) if fed.own == site.audit_log.origin else None
        return cls(site, client, followers, own, _open_files(site, client, followers))

    @property
    def missing(self) -> list[str]:
        """The logs that site.toml names and that this machine does not get."""
        wanted = (log for log in self.site.verified_logs if log.origin != self.site.audit_log.origin)
        return sorted(log.name for log in wanted if log.name not in self.followers)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name, follower in self.followers.items():
                tasks.create_task(follower.run(), name=name)
            if self.own is not None:
                tasks.create_task(self.own.run(), name="own")
            if self.files is not None:
                tasks.create_task(self.files.run(), name="files")

    async def catch_up(self) -> dict[str, int]:
        """Take and send what there is now, and return how many records of each log are here then.

        Raises SiteError, LogError, KeyFileError and BlobError.
        """
        for follower in self.followers.values():
            while await follower.step():
                pass
            await follower.carry_requests()
        while self.own is not None and await self.own.step():
            pass
        while self.files is not None and await self.files.step():
            pass
        return {name: follower.size for name, follower in self.followers.items()}

    def describe(self) -> Status:
        """Return the content of the status file."""
        faults = list(_tell_faults({name: each.fault for name, each in self.followers.items() if each.fault}))
        if self.own is None:
            faults.append(
                f"the site does not take {self.site.audit_log.origin}: name it there in audit.others"
            )
        elif self.own.fault:
            faults.append(f"its own log: {self.own.fault}")
        faults += [f"this machine does not get the log {name}" for name in self.missing]
        counts = self.files.count() if self.files else NO_FILES
        faults += [f"files: {self.files.fault}"] if self.files and self.files.fault else []
        faults += [f"the file of {fault}" for fault in counts.faults]
        forked = [name for name, each in self.followers.items() if each.forked]
        behind = not all(each.caught_up for each in self.followers.values())
        state = "forked" if forked else "behind" if behind or faults else "following"
        logs = {name: each.size for name, each in self.followers.items()}
        details = {"logs": logs, "sent": self.own.sent if self.own else 0, "forked": forked, "faults": faults}
        files = {name: getattr(counts, name) for name in ("here", "waiting", "left_out", "faulty")}
        return Status(state, details | {"files": files})

    async def close(self) -> None:
        """Let go of all logs."""
        for follower in self.followers.values():
            await follower.close()
        if self.own is not None:
            await self.own.close()
        if self.files is not None:
            await self.files.close()


def _tell_faults(faults: Mapping[str, str]) -> Iterator[str]:
    """Yield the faults of logs, one that several have once."""
    for fault in dict.fromkeys(faults.values()):
        logs = [name for name, each in faults.items() if each == fault]
        yield f"the log{'s' * (len(logs) > 1)} {', '.join(logs)}: {fault}"


def _open_files(
    site: SiteFile, client: FeedClient, followers: Mapping[str, LogFollower]
) -> FileFollower | None:
    """Return what copies files into the folder of `[transfer]`; None where nothing is to be copied.

    With a bucket, the machine reads the site's own files.
    """
    transfer, follow = site.transfer, site.require(FollowSettings)
    follower = followers.get(transfer.log_settings(site.folder).name) if transfer else None
    if transfer is None or follower is None or transfer.s3 is not None:
        return None
    referred = ReferredFiles(transfer.files / ASKED)
    files = FileFollower(
        ServedLog(follower.settings.store),
        follower.settings.name,
        follower.name,
        client,
        FileCopies(transfer.files),
        referred,
        follow.files_mib * MIB,
        lambda: follower.destructions,
    )
    follower.answer_file = files.answer
    return files


async def find_service(site: SiteFile, client: FeedClient) -> FollowService:
    """Ask the feed what there is, and return the service for it; raises SiteError."""
    return FollowService.of(site, client, await client.list_logs())


class Following:
    """Follows a feed that may not be reached yet: a machine can be up before the site is."""

    def __init__(self, site: SiteFile, client: FeedClient, changed: Callable[[], None]) -> None:
        self._site = site
        self._client = client
        self._changed = changed
        self._service: FollowService | None = None
        self._pause = Backoff(_LONGEST_PAUSE_S)

    async def run(self) -> None:
        """Follow until cancelled."""
        while self._service is None:
            try:
                self._service = await find_service(self._site, self._client)
            except SiteError as error:
                if self._pause.failed(str(error), time.monotonic()):
                    log.warning("does not follow", reason=str(error))
                await asyncio.sleep(self._pause.due_in_s(time.monotonic()))
        for follower in self._service.followers.values():
            follower.changed = self._changed
        if self._service.files is not None:
            self._service.files.changed = self._changed
        log.info("follows", logs=sorted(self._service.followers))
        await self._service.run()

    def describe(self) -> Status:
        """Return the content of the status file."""
        if self._service is None:
            return Status("behind", {"faults": [self._pause.fault] if self._pause.fault else []})
        return self._service.describe()

    async def close(self) -> None:
        """Let go of all logs."""
        if self._service is not None:
            await self._service.close()
