"""Run the access component of a site: `python -m components.access SITE_TOML`."""

import sys

from components.access.service import AccessService
from components.process.run import Process, run_process
from components.rules.access.folder import GrantsError
from components.settings.access import AccessSettings
from components.settings.reload import follow_settings
from components.settings.secret import read_secret
from components.settings.site import SiteFile
from policy.directory.directory import DirectoryError


async def start(process: Process) -> None:
    """Connect and serve; raises SettingsError, GrantsError, DirectoryError and OSError."""
    site = SiteFile(process.site_toml)
    settings = site.require(AccessSettings)
    follow_settings(process, site, AccessSettings)
    service = AccessService(site, read_secret(settings.secret_file))
    process.keep(service.link)
    process.report(settings.status_file, service.describe)
    process.run("follow", service.run())
    process.run("accounts", service.keeper.run())
    process.run("rooms", service.describe_rooms())
    service.link.open()


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("access", start, wrong_settings=(DirectoryError,), cannot_go_on=(GrantsError,))


if __name__ == "__main__":
    sys.exit(main())
