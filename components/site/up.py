"""`steelyard up`: checks, starts and keeps running the processes of a site."""

import asyncio
import datetime as dt
import math
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.archive.store.open import log_file
from components.process.errors import SiteError
from components.process.notify import find_watchdog_s, keep_watched, notify_manager
from components.settings.reload import find_waiting, read_changed
from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.settings.table import SettingsError
from components.site.attach.apply import is_attached
from components.site.certificate_check import find_certificate_problems
from components.site.chat.serve import serve_chat
from components.site.demo import play_demonstration
from components.site.demo_history import make_history
from components.site.demo_scenes import Show
from components.site.display import Display
from components.site.health import alarm_files, find_alarms, find_port_problems, find_server_fault
from components.site.init import init_site, load_passwords
from components.site.keys import finish_rotations
from components.site.lock import hold_site
from components.site.machine import run_machine
from components.site.parts import is_machine, running_parts
from components.site.probe import find_fault
from components.site.restart import follow_requests
from components.site.server_program import find_program, program_of
from components.site.supervise import ProcessSpec, Supervisor
from components.site.validate import load_site

START_TIMEOUT_S = 30.0
ALARMS_EVERY_S = 1.0
ALARM_AGAIN_S = 60.0
INTERRUPTED = 130
_STOP_SERVER_S = 20.0

_Result = TypeVar("_Result")


def run_site(site_toml: Path, *, demo: bool, once: bool, show: Show, server: ServerName | None = None) -> int:
    """Run a site until told to stop (SIGINT, SIGTERM), or with `once` until it has shown it works.

    SIGHUP makes all processes read again what can change, and open their logs anew; it stops nothing.

    `demo` makes the site if there is none, on `server`, and plays the demonstration, which `show` shows; a site that is
    there must have that server. Returns the exit status: 0, 1 if the demonstration went wrong, 130 if interrupted
    before all was up. Raises SiteError, SettingsError.
    """
    display = Display()
    site_toml = site_toml.resolve()
    if not demo and site_toml.exists() and is_machine(SiteFile(site_toml)):
        return _run_machine(site_toml, display, once=once)
    find_program(_server_of(site_toml, server)).find()
    if not demo and not site_toml.exists():
        raise SiteError(
            f"there is no {site_toml}; make a site with `steelyard init`, or try `steelyard up --demo`"
        )
    site_toml.parent.mkdir(parents=True, exist_ok=True)
    with hold_site(site_toml.parent) as lock:
        settings = _make_demo(site_toml, server, display) if demo else load_site(site_toml)
        if problems := list(find_port_problems(settings)):
            raise SettingsError(problems)
        if demo and settings.cluster:
            raise SiteError("a demonstration runs on one server; take [cluster] out of site.toml")
        program = program_of(settings)
        config = settings.prosody.attached_to or program.prepare(settings)
        if settings.prosody.attached_to and not is_attached(config, program.name):
            display.alarm(
                f"{config} is not attached: run `steelyard attach {program.name} --apply` (docs/attach.md)"
            )
        if demo and (registered := program.register(config, load_passwords(settings))):
            display.say(f"registered {', '.join(registered)}")
        if demo and (count := asyncio.run(make_history(settings))):
            display.say(
                f"made up {count:,} records of talk, in a log of its own (history): nobody said that here"
            )
        for problem in find_certificate_problems(settings, dt.datetime.now(dt.UTC)):
            display.alarm(problem)
        _finish_rotations(settings, display)
        return asyncio.run(_run(settings, config, display, lock, demo=demo, once=once, show=show))


def _run_machine(site_toml: Path, display: Display, *, once: bool) -> int:
    with hold_site(site_toml.parent) as lock:
        settings = load_site(site_toml)
        if problems := list(find_port_problems(settings)):
            raise SettingsError(problems)

        async def run() -> None:
            await run_machine(settings, display, lock, catch_signals(), once=once)

        asyncio.run(run())
    return 0


def _server_of(site_toml: Path, wanted: ServerName | None) -> ServerName:
    """Return which server the site has, or is to be made with; raises SiteError if it has another than is wanted."""
    if not site_toml.exists():
        return wanted or "prosody"
    try:
        there = SiteFile(site_toml).site.server
    except SettingsError:
        return wanted or "prosody"  # all that is wrong with it is told soon
    if wanted not in (None, there):
        raise SiteError(
            f"{site_toml} is a site with {there}: make one with {wanted} in another folder (--site)"
        )
    return there


def _make_demo(site_toml: Path, server: ServerName | None, display: Display) -> SiteFile:
    site = init_site(site_toml, demo=True, server=server or "prosody")
    if site.made:
        display.say(
            f"made a site in {site_toml.parent}: {len(site.made)} files; its settings are in {site_toml}"
        )
    return site.settings


def _finish_rotations(settings: SiteFile, display: Display) -> None:
    try:
        for name in asyncio.run(finish_rotations(settings)):
            display.say(f"the log {name} has gone over to its new key")
    except (KeyFileError, LogError) as err:
        raise SiteError(str(err)) from None


