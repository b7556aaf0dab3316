"""Run the toy of a site: `python -m tests.support.toy SITE_TOML`."""

import sys

import structlog

from components.archive.errors import LogError
from components.archive.keep import keep_log
from components.archive.keys import KeyFileError
from components.process.run import Process, run_process
from components.process.status import Status
from components.settings.archive import load_retention
from components.settings.site import SiteFile
from tests.support.toy.settings import ToySettings

log = structlog.get_logger("toy")


async def start(process: Process) -> None:
    """Open the log and play; raises SettingsError, KeyFileError and LogError."""
    site = SiteFile(process.site_toml)
    settings = site.require(ToySettings)
    process.use_log_level(settings.log_level)
    writer = await keep_log(process, settings, site.archive, load_retention(site.archive.retention))
    process.report(settings.status_file, lambda: Status("connected", {"records": writer.size}))
    log.info("plays")


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("toy", start, wrong_settings=(KeyFileError,), cannot_go_on=(LogError,))


if __name__ == "__main__":
    sys.exit(main())
