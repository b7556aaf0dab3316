"""Run the access component of a site: `python -m components.access SITE_TOML`."""

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

import structlog
import uvloop

from components.access.service import AdmissionService
from components.process.logs import configure_logging
from components.process.run import wait_for_end
from components.rules.access.folder import GrantsError
from components.settings.access import AdmissionSettings, load_admission
from policy.directory.directory import DirectoryError

_STATUS_EVERY_S = 0.5

log = structlog.get_logger("access")


async def run_admission(settings: AdmissionSettings) -> None:
    """Connect and serve until SIGTERM or SIGINT; raises GrantsError, DirectoryError or OSError when it cannot."""
    service = AdmissionService(settings, settings.access.secret_file.read_text().strip())
    tasks = [
        asyncio.create_task(service.run(), name="follow"),
        asyncio.create_task(service.keeper.run(), name="accounts"),
        asyncio.create_task(service.describe_rooms(), name="rooms"),
        asyncio.create_task(_report(settings.access.status_file, service), name="status"),
    ]
    service.link.open()
    await wait_for_end(tasks)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await service.link.close()
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _report(path: Path, service: AdmissionService) -> None:
    """Keep the status file up to date until cancelled; a full disk does not stop the component."""
    while True:
        with contextlib.suppress(OSError):
            status = {
                "state": "connected" if service.link.is_up else "disconnected",
                "pid": os.getpid(),
                "admitted": service.admitted,
                "pending_accounts": service.keeper.pending,
            }
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".new")
            draft.write_text(json.dumps(status) + "\n")
            draft.replace(path)
        await asyncio.sleep(_STATUS_EVERY_S)


def main() -> int:
    """Run the component; exit status 0 when told to stop, 1 when it cannot go on, 2 for wrong settings."""
    configure_logging("access", "info")
    try:
        settings = load_admission(Path(sys.argv[1]))
        configure_logging("access", settings.access.log_level)
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(run_admission(settings))
    except (ValueError, DirectoryError, IndexError) as err:
        log.error("wrong settings", reason=str(err))
        return 2
    except (GrantsError, OSError) as err:
        log.error("stopped", reason=str(err))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
