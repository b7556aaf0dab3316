"""Run the roster component of a site: `python -m components.roster SITE_TOML`."""

import asyncio
import contextlib
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
import uvloop

from components.archive.errors import LogError
from components.archive.keys import KeyFileError, load_recipient
from components.archive.keys.rotation import open_log_writer
from components.archive.maintenance import maintain_log
from components.archive.orders.executor import OrderExecutor
from components.archive.orders.serve import serve_orders
from components.archive.reader import LogReader
from components.archive.store.open import open_store
from components.process.logs import configure_logging
from components.process.run import wait_for_end
from components.roster.journal import Journal
from components.roster.service import RosterService
from components.roster.state import StateError
from components.roster.status import report_status
from components.rules.load import load_sources
from components.settings.archive import load_approvers, load_archive, load_retention
from components.settings.roster import RosterSettings, load_line, load_roster
from policy.retention import RecordedKind, assign_class

log = structlog.get_logger("roster")


async def run_roster(site_toml: Path, settings: RosterSettings) -> None:
    """Keep the rosters until SIGTERM or SIGINT; raises LogError when the log cannot be opened or written."""
    archive = load_archive(site_toml)
    retention, approvers = load_retention(archive.retention), load_approvers(archive.approvers)
    recipients = [load_recipient(path) for path in archive.recipients]
    writer = await open_log_writer(await open_store(settings.log), settings.log_key_file, recipients)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(writer.close)
        reader = await LogReader.open(settings.log)
        stack.push_async_callback(reader.close)
        orders = OrderExecutor(writer, reader.source, settings.log_origin, retention, approvers)
        journal = Journal(writer, assign_class(retention, RecordedKind.ACCESS))
        service = RosterService(settings, load_line(site_toml), load_sources(site_toml), journal)
        tasks = [
            asyncio.create_task(service.run(), name="rosters"),
            asyncio.create_task(report_status(settings.status_file, service), name="status"),
            asyncio.create_task(maintain_log(writer), name="maintenance"),
            asyncio.create_task(serve_orders(orders), name="orders"),
        ]
        await wait_for_end(tasks)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise _first_cause(result)


def _first_cause(error: Exception) -> Exception:
    """Return what went wrong in a group of tasks, of which the others were cancelled."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def main() -> int:
    """Run the component; exit status 0 when told to stop, 1 when it cannot go on, 2 for wrong settings."""
    configure_logging("roster", "info")
    try:
        site_toml = Path(sys.argv[1])
        settings = load_roster(site_toml)
        configure_logging("roster", settings.log_level)
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(run_roster(site_toml, settings))
    except (ValueError, KeyFileError, StateError, IndexError) as err:
        log.error("wrong settings", reason=str(err))
        return 2
    except (LogError, OSError) as err:
        log.error("stopped", reason=str(err))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
