"""Run the auditors' console of a site: `python -m components.audit.console SITE_TOML`."""

import sys

from components.audit.console.serve import serve_console
from components.process.run import Process, run_process
from components.settings.site import SiteFile


async def start(process: Process) -> None:
    """Serve the console; raises as `serve_console` does."""
    await serve_console(process, SiteFile(process.site_toml))


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("console", start)


if __name__ == "__main__":
    sys.exit(main())
