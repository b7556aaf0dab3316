"""Reads a site's directory and writes it again: one process at a time, as a whole, and only if something differs."""

import fcntl
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably
from components.directory.gather import Gathered, GatherError, gather_people
from components.directory.people import SourceError
from components.directory.plan import DirectoryPlan, PlanError, find_misplaced, make_plan
from components.settings.directory import DirectorySettings
from components.settings.site import SiteFile
from policy.directory.directory import Directory, DirectoryError, parse_directory
from policy.directory.enterprise import EnterpriseId
from policy.directory.text import encode_directory
from policy.toml_lines import add_lines


class ApplyRefusedError(Exception):
    """A valid plan was not carried out; `plan.refusals` says why."""

    def __init__(self, plan: DirectoryPlan) -> None:
        super().__init__("\n".join(plan.refusals))
        self.plan = plan


@dataclass(frozen=True, slots=True)
class SiteDirectory:
    """A site's directory.toml, and the sources that feed it."""

    file: Path
    settings: DirectorySettings


def find_site_directory(site: SiteFile) -> SiteDirectory:
    """Return the directory's file and its sources; raises SettingsError if there are no sources."""
    return SiteDirectory(site.gate.directory_file, site.require(DirectorySettings))


def read_directory(file: Path) -> Directory:
    """Read a directory.toml; raises PlanError."""
    try:
        text = file.read_text(encoding="utf-8")
        return _parse(file.name, text)
    except OSError as error:
        raise PlanError([f"{file}: {(error.strerror or str(error)).lower()}"]) from None
    except UnicodeDecodeError:
        raise PlanError([f"{file}: is no UTF-8; save it as UTF-8"]) from None


def _parse(name: str, text: str) -> Directory:
    try:
        return parse_directory(text)
    except DirectoryError as error:
        raise PlanError(f"{name}: {each}" for each in add_lines(error.problems, text, name)) from None


def plan_site(
    site: SiteDirectory,
    enterprises: Collection[EnterpriseId] | None = None,
    *,
    allowed_departures: int | None = None,
) -> DirectoryPlan:
    """Read the directory and the sources (of some enterprises); raises SourceError and PlanError."""
    try:
        gathered = gather_people(site.settings, enterprises)
    except GatherError as error:
        raise SourceError([*error.problems, *_find_more(site.file, error.gathered)]) from None
    return make_plan(read_directory(site.file), gathered, site.settings.max_departures, allowed_departures)


def _find_more(file: Path, gathered: Gathered) -> Sequence[str]:
    """Return what else is wrong in the sources that could be read, so that people can fix everything at once."""
    try:
        return find_misplaced(read_directory(file), gathered.people)
    except PlanError as error:
        return error.problems


def apply_site(
    site: SiteDirectory,
    enterprises: Collection[EnterpriseId] | None = None,
    *,
    allowed_departures: int | None = None,
) -> DirectoryPlan:
    """Plan, and write the directory if anything differs; the gate reads it from there.

    Raises SourceError, PlanError, ApplyRefusedError and OSError; then the directory is as it was.
    """
    with _one_at_a_time(site.file):
        before = site.file.read_bytes() if site.file.is_file() else b""
        plan = plan_site(site, enterprises, allowed_departures=allowed_departures)
        if plan.refusals:
            raise ApplyRefusedError(plan)
        if plan.changes:
            if site.file.read_bytes() != before:  # by hand: nobody else who has the lock
                raise PlanError([f"{site.file.name} was changed meanwhile; try again"])
            _write(site, plan)
        return plan


def _write(site: SiteDirectory, plan: DirectoryPlan) -> None:
    mode = stat.S_IMODE(site.file.stat().st_mode)
    # Killed after this: there is a copy too many, which the next one replaces.
    replace_durably(previous_file(site.file), site.file.read_bytes(), mode)
    fed = sorted({source.enterprise for source in site.settings.sources})
    head = (
        "# Written by `steelyard directory apply`. Sites, desks and rooms are yours to change here; the people of "
        f"{', '.join(fed)}\n# come from the sources in site.toml (docs/directory.md). Comments are lost each time.\n\n"
    )
    replace_durably(site.file, (head + encode_directory(plan.new)).encode(), mode)


def previous_file(file: Path) -> Path:
    """Return the path of the directory that the last `apply` replaced."""
    return file.with_name(f"{file.stem}.previous{file.suffix}")


@contextmanager
def _one_at_a_time(file: Path) -> Iterator[None]:
    """Hold a lock, so that one process at a time writes the directory; the kernel frees it when the process ends."""
    lock = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