def process_specs(settings: SiteFile, config: Path) -> tuple[ProcessSpec, ...]:
    """Return the processes of a site in the order in which they start and stop.

    The server stops first. So the gate can still record and answer what the server holds, and its last stanzas.
    """

    logs = settings.site.logs
    ours = tuple(
        ProcessSpec(
            part.name,
            (sys.executable, "-m", part.module, str(settings.path)),
            logs / f"{part.name}.log",
            partial(find_fault, part.probe),
            hands_over=part.hands_over,
        )
        for part in running_parts(settings)
    )
    # One that runs without us is started and stopped by somebody else.
    return ours if settings.prosody.attached_to else (_server_spec(settings, config), *ours)


def _server_spec(settings: SiteFile, config: Path) -> ProcessSpec:
    async def check_server(_pid: int) -> str:
        return await find_server_fault(settings.prosody)

    program = program_of(settings)
    return ProcessSpec(
        program.name,
        program.command(settings, config),
        settings.site.logs / f"{program.name}.log",
        check_server,
        check_every_s=15.0,
        # It waits for the verdicts on what it holds, and for its streams to be closed (gate protocol, section 5.8).
        stop_timeout_s=settings.gate.hold_timeout_s + _STOP_SERVER_S,
        environment=program.environment,
    )


def make_log_folders(settings: SiteFile) -> None:
    """Make the folders of the logs, of the gate's state, and of the index."""
    logs = [file for log in settings.logs if (file := log_file(log.store)) is not None]
    for file in (*logs, settings.gate.status_file, settings.audit.index):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


async def _run(
    settings: SiteFile, config: Path, display: Display, lock: int, *, demo: bool, once: bool, show: Show
) -> int:
    specs = process_specs(settings, config)
    make_log_folders(settings)
    told_to_stop = catch_signals()
    supervisor = Supervisor(specs, display.change, (lock,))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, settings, supervisor, display)
    status = 0
    alarms = asyncio.create_task(show_alarms(display, *alarm_files(settings)))
    restarts = asyncio.create_task(follow_requests(settings.folder, supervisor.restart))
    try:
        with display.progress(tuple(spec.name for spec in specs)):
            await unless(told_to_stop, supervisor.start(find_start_timeout_s(settings, once=once)))
        notify_manager("READY=1")
        async with AsyncExitStack() as stack:
            if watchdog_s := find_watchdog_s():
                stack.callback(asyncio.create_task(keep_watched(watchdog_s)).cancel)
            if demo:
                chat = await stack.enter_async_context(serve_chat(settings))
                if not await unless(told_to_stop, play_demonstration(settings, chat, show)):
                    status = 1
            if not once:
                display.say(f"{settings.site.name} is up; Ctrl-C stops it")
                await told_to_stop.wait()
    except ToldToStop:
        status = INTERRUPTED
    finally:
        notify_manager("STOPPING=1")
        alarms.cancel()
        restarts.cancel()
        await supervisor.stop()
    return status


def find_start_timeout_s(settings: SiteFile, *, once: bool) -> float:
    """Return for how long the processes may take; a server that somebody else starts may come whenever it does."""
    return math.inf if settings.prosody.attached_to and not once else START_TIMEOUT_S


def _reload(settings: SiteFile, supervisor: Supervisor, display: Display) -> None:
    """Have all processes open their logs anew and read what can change; the server only certificates it can use."""
    program = program_of(settings)
    problems = list(find_certificate_problems(settings, dt.datetime.now(dt.UTC)))
    for problem in problems:
        display.alarm(f"not read anew: {problem}")
    try:
        newer = read_changed(settings)
        if not settings.prosody.attached_to:
            program.configure(settings, newer.prosody.log_level)
        for setting in find_waiting(settings, newer):
            display.say(f"{setting}: is changed in {settings.path.name}; it takes effect after a restart")
    except (SettingsError, OSError) as error:
        for problem in getattr(error, "problems", (str(error),)):
            display.alarm(f"not read anew: {problem}")
    supervisor.send_signal(signal.SIGHUP, program.name if problems or not program.reads_anew else "")
    if not program.reads_anew:
        display.say(f"{program.name} reads its certificates and its log level when it starts")
    elif not problems and not settings.prosody.attached_to:
        display.say(f"{program.name} reads its certificates anew")


async def show_alarms(display: Display, *status_files: Path) -> None:
    """Show each alarm when it is raised, and repetitions at most once a minute, until cancelled."""
    shown = {alarm.name: (alarm.last_at_ns, -ALARM_AGAIN_S) for alarm in find_alarms(*status_files)}
    while True:
        await asyncio.sleep(ALARMS_EVERY_S)
        now_s = time.monotonic()
        for alarm in find_alarms(*status_files):
            last_at_ns, shown_at_s = shown.get(alarm.name, (0, -ALARM_AGAIN_S))
            if alarm.last_at_ns > last_at_ns and now_s - shown_at_s >= ALARM_AGAIN_S:
                shown[alarm.name] = (alarm.last_at_ns, now_s)
                display.alarm(str(alarm))


class ToldToStop(Exception):  # noqa: N818 - nothing is wrong
    """A signal came while work was still under way."""


def catch_signals() -> asyncio.Event:
    """Return what is set when the process is told to stop (SIGINT, SIGTERM)."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    return told


async def unless(told_to_stop: asyncio.Event, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Do the work; if the signal comes first, cancel it and raise ToldToStop."""
    task = asyncio.create_task(work)
    told = asyncio.create_task(told_to_stop.wait())
    await asyncio.wait((task, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait((task,))
        raise ToldToStop
    return task.result()
