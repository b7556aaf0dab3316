"""Run the access component of a site: `python -m components.access SITE_TOML`."""

import sys

from components.access.service import AccessService
from components.process.run import Process, run_process
from components.rules.access.folder import GrantsError
from components.settings.access import load_admission
from policy.directory.directory import DirectoryError


async def start(process: Process) -> None:
    """Connect and serve; raises SettingsError, GrantsError, DirectoryError and OSError."""
    settings = load_admission(process.site_toml)
    process.use_log_level(settings.access.log_level)
    service = AccessService(settings, settings.access.secret_file.read_text().strip())
    process.keep(service.link)
    process.report(settings.access.status_file, service.describe)
    process.run("follow", service.run())
    process.run("accounts", service.keeper.run())
    process.run("rooms", service.describe_rooms())
    service.link.open()


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("access", start, wrong_settings=(DirectoryError,), cannot_go_on=(GrantsError,))


if __name__ == "__main__":
    sys.exit(main())
