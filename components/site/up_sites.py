"""`steelyard up --demo --sites 2`: two sites of one enterprise on this machine, each with all that a site has."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from components.process.notify import notify_manager
from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.settings.table import SettingsError
from components.site.demo_console import authority_of, make_auditor_link
from components.site.demo_scenes import Accounts, ConsoleLink, Heading, Show
from components.site.demo_sites import SITES, make_sites
from components.site.demo_sites_talk import play_sites
from components.site.display import Display
from components.site.health import alarm_files, find_port_problems
from components.site.init import load_passwords
from components.site.lock import hold_site
from components.site.probe import reachable_address
from components.site.server_program import find_program, program_of
from components.site.supervise import ProcessSpec, Supervisor
from components.site.up import (
    INTERRUPTED,
    ToldToStop,
    catch_signals,
    make_log_folders,
    process_specs,
    show_alarms,
    unless,
)

# Twice as many processes as for one site.
_START_TIMEOUT_S = 60.0


def run_sites(folder: Path, *, once: bool, show: Show, server: ServerName | None = None) -> int:
    """Run two sites in a folder until told to stop, or with `once` until they have shown that they work.

    Makes them if there are none, the first one on `server`. Returns the exit status, as `run_site` does. Raises
    SiteError, SettingsError.
    """
    display = Display()
    for name in {"prosody", server or "prosody"}:
        find_program(name).find()
    folder = folder.resolve()
    with ExitStack() as stack:
        locks = []
        for site in SITES:
            (folder / site.id).mkdir(parents=True, exist_ok=True)
            locks.append(stack.enter_context(hold_site(folder / site.id)))
        sites, made = make_sites(folder, server)
        if made:
            display.say(f"made two sites in {folder}: {len(made)} files")
        if problems := [problem for site in sites for problem in find_port_problems(site)]:
            raise SettingsError(problems)
        specs = [spec for site in sites for spec in _prepare(site, display)]
        return asyncio.run(_run(sites, specs, tuple(locks), display, once=once, show=show))


def _prepare(site: SiteFile, display: Display) -> list[ProcessSpec]:
    """Write the server's configuration, make the accounts, and return the processes, each named with its site."""
    program = program_of(site)
    config = program.prepare(site)
    if registered := program.register(config, load_passwords(site)):
        display.say(f"registered {', '.join(registered)}")
    make_log_folders(site)
    return [replace(spec, name=f"{site.site.name}: {spec.name}") for spec in process_specs(site, config)]


async def _run(
    sites: list[SiteFile],
    specs: list[ProcessSpec],
    locks: tuple[int, ...],
    display: Display,
    *,
    once: bool,
    show: Show,
) -> int:
    told_to_stop = catch_signals()
    supervisor = Supervisor(specs, display.change, locks)
    files = [file for site in sites for file in alarm_files(site)]
    alarms = asyncio.create_task(show_alarms(display, *files))
    status = 0
    try:
        with display.progress(tuple(spec.name for spec in specs)):
            await unless(told_to_stop, supervisor.start(_START_TIMEOUT_S))
        notify_manager("READY=1")
        if not await unless(told_to_stop, play_sites(sites, show)):
            status = 1
        if not once:
            _show_accounts(sites, show)
            display.say("both sites are up; Ctrl-C stops them")
            await told_to_stop.wait()
    except ToldToStop:
        status = INTERRUPTED
    finally:
        notify_manager("STOPPING=1")
        alarms.cancel()
        await supervisor.stop()
    return status


def _show_accounts(sites: list[SiteFile], show: Show) -> None:
    for site in sites:
        server = site.prosody
        show(Heading(f"{site.site.name}: {site.path}"))
        address = reachable_address(server.address)
        show(Accounts(load_passwords(site), address, server.c2s_port, server.certificates / "ca.crt"))
        if link := make_auditor_link(site):
            show(ConsoleLink(link, authority_of(site)))
