"""A machine of auditors' own: what runs there, what it needs, and what is wrong with it (docs/feed.md).

Its site.toml has a table `[follow]`, or `audit.own_machine` where the logs are in PostgreSQL (docs/auditor.md). The
other tables describe the site, whose processes run elsewhere.
"""

import asyncio
import datetime as dt
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from components.archive.durable import PRIVATE_FOLDER, make_folder
from components.archive.keys import KeyFileError, create_log_key, load_verifier_key
from components.archive.keys.private import is_kept
from components.archive.keys.reference import named_file
from components.archive.store.open import log_file
from components.process.errors import SiteError
from components.process.notify import notify_manager
from components.process.status import read_status
from components.settings.audit import AuditSettings
from components.settings.console import ConsoleSettings
from components.settings.follow import FollowSettings
from components.settings.indexer import IndexerSettings
from components.settings.site import SiteFile, skip_wrong
from components.settings.table import Table, find_missing
from components.site.certificates import make_machine_certificate
from components.site.display import Display
from components.site.parts import Part, running_parts
from components.site.probe import StatusProbe, find_fault
from components.site.restart import follow_requests
from components.site.secret import make_secrets
from components.site.supervise import ProcessSpec, Supervisor

START_TIMEOUT_S = 30.0

_BRING = "bring it from the site (docs/auditor.md, docs/feed.md)"
_TABLES: tuple[type[Table], ...] = (AuditSettings, IndexerSettings, ConsoleSettings, FollowSettings)
# What it says until the site is reached and all has come: no reason to give up.
_PASSING = ("behind", "stuck")


def find_machine_problems(site: SiteFile) -> Iterator[str]:
    """Yield a line for each file that the machine lacks; nothing of what the site alone needs."""
    for table in _TABLES:
        if found := site.find(table):
            yield from skip_wrong(found.find_problems())
    yield from _find_unreadable(site)
    yield from find_missing("archive.recipients", site.archive.recipients, _BRING)
    yield from skip_wrong(site.archive.find_problems())
    yield from find_missing("gate.directory", [site.gate.directory_file], _BRING)
    for log in site.logs:
        if log.origin != site.audit_log.origin:
            yield from find_key_problems(f"{log.table}.log_key_file", log.verifier_key_file, log.origin)


def _find_unreadable(site: SiteFile) -> Iterator[str]:
    """Yield which log is neither in a database nor in the copy that a follower keeps: nothing of it comes here."""
    if site.follow is None:
        for log in site.logs:
            if log.origin != site.audit_log.origin and log_file(log.store) is not None:
                yield (
                    f"{log.table}.log: a machine of its own (audit.own_machine) reads it in PostgreSQL; "
                    "where the site keeps it in a file, follow its feed (docs/feed.md)"
                )


def find_key_problems(setting: str, file: Path, origin: str) -> Iterator[str]:
    """Yield what is wrong with the public key by which a followed log is verified."""
    try:
        name = load_verifier_key(file).name
    except KeyFileError as error:
        yield f"{setting}: {error}; {_BRING}"
    else:
        if name != origin:
            yield f"{setting}: {file} is the key of {name}, not of {origin}; {_BRING}"


def make_machine_files(site: SiteFile) -> list[Path]:
    """Make what belongs to the machine and is missing: secrets, its own log's key, its certificate.

    Nothing of the site's is made: another key would fit to nothing there. Raises SiteError and KeyFileError.
    """
    made = make_secrets(secret for part in running_parts(site) for secret in part.secrets)
    own, follow = site.audit_log, site.follow
    if not is_kept(own.key_file) and not own.is_begun:
        make_folder(named_file(own.key_file).parent, PRIVATE_FOLDER)
        create_log_key(own.key_file, own.origin)
        made.append(named_file(own.key_file))
    certificate = follow and follow.certificate
    if certificate and not certificate.exists() and not certificate.with_suffix(".key").exists():
        make_machine_certificate(certificate, certificate.stem, dt.datetime.now(dt.UTC))
        made.append(certificate)
    return made


def machine_specs(site: SiteFile) -> tuple[ProcessSpec, ...]:
    """Return the processes of a machine, in the order in which they start and stop."""
    return tuple(
        ProcessSpec(
            part.name,
            (sys.executable, "-m", part.module, str(site.path)),
            site.site.logs / f"{part.name}.log",
            partial(find_fault, _be_patient(part)),
        )
        for part in running_parts(site)
    )


async def run_machine(
    site: SiteFile, display: Display, lock: int, told_to_stop: asyncio.Event, *, once: bool
) -> None:
    """Run the processes of a machine until told to stop, or with `once` until they are up; raises SiteError."""
    if not running_parts(site):
        raise SiteError(
            f"nothing runs on this machine: give {site.path} a table [indexer] or [console] (docs/auditor.md)"
        )
    files = [log_file(log.store) for log in site.verified_logs]
    files.append(site.follow.status_file if site.follow else None)
    for file in (*(each for each in files if each), site.audit.index):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    supervisor = Supervisor(machine_specs(site), display.change, (lock,))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, supervisor.send_signal, signal.SIGHUP)
    restarts = asyncio.create_task(follow_requests(site.folder, supervisor.restart))
    try:
        starting = asyncio.create_task(supervisor.start(START_TIMEOUT_S))
        stopping = asyncio.create_task(told_to_stop.wait())
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            return
        starting.result()
        notify_manager("READY=1")
        if not once:
            display.say(f"this machine of {site.site.name} is up; Ctrl-C stops it")
            await told_to_stop.wait()
    finally:
        notify_manager("STOPPING=1")
        restarts.cancel()
        await supervisor.stop()


def find_feed_problems(site: SiteFile) -> list[str]:
    """Return what the follower says is wrong, a line for each fault; nothing if it does not run, or there is none."""
    if site.follow is None:
        return []
    status, fault = read_status(site.follow.status_file)
    faults = status.get("faults") if not fault else None
    return [str(each) for each in faults] if isinstance(faults, list) else []


def describe_feed(site: SiteFile) -> Iterator[str]:
    """Yield what the follower has; nothing where there is none."""
    if (follow := site.follow) is None:
        return
    status, fault = read_status(follow.status_file)
    logs, files = status.get("logs"), status.get("files")
    if fault or not isinstance(logs, dict) or not isinstance(files, dict):
        yield f"{follow.url} is not followed now"
        return
    yield f"{sum(logs.values()):,} records of {len(logs)} logs are here"
    text = f"{files.get('here', 0):,} files are here, {files.get('waiting', 0):,} are to come"
    if left_out := files.get("left_out"):
        text += f", {left_out:,} are larger than {follow.files_mib} MiB: `steelyard files fetch` fetches one"
    yield text


def _be_patient(part: Part) -> StatusProbe:
    probe = part.probe
    if not isinstance(probe, StatusProbe):
        raise SiteError(f"{part.name} does not run on a machine of auditors' own")
    return replace(probe, passing=_PASSING)
