"""Run the witness of a site: `python -m components.witness SITE_TOML`."""

import sys

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.process.run import Process, run_process
from components.settings.reload import follow_settings
from components.settings.site import SiteFile
from components.settings.witness import WitnessSettings
from components.witness.service import open_service
from components.witness.state import WitnessState


async def start(process: Process) -> None:
    """Cosign, and have the site's logs cosigned; raises LogBusy if another process is this witness, and others."""
    site = SiteFile(process.site_toml)
    settings = site.require(WitnessSettings)
    follow_settings(process, site, WitnessSettings)
    state = WitnessState.open(settings.state)
    process.stack.callback(state.close)
    service = await process.stack.enter_async_context(open_service(settings, site.verified_logs, state))
    process.keep(service)
    process.report(settings.status_file, service.describe)
    process.run("logs", service.run())


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("witness", start, wrong_settings=(KeyFileError,), cannot_go_on=(LogError,))


if __name__ == "__main__":
    sys.exit(main())
