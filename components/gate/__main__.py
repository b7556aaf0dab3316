"""Run the gate of a site: `python -m components.gate SITE_TOML`."""

import asyncio
import contextlib
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import structlog
import uvloop

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.gate.assemble import Duty, GateSite, load_gate_site, open_gate
from components.gate.watch.status import describe_gate, report_status
from components.process.logs import configure_logging
from components.process.run import wait_for_end
from components.rules.follow import RulesFollower
from components.rules.load import RuleSources, load_sources
from components.settings.site import SiteFile

# How long a thread that reads changed rules may keep the line waiting each time.
_SWITCH_INTERVAL_S = 0.0005

log = structlog.get_logger("gate")


async def run_gate(site: GateSite, sources: RuleSources) -> None:
    """Open the log, connect, and serve until SIGTERM or SIGINT.

    Raises LogError when the log cannot be opened, RulesError when there are no rules to decide by.
    """
    follower = RulesFollower(sources)
    changed = asyncio.Event()
    async with AsyncExitStack() as stack:
        parts = await open_gate(site, follower, stack, changed.set)
        describe = partial(describe_gate, parts.gate, parts.alarms)
        status = partial(report_status, site.gate.status_file, describe, changed)
        duties: dict[str, Duty] = {**parts.duties, "status": status}
        tasks = [asyncio.create_task(duty(), name=name) for name, duty in duties.items()]
        try:
            parts.link.open()
            await wait_for_end(tasks)
            await parts.link.close()
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def main() -> int:
    """Run the gate; exit status 0 when told to stop, 1 when it cannot go on, 2 for wrong settings."""
    configure_logging("gate", "info")
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        site_toml = Path(sys.argv[1])
        site = load_gate_site(site_toml)
        configure_logging("gate", site.gate.log_level)
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(run_gate(site, load_sources(SiteFile(site_toml))))
    except (ValueError, KeyFileError, IndexError) as err:
        log.error("wrong settings", reason=str(err))
        return 2
    except (LogError, OSError) as err:
        log.error("stopped", reason=str(err))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
