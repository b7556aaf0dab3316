"""Run the transfer component of a site: `python -m components.transfer SITE_TOML`."""

import sys

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.process.memory import keep_freed_memory, use_one_arena
from components.process.run import Process, run_process
from components.settings.site import SiteFile
from components.transfer.assemble import run_transfer


async def start(process: Process) -> None:
    """Take and hand out files; raises as `run_transfer` does."""
    await run_transfer(process, SiteFile(process.site_toml))


def main() -> int:
    """Run it, and return the exit status."""
    use_one_arena()
    keep_freed_memory()
    return run_process("transfer", start, wrong_settings=(KeyFileError,), cannot_go_on=(LogError,))


if __name__ == "__main__":
    sys.exit(main())
