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
from components.settings.archive import load_archive, load_retention
from components.settings.roster import load_line, load_roster
from policy.retention import RecordedKind, assign_class


async def start(process: Process) -> None:
    """Open the log and keep the rosters; raises SettingsError, RulesError, RosterStateError, KeyFileError, LogError."""
    site_toml = process.site_toml
    settings, archive = load_roster(site_toml), load_archive(site_toml)
    process.use_log_level(settings.log_level)
    retention = load_retention(archive.retention)
    writer = await keep_log(
        process,
        settings.log,
        settings.log_origin,
        settings.log_key_file,
        recipients=archive.recipients,
        approvers=archive.approvers,
        retention=retention,
    )
    journal = RosterJournal(writer, assign_class(retention, RecordedKind.ACCESS))
    service = RosterService(settings, load_line(site_toml), load_sources(site_toml), journal)
    process.report(settings.status_file, service.describe)
    process.run("rosters", service.run())


def main() -> int:
    """Run it, and return the exit status."""
    return run_process(
        "roster", start, wrong_settings=(KeyFileError, RosterStateError), cannot_go_on=(LogError,)
    )


if __name__ == "__main__":
    sys.exit(main())
