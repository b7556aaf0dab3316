"""`steelyard restart`: asks the `up` of a site to start one of its processes anew, and waits until that is done.

The request is a small file in the site's folder, which `up` looks for and removes when it is done.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.doctor.system import find_children
from components.site.lock import find_holder
from components.site.parts import Part, running_parts
from components.site.probe import find_fault

REQUEST = "up.restart"
TIMEOUT_S = 120.0
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Restarted:
    """A process that was started anew: the ids before and now, and how long it took until it was healthy."""

    name: str
    before: int
    now: int
    took_s: float


async def follow_requests(folder: Path, restart: Callable[[str], Awaitable[None]]) -> None:
    """Call `restart` with each name that is asked for, one after the other, until cancelled."""
    request = folder / REQUEST
    request.unlink(missing_ok=True)  # of an `up` that ended meanwhile
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        if request.is_file():
            await restart(request.read_text().strip())
            request.unlink(missing_ok=True)


def restart_part(site: SiteFile, name: str, timeout_s: float = TIMEOUT_S) -> Restarted:
    """Have a process of a site started anew; return when it is healthy. Raises SiteError, which says what to do."""
    part = _find_part(site, name)
    holder = find_holder(site.folder)
    if holder is None:
        raise SiteError(
            "the site is not up here, or not by `steelyard up`; a service manager restarts what it runs"
        )
    before = _pid_of(part, holder)
    begun_s = time.monotonic()
    request, draft = site.folder / REQUEST, site.folder / f"{REQUEST}.new"
    if request.exists():
        raise SiteError(f"another restart is under way; remove {request} if it is not")
    draft.write_text(f"{name}\n")
    draft.replace(request)
    try:
        silent = f"`steelyard up` (process {holder}) does not answer"
        asyncio.run(_wait(lambda: not request.exists(), silent, timeout_s))
    finally:
        request.unlink(missing_ok=True)
    now = _pid_of(part, holder)
    if now == before:
        raise SiteError(
            f"{part.title} did not start anew, and goes on as it was; see {site.site.logs}/{name}.log"
        )
    asyncio.run(_wait_until_healthy(part, now, site, timeout_s))
    return Restarted(name, before, now, time.monotonic() - begun_s)


def _find_part(site: SiteFile, name: str) -> Part:
    parts = {part.name: part for part in running_parts(site)}
    if name not in parts:
        raise SiteError(f"{name} is none of this site's processes that restart alone: {', '.join(parts)}")
    return parts[name]


def _pid_of(part: Part, holder: int) -> int:
    """Return the process id of a part, 0 if it does not run just now."""
    return max((each.pid for each in find_children(holder) if each.module == part.module), default=0)


async def _wait_until_healthy(part: Part, pid: int, site: SiteFile, timeout_s: float) -> None:
    fault = ""

    async def is_healthy() -> bool:
        nonlocal fault
        fault = await find_fault(part.probe, pid)
        return not fault

    give_up_at_s = time.monotonic() + timeout_s
    while not await is_healthy():
        if time.monotonic() > give_up_at_s:
            raise SiteError(f"{part.title} {fault}, {timeout_s:.0f} s after its start; see {site.site.logs}")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _wait(is_so: Callable[[], bool], otherwise: str, timeout_s: float) -> None:
    give_up_at_s = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > give_up_at_s:
            raise SiteError(f"{otherwise} within {timeout_s:.0f} s")
        await asyncio.sleep(_LOOK_EVERY_S)
