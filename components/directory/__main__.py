"""Run the service that takes SCIM pushes: `python -m components.directory SITE_TOML`."""

import sys

from components.directory.apply import find_site_directory
from components.directory.scim.state import ScimStateError
from components.directory.service import take_pushes
from components.process.run import Process, run_process
from components.settings.site import SiteFile


async def start(process: Process) -> None:
    """Take pushes; raises SettingsError, OSError, ScimStateError, and ValueError for an unusable token."""
    await take_pushes(process, find_site_directory(SiteFile(process.site_toml)))


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("directory", start, cannot_go_on=(ScimStateError,))


if __name__ == "__main__":
    sys.exit(main())
