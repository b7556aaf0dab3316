"""Run the feed of a site: `python -m components.feed SITE_TOML`."""

import asyncio
import sys

import structlog

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.feed.requests import Requests
from components.feed.server import FeedServer
from components.link.review_request import FILE_REQUEST_PREFIX, REQUEST_PREFIX
from components.process.http import serve_http
from components.process.run import Process, run_process
from components.process.status import Status
from components.settings.audit import AuditSettings
from components.settings.certificate import open_server_tls
from components.settings.feed import FeedSettings
from components.settings.history import HistorySettings
from components.settings.reload import follow_settings, read_changed
from components.settings.site import SiteFile

_FORGET_EVERY_S = 30.0

log = structlog.get_logger("feed")


async def start(process: Process) -> None:
    """Serve the listed machines; raises SettingsError, KeyFileError, and OSError if it cannot listen on the port."""
    site = SiteFile(process.site_toml)
    settings = site.require(FeedSettings)
    follow_settings(process, site, FeedSettings)
    requests = make_requests(site)
    server = process.keep(FeedServer(site, requests))
    tls = open_server_tls(process, settings.certificate)
    if tls is None:
        raise ValueError("feed.certificate: is missing")
    server.machines.trust(tls)

    def read_again() -> None:
        server.read_again(read_changed(site))
        server.machines.trust(tls)

    process.on_reload(read_again)
    port = await process.stack.enter_async_context(
        serve_http(server.application(), settings.address, settings.port, tls)
    )
    process.report(settings.status_file, lambda: describe(server))
    process.run("forget", forget_old(requests))
    log.info("serving", address=settings.address, port=port, machines=[each.id for each in settings.machines])


def make_requests(site: SiteFile) -> Requests:
    """Return what passes requests to the gate and the transfer component, and orders to all that write logs."""
    prefixes = {site.gate_log.name: REQUEST_PREFIX}
    if site.transfer:
        prefixes[site.transfer.log_settings(site.folder).name] = FILE_REQUEST_PREFIX
    # These are written by commands, which are their own writers.
    without = {AuditSettings.table_name, HistorySettings.table_name}
    orders = [log.name for log in site.logs if log.table not in without]
    return Requests({log.name: log for log in site.logs}, prefixes, orders=orders)


def describe(server: FeedServer) -> Status:
    """Return the content of the status file."""
    faults = [f"the log {name}: {fault}" for name, fault in sorted(server.faults.items())]
    return Status("faulty" if faults else "running", {"machines": dict(server.seen_s), "faults": faults})


async def forget_old(requests: Requests) -> None:
    """Forget what machines do not come back for, until cancelled."""
    while True:
        await asyncio.sleep(_FORGET_EVERY_S)
        try:
            await requests.forget_old()
        except LogError as error:
            log.warning("not forgotten", reason=str(error))


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("feed", start, wrong_settings=(KeyFileError,), cannot_go_on=(LogError,))


if __name__ == "__main__":
    sys.exit(main())
