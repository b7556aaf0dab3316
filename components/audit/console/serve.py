"""The console as a process: its port, its status file, its metrics."""

import structlog

from components.audit.console.alarms import patrol
from components.audit.console.app import make_app
from components.audit.console.console import make_console
from components.audit.console.login.link import load_link_key
from components.audit.console.state import ConsoleState
from components.process.errors import SiteError
from components.process.http import serve_http
from components.process.metrics import serve_metrics
from components.process.run import Process
from components.settings.certificate import open_server_tls
from components.settings.console import ConsoleSettings
from components.settings.reload import follow_settings
from components.settings.site import SiteFile

log = structlog.get_logger("console")


async def serve_console(process: Process, site: SiteFile) -> None:
    """Serve the console while the process lives; raises ValueError for wrong settings, and OSError."""
    settings = site.require(ConsoleSettings)
    follow_settings(process, site, ConsoleSettings)
    try:
        link_key = load_link_key(settings.link_key_file)
        console = make_console(site, settings, link_key, ConsoleState.open(settings.state_file))
    except SiteError as error:
        raise ValueError(str(error)) from None
    process.keep(console)
    tls = open_server_tls(process, settings.certificate)
    process.run("alarms", console.alarm_records.run(console.alarms))
    process.run("patrol", patrol(site, console.alarms))
    exposition = console.metrics.expose(lambda: len(console.sessions), console.alarms)
    await process.stack.enter_async_context(serve_metrics(exposition.render, settings.metrics_port))
    await process.stack.enter_async_context(
        serve_http(make_app(console), settings.address, settings.port, tls)
    )
    process.report(settings.status_file, console.describe)
    log.info("serving", address=settings.address, port=settings.port)
