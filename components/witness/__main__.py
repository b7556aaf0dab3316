"""Run the witness of a site: `python -m components.witness SITE_TOML`."""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog
import uvloop

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.process.logs import configure_logging
from components.process.run import wait_for_end
from components.settings.witness import OwnLog, WitnessSettings, load_own_logs, load_witness
from components.witness.service import open_service
from components.witness.state import WitnessState
from components.witness.status import report_status

log = structlog.get_logger("witness")


async def run_witness(settings: WitnessSettings, logs: Sequence[OwnLog]) -> None:
    """Cosign, and have the site's logs cosigned, until SIGTERM or SIGINT; raises LogBusy when another process does."""
    state = WitnessState.open(settings.state)
    try:
        async with open_service(settings, logs, state) as service:
            tasks = [
                asyncio.create_task(service.run(), name="logs"),
                asyncio.create_task(report_status(settings.status_file, service), name="status"),
            ]
            await wait_for_end(tasks)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await service.finish()
            for result in results:
                if isinstance(result, Exception):
                    raise result
    finally:
        state.close()


def main() -> int:
    """Run the witness; exit status 0 when told to stop, 1 when it cannot go on, 2 for wrong settings."""
    configure_logging("witness", "info")
    try:
        site_toml = Path(sys.argv[1])
        settings = load_witness(site_toml)
        configure_logging("witness", settings.log_level)
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(run_witness(settings, load_own_logs(site_toml)))
    except (ValueError, KeyFileError, IndexError) as err:
        log.error("wrong settings", reason=str(err))
        return 2
    except (LogError, OSError) as err:
        log.error("stopped", reason=str(err))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
