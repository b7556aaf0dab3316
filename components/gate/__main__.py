"""Run the gate of a site: `python -m components.gate SITE_TOML`."""

import sys

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.gate.assemble import start_gate
from components.process.run import Process, run_process
from components.settings.gate import GateSettings
from components.settings.reload import follow_settings
from components.settings.site import SiteFile

# How long a thread that reads changed rules may keep the line waiting each time.
_SWITCH_INTERVAL_S = 0.0005


async def start(process: Process) -> None:
    """Open the log, decide and connect; raises LogError, SettingsError, RulesError, KeyFileError and OSError."""
    site = SiteFile(process.site_toml)
    follow_settings(process, site, GateSettings)
    await start_gate(process, site)


def main() -> int:
    """Run it, and return the exit status."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    return run_process("gate", start, wrong_settings=(KeyFileError,), cannot_go_on=(LogError,))


if __name__ == "__main__":
    sys.exit(main())
