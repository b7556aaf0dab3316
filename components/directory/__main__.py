"""Run the service that takes SCIM pushes: `python -m components.directory SITE_TOML`."""

import asyncio
import datetime as dt
import signal
import ssl
import sys
from pathlib import Path

import structlog

from components.directory.auto import AutoApply
from components.directory.scim.provider import Provider, read_token
from components.directory.scim.server import ScimServer
from components.directory.scim.state import StateError
from components.process.logs import configure_logging
from components.settings.directory import SiteDirectory, load_site_directory

log = structlog.get_logger("directory")


async def serve(site: SiteDirectory) -> None:
    """Serve until SIGTERM or SIGINT; raises OSError, StateError, and ValueError for a token that is none."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    providers, appliers = {}, []
    for source in site.settings.scim:
        read_token(source.token_file)
        source.state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        applier = AutoApply(site, source.enterprise) if source.auto else None
        providers[source.enterprise] = Provider(source, _now, applier.pushed if applier else lambda: None)
        appliers += [applier] if applier else []
    server = ScimServer(providers)
    tasks = [asyncio.create_task(each.run()) for each in appliers]
    for task in tasks:
        # A service that applies no more must not look alive.
        task.add_done_callback(lambda _task: stopped.set())
    try:
        await server.start(site.settings.scim_address, site.settings.scim_port, _make_tls(site))
        log.info("serving", port=site.settings.scim_port, enterprises=sorted(providers))
        await stopped.wait()
    finally:
        await server.close()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _make_tls(site: SiteDirectory) -> ssl.SSLContext | None:
    certificate = site.settings.scim_certificate
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> int:
    """Run the service; exit status 0 when told to stop, 1 when it cannot go on, 2 for wrong settings."""
    configure_logging("directory", "info")
    try:
        asyncio.run(serve(load_site_directory(Path(sys.argv[1]))))
    except (ValueError, IndexError) as err:
        log.error("wrong settings", reason=str(err))
        return 2
    except (StateError, OSError) as err:
        log.error("stopped", reason=str(err))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
