"""Run the server of tiles of a site: `python -m components.tiles SITE_TOML`."""

import sys

import structlog

from components.process.run import Process, run_process
from components.settings.site import SiteFile
from components.settings.tiles import TilesSettings
from components.tiles.server import TileServer

log = structlog.get_logger("tiles")


async def start(process: Process) -> None:
    """Serve all logs of the site; raises SettingsError, and OSError if it cannot listen on the port."""
    site = SiteFile(process.site_toml)
    settings, logs = site.require(TilesSettings), {log.name: log.store for log in site.verified_logs}
    server = process.keep(TileServer(logs))
    await server.start(settings.address, settings.port)
    log.info("serving", address=settings.address, port=settings.port, logs=sorted(logs))


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("tiles", start)


if __name__ == "__main__":
    sys.exit(main())
