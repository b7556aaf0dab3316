"""Takes the facts of a site in one look, and changes nothing."""

import asyncio
import datetime as dt
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import components
import policy
from components.archive.store.open import log_file
from components.process.status import read_status
from components.settings.indexer import IndexerSettings
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site.certificate_check import earliest_end, find_certificate_faults
from components.site.check import check_site, find_faults
from components.site.doctor.facts import (
    CertificateFacts,
    CheckFacts,
    ClockFacts,
    DiskFacts,
    HeldFacts,
    LagFacts,
    ProcessFacts,
    SiteFacts,
)
from components.site.doctor.growth import folder_growth, log_growth, newest_second
from components.site.doctor.system import (
    Running,
    age_of,
    find_by_file,
    find_children,
    installed_ago_s,
    is_synchronised,
)
from components.site.health import alarm_files, find_alarms, find_port_problems, find_unwitnessed
from components.site.lock import find_holder, is_held
from components.site.machine import find_feed_problems
from components.site.parts import is_machine, running_parts
from components.site.validate import load_site

# Where our program is, the adapter among it.
_OUR_FOLDERS = tuple(Path(package.__file__).parent for package in (components, policy) if package.__file__)
# What the doctor looks at more closely.
_LOOKED_AT = frozenset({"running", "alarms", "disk", "clock", "certificates", "witness", "feed"})
_DAY_S = 86_400.0


def collect_facts(site_toml: Path) -> SiteFacts:
    """Take the facts of a site; raises SettingsError if there is no site.toml, and SiteError."""
    try:
        site = load_site(site_toml)
    except SettingsError as err:
        if not site_toml.exists():
            raise
        return _without_settings(site_toml.resolve().parent, err)
    holder = find_holder(site.folder)
    checks = tuple(
        CheckFacts(each.name, each.text)
        for each in check_site(site_toml)
        if not each.ok and each.name not in _LOOKED_AT
    )
    facts = asyncio.run(_look_at_logs(site))
    facts = replace(facts, checks=checks, certificates=_look_at_certificates(site))
    running = find_children(holder) if holder is not None else _find_units(site)
    known = {each.module: each for each in running}
    if holder is None and not known:
        return replace(facts, ports=() if is_held(site.folder) else tuple(find_port_problems(site)))
    gate, _ = read_status(site.gate.status_file)
    return replace(
        facts,
        by_units=holder is None,
        up_for_s=max(each.age_s for each in known.values()) if holder is None else _age(holder),
        processes=tuple(_look_at_processes(site, known, holder)),
        alarms=tuple(find_alarms(*alarm_files(site))),
        held=_read_held(gate, site.review.deadline_s, time.time_ns()),
        lag=_look_at_lag(site),
        installed_ago_s=installed_ago_s(*_OUR_FOLDERS),
    )


def _without_settings(folder: Path, err: SettingsError) -> SiteFacts:
    """Return what is known of a site whose settings are wrong: what these are, and whether it is up all the same."""
    holder = find_holder(folder)
    by_units = holder is None and is_held(folder)
    up_for_s = _age(holder) if holder is not None else 0.0 if by_units else None
    return SiteFacts(up_for_s, by_units, checks=tuple(CheckFacts("settings", each) for each in err.problems))


def _age(pid: int) -> float:
    with suppress(OSError, ValueError):
        return age_of(pid)
    return 0.0


def _find_units(site: SiteFile) -> Iterator[Running]:
    """Yield the processes of a site that run each by itself (`steelyard run`)."""
    if is_held(site.folder):
        modules = {part.module for part in running_parts(site)}
        for each in find_by_file(site.path, site.prosody.config_file):
            if each.module in modules or _is_server(each):
                yield each


def _is_server(process: Running) -> bool:
    """Return whether it is the server: its program is a script of Lua's, or the machine that runs Erlang."""
    names = [Path(word).name for word in process.command[:2]]
    return any(word in name for name in names for word in ("prosody", "beam.smp"))


