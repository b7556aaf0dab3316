"""Run the gate of a site: `python -m components.gate SITE_TOML`."""

import sys
from functools import partial

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.gate.assemble import open_gate
from components.gate.watch.status import describe_gate
from components.process.run import Process, run_process
from components.rules.follow import RulesFollower
from components.rules.load import load_sources
from components.settings.site import SiteFile

# How long a thread that reads changed rules may keep the line waiting each time.
_SWITCH_INTERVAL_S = 0.0005


async def start(process: Process) -> None:
    """Open the log, decide and connect; raises LogError, SettingsError, RulesError, KeyFileError and OSError."""
    site = SiteFile(process.site_toml)
    process.use_log_level(site.gate.log_level)
    parts = await open_gate(process, site, RulesFollower(load_sources(site)))
    process.report(site.gate.status_file, partial(describe_gate, parts.gate, parts.alarms))
    for name, duty in parts.duties.items():
        process.run(name, duty())
    process.keep(parts.link)
    parts.link.open()


def main() -> int:
    """Run it, and return the exit status."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    return run_process("gate", start, wrong_settings=(KeyFileError,), cannot_go_on=(LogError,))


if __name__ == "__main__":
    sys.exit(main())
