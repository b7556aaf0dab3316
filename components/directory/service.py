"""Puts the service for SCIM pushes together: a provider for each enterprise, and one server for all of them."""

import datetime as dt

import structlog

from components.directory.apply import SiteDirectory
from components.directory.auto import AutoApply
from components.directory.scim.provider import Provider, read_token
from components.directory.scim.server import ScimServer
from components.process.run import Process
from components.settings.certificate import open_server_tls
from components.settings.directory import ScimSource

log = structlog.get_logger("directory")


async def take_pushes(process: Process, site: SiteDirectory) -> None:
    """Take pushes until the process ends; raises OSError, ScimStateError, and ValueError for an unusable token."""
    settings = site.settings
    providers = {source.enterprise: _open_provider(process, site, source) for source in settings.scim}
    server = process.keep(ScimServer(providers))
    await server.start(
        settings.scim_address, settings.scim_port, open_server_tls(process, settings.scim_certificate)
    )
    log.info("serving", port=settings.scim_port, enterprises=sorted(providers))


def _open_provider(process: Process, site: SiteDirectory, source: ScimSource) -> Provider:
    read_token(source.token_file)
    source.state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not source.auto:
        return Provider(source, _now)
    applier = AutoApply(site, source.enterprise)
    provider = Provider(source, _now, applier.pushed)
    process.run(f"apply {source.enterprise}", applier.run())
    return provider


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