def _look_at_processes(
    site: SiteFile, running: Mapping[str, Running], holder: int | None
) -> Iterator[ProcessFacts]:
    faults = asyncio.run(find_faults(site))
    server = next((each for each in running.values() if _is_server(each)), None)
    known: list[tuple[str, str, Running | None]] = (
        [(site.site.server, site.site.server, server)] if not is_machine(site) else []
    )
    known += [(part.name, part.title, running.get(part.module)) for part in running_parts(site)]
    for name, title, process in known:
        fault = faults.get(title, "")
        if process is None and name == site.site.server and site.prosody.attached_to:
            yield ProcessFacts(name, title, fault)  # what started it is not ours: whether it answers is all
        elif process is None:
            missing = "does not run" if holder is None else "does not run under this `steelyard up`"
            yield ProcessFacts(name, title, fault or missing)
        else:
            yield ProcessFacts(name, title, fault, process.age_s, process.open_files, process.open_files_max)


def _read_held(status: Mapping[str, Any], deadline_s: float, now_ns: int) -> HeldFacts:
    found = status.get("held")
    held: Mapping[str, Any] = found if isinstance(found, dict) else {}
    waiting, oldest_ns = int(held.get("waiting", 0)), int(held.get("oldest_at_ns", 0))
    oldest_s = max(0.0, (now_ns - oldest_ns) / 1e9) if waiting and oldest_ns else 0.0
    return HeldFacts(waiting, oldest_s, deadline_s, int(held.get("uncertain", 0)))


def _look_at_lag(site: SiteFile) -> LagFacts:
    index: Mapping[str, Any] = {}
    if (indexer := site.find(IndexerSettings)) is not None:
        index, _ = read_status(indexer.status_file)
    follow = tuple(find_feed_problems(site)) if is_machine(site) else ()
    witness = (
        tuple(find_unwitnessed(site.witness.status_file)) if site.witness and not is_machine(site) else ()
    )
    return LagFacts(int(index.get("lag_entries", 0)), float(index.get("lag_s", 0.0)), follow, witness)


async def _look_at_logs(site: SiteFile) -> SiteFacts:
    now_s = time.time()
    newest_s = [await newest_second(log) for log in site.logs]
    clock = ClockFacts(is_synchronised(), max(0.0, max(newest_s, default=0) - now_s))
    return SiteFacts(None, disks=tuple(await _look_at_disks(site, now_s)), clock=clock)


async def _look_at_disks(site: SiteFile, now_s: float) -> list[DiskFacts]:
    """Look at each file system on which something of the site grows, once."""
    grown: list[tuple[Path, str, int]] = []
    for log in site.logs:
        if (file := log_file(log.store)) is not None:
            grown.append((file.parent, "logs", await log_growth(log, now_s)))
    if site.transfer is not None and site.transfer.s3 is None:
        grown.append((site.transfer.files, "files", folder_growth(site.transfer.files, now_s)))
    grown.append((site.audit.index.parent, "index", 0))
    grown.append((site.site.logs, "log files", 0))
    found: dict[int, DiskFacts] = {}
    for folder, holds, size in grown:
        place = _existing(folder)
        number, free = place.stat().st_dev, os.statvfs(place)
        here = found.get(number, DiskFacts("", free.f_bavail * free.f_frsize, free.f_favail or 1 << 40))
        names = dict.fromkeys([*filter(None, here.holds.split(", ")), holds])
        found[number] = replace(here, holds=", ".join(names), grown_bytes=here.grown_bytes + size)
    return list(found.values())


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _look_at_certificates(site: SiteFile) -> CertificateFacts:
    if is_machine(site):
        return CertificateFacts()
    now = dt.datetime.now(dt.UTC)
    faults = tuple(find_certificate_faults(site, now))
    try:
        days = (earliest_end(site)[1] - now).total_seconds() / _DAY_S
    except (OSError, ValueError):  # it is among the faults
        return CertificateFacts(faults)
    return CertificateFacts(faults, days)
