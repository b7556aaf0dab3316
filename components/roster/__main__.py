"""Run the roster component of a site: `python -m components.roster SITE_TOML`."""

import sys

from components.archive.errors import LogError
from components.archive.keep import keep_log
from components.archive.keys import KeyFileError
from components.process.run import Process, run_process
from components.roster.journal import RosterJournal
from components.roster.service import RosterService
from components.roster.state import RosterStateError
from components.rules.load import load_sources
from components.settings.archive import load_retention
from components.settings.reload import follow_settings
from components.settings.roster import RosterSettings
from components.settings.site import SiteFile
from policy.retention import RecordedKind, assign_class


async def start(process: Process) -> None:
    """Open the log and keep rosters; raises SettingsError, RulesError, RosterStateError, KeyFileError, LogError."""
    site = SiteFile(process.site_toml)
    settings = site.require(RosterSettings)
    follow_settings(process, site, RosterSettings)
    retention = load_retention(site.archive.retention)
    writer = await keep_log(process, settings, site.archive, retention)
    journal = RosterJournal(writer, assign_class(retention, RecordedKind.ACCESS))
    service = RosterService(settings, site.gate, load_sources(site), journal)
    process.report(settings.status_file, service.describe)
    process.run("rosters", service.run())


def main() -> int:
    """Run it, and return the exit status."""
    return run_process(
        "roster", start, wrong_settings=(KeyFileError, RosterStateError), cannot_go_on=(LogError,)
    )


if __name__ == "__main__":
    sys.exit(main())
