"""Exports that are under way or done: each belongs to the auditor who began it, and is gone when it is old."""

import asyncio
import secrets
import shutil
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.archive.errors import LogError
from components.audit.export.export import ExportResult
from components.audit.query.error import QueryError
from components.audit.sites.export import SitesExport
from components.process.errors import SiteError

KEPT_S = 24 * 3600.0
MOST_OF_ONE = 3
_ARCHIVE = "zip"


@dataclass(slots=True)
class Job:
    """An export by its random `id`; `file` is what can be fetched once it is `done`, `fault` why it never can be.

    If the query is `wrong`, the page says in its own language why.
    """

    id: str
    auditor: str
    query: str
    format: str
    began_s: float
    folder: Path
    finished: int = 0
    total: int = 0
    fault: str = ""
    wrong: QueryError | None = None
    result: ExportResult | SitesExport | None = None
    file: Path | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether it goes on."""
        return self.file is None and not self.fault

    def progress(self, finished: int, total: int) -> None:
        """Note how far it is; called from its own thread."""
        self.finished, self.total = finished, total


@dataclass(slots=True)
class Jobs:
    """All exports of this console since it started, below a folder that only it can read."""

    folder: Path
    clock: Callable[[], float] = time.time
    _jobs: dict[str, Job] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def of(self, auditor: str) -> list[Job]:
        """Return an auditor's exports, the newest first."""
        self._forget_old()
        return sorted(
            (job for job in self._jobs.values() if job.auditor == auditor), key=lambda job: -job.began_s
        )

    def find(self, auditor: str, id_: str) -> Job | None:
        """Return an export of an auditor; another's is as one that there is not."""
        job = self._jobs.get(id_)
        return job if job is not None and job.auditor == auditor else None

    def begin(
        self,
        auditor: str,
        query: str,
        format_: str,
        run: Callable[[Job], Coroutine[Any, Any, ExportResult | SitesExport]],
    ) -> Job:
        """Begin an export, which goes on whoever waits for it."""
        id_ = secrets.token_urlsafe(12)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        job = Job(id_, auditor, query, format_, self.clock(), self.folder / id_)
        self._jobs[id_] = job
        task = asyncio.create_task(_finish(job, run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def close(self) -> None:
        """Wait for those under way, and remove what was written: nobody could fetch it any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in self._jobs.values():
            _remove(job)

    def _forget_old(self) -> None:
        old = [
            job for job in self._jobs.values() if job.began_s + KEPT_S < self.clock() and not job.is_under_way
        ]
        for job in old:
            _remove(job)
            del self._jobs[job.id]


async def _finish(job: Job, run: Callable[[Job], Coroutine[Any, Any, ExportResult | SitesExport]]) -> None:
    try:
        job.result = await run(job)
        packed = await asyncio.to_thread(shutil.make_archive, str(job.folder), _ARCHIVE, job.folder)
        await asyncio.to_thread(shutil.rmtree, job.folder)
        job.file = Path(packed)
    except QueryError as error:
        job.fault, job.wrong = error.message, error
    except (SiteError, LogError, OSError) as error:
        job.fault = str(error)


def _remove(job: Job) -> None:
    shutil.rmtree(job.folder, ignore_errors=True)
    if job.file is not None:
        job.file.unlink(missing_ok=True)
