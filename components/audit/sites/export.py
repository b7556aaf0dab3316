"""One export over several sites: a folder for each, proved by that site's keys, and what there is of each message."""

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from components.audit.access import get_purpose
from components.audit.auditor import find_auditor
from components.audit.export.export import Wanted, export, find_format, find_zone, resume
from components.audit.export.finish import record_completion
from components.audit.export.folder import MANIFEST, README_FILE, VERIFIER, ExportFolder
from components.audit.export.format import About
from components.audit.export.manifest import Started
from components.audit.indexed import open_indexed
from components.audit.query.parser import parse_query
from components.audit.query.tree import format_query
from components.audit.sites.complete import OfAllSites
from components.audit.sites.manifest import (
    README,
    Begun,
    ExportedSite,
    encode_begun,
    make_sites_manifest,
    parse_begun,
    read_exported,
)
from components.audit.sites.messages import ExportedMessages
from components.audit.sites.named import (
    UNREACHABLE,
    NamedSite,
    SiteFault,
    admit,
    explain,
    find_behind,
    open_sites,
)
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile
from components.verifier.build import build_verifier

MESSAGES = "messages.jsonl"
BEGUN = ".begun.json"


@dataclass(frozen=True, slots=True)
class SitesExport(OfAllSites):
    """What was exported to `folder`, from each site to a folder of its own; `faults` are the sites that were not.

    There are `messages`, each once: so many records, but for those of messages of which there is another.
    `completed_id` is the record of the whole at the own site.
    """

    folder: Path
    wanted: Wanted
    messages: int
    sites: tuple[ExportedSite, ...]
    faults: tuple[SiteFault, ...]
    completed_id: str

    @property
    def access_id(self) -> str:
        """The record of this look at the own site."""
        return self.sites[0].access

    @property
    def doubles(self) -> int:
        """How many records are of a message that another one stands for."""
        return sum(each.matched for each in self.sites) - self.messages


@dataclass(frozen=True, slots=True)
class Asking:
    """Who exports, as of a look; `is_partial`: without the sites that cannot be exported now, which are named."""

    progress: Progress
    who: str | None = None
    is_partial: bool = False


async def export_sites(settings: SiteFile, wanted: Wanted, output: Path, asking: Asking) -> SitesExport:
    """Export what a query matches at each site, to folders in `output`, which must be empty or new.

    Raises QueryError, and SiteError or LogError, also if a site cannot be exported, unless that is allowed.
    """
    folder = ExportFolder(output)
    if (output / BEGUN).exists():
        raise SiteError(
            f"{output}: is an export that was stopped: go on with --resume, and nothing is overwritten"
        )
    folder.require_free()
    find_format(wanted.format), find_zone(wanted.zone)
    now_ns = time.time_ns()
    # The same moment at all sites, and for a run that goes on.
    lasting = replace(wanted, query=format_query(parse_query(wanted.query, now_ns)))
    sites, faults = await _find_sites(settings, asking)
    begun = Begun(lasting, now_ns)
    folder.make()
    folder.write(BEGUN, [encode_begun(begun)])
    try:
        return await _complete(settings, begun, folder, sites, faults, asking)
    except Exception:
        _forget_empty(folder)
        raise


def _forget_empty(folder: ExportFolder) -> None:
    """Remove what there is of an export if no site has begun: there is nothing to go on with."""
    if [each.name for each in folder.path.iterdir()] == [BEGUN]:
        folder.remove(BEGUN)
        folder.path.rmdir()


async def resume_sites(settings: SiteFile, output: Path, asking: Asking) -> SitesExport:
    """Go on with an export over several sites that was stopped; raises as `export_sites` does."""
    folder = ExportFolder(output)
    if not folder.has(BEGUN):
        raise SiteError(f"{output}: there is no export over several sites to go on with")
    begun = parse_begun(folder.read(BEGUN))
    sites, faults = await _find_sites(settings, asking)
    return await _complete(settings, begun, folder, sites, faults, asking)


async def _find_sites(
    settings: SiteFile, asking: Asking
) -> tuple[list[tuple[NamedSite, str]], list[SiteFault]]:
    """Return the sites that can be exported, each with why it is behind, and those that cannot; raises SiteError."""
    sites, faults = open_sites(settings)
    found = list[tuple[NamedSite, str]]()
    for site in sites:
        try:
            await admit(site.settings, asking.who, is_own=site.rank == 0)
            async with open_indexed(site.settings):
                found.append((site, find_behind(site.settings)))
        except UNREACHABLE as error:
            if site.rank == 0:
                raise
            faults.append(SiteFault(site.name, explain(error)))
    missing = [*faults, *(SiteFault(site.name, behind) for site, behind in found if behind)]
    if missing and not asking.is_partial:
        raise SiteError(
            f"{_tell(missing)}; nothing is exported unless you ask for what there is (--incomplete; in the console the"
            " box below the query): the manifest then says what is missing"
        )
    return found, faults


async def _complete(
    settings: SiteFile,
    begun: Begun,
    folder: ExportFolder,
    sites: Sequence[tuple[NamedSite, str]],
    faults: list[SiteFault],
    asking: Asking,
) -> SitesExport:
    done, exported = list[NamedSite](), list[ExportedSite]()
    with folder.locked(), ExportedMessages() as messages:
        for site, behind in sites:
            place = ExportFolder(folder.path / _name_folder(site))
            try:
                await _export_one(site, begun.wanted, place, asking)
                messages.add(site, place.path / "matched.txt")
            except UNREACHABLE as error:
                faults.append(_leave_out(site, place, error, asking))
                continue
            done.append(site)
            exported.append(read_exported(site, place, behind))
        messages.pair(done)
        folder.write(MESSAGES, _write_messages(messages, done))
        folder.write(VERIFIER, [build_verifier()])
        folder.write(README_FILE, [README.encode()])
        count = messages.count
        completed_id = await _record(settings, begun, folder, exported, faults, count, asking)
        # Killed before this: the next run makes the same manifest again, and records it again.
        folder.remove(BEGUN)
    return SitesExport(folder.path, begun.wanted, count, tuple(exported), tuple(faults), completed_id)


def _leave_out(site: NamedSite, place: ExportFolder, error: Exception, asking: Asking) -> SiteFault:
    """Return why a site is left out, and take away what there is of it; raise the error, if it may not be."""
    if site.rank == 0:
        raise error
    if not asking.is_partial:
        raise SiteError(
            f"{site.name}: {explain(error)}; put that right, and go on with --resume, or leave it out with --resume"
            " --incomplete"
        ) from error
    shutil.rmtree(place.path, ignore_errors=True)
    return SiteFault(site.name, explain(error))


async def _export_one(site: NamedSite, wanted: Wanted, place: ExportFolder, asking: Asking) -> None:
    auditor = await admit(site.settings, asking.who, is_own=site.rank == 0)
    if wanted.matter and wanted.matter == (purpose := get_purpose()).matter:
        wanted = replace(wanted, matter=purpose.matter_at(site.settings.audit_log.origin))
    if place.spool.exists():
        await resume(site.settings, place.path, asking.progress, auditor)
    elif not place.has(MANIFEST):
        await export(site.settings, wanted, place.path, asking.progress, auditor)


async def _record(
    settings: SiteFile,
    begun: Begun,
    folder: ExportFolder,
    sites: Sequence[ExportedSite],
    faults: Sequence[SiteFault],
    messages: int,
    asking: Asking,
) -> str:
    """Write the manifest, have it recorded at the own site, and return the id of that record."""
    wanted, own = begun.wanted, sites[0]
    files = [folder.describe(name) for name in (MESSAGES, VERIFIER, README_FILE)]
    id_, actor = f"{own.name}:{own.access}", find_auditor(settings, asking.who).id
    manifest = make_sites_manifest(begun, id_, sites, faults, messages, files)
    folder.write(MANIFEST, [manifest])
    about = About(
        id_,
        own.name,
        wanted.query,
        wanted.matter,
        wanted.zone,
        ZoneInfo(wanted.zone),
        begun.at_ns,
        messages,
        "",
        actor,
    )
    started = Started(about, wanted.format, actor, 0, str(files[0]["sha256"]), ())
    return await record_completion(settings, started, folder, messages)


def _write_messages(messages: ExportedMessages, sites: Sequence[NamedSite]) -> Iterator[bytes]:
    for each in messages.tell(sites):
        line = {"id": each.id, "at_ns": each.at_ns, "also": each.also}
        yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _name_folder(site: NamedSite) -> str:
    """Return what the folder of a site is called: as the site is, with its place where a folder cannot be."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", site.name).strip(".-")
    return plain if plain == site.name else f"{plain or 'site'}-{site.rank + 1}"


def _tell(faults: Sequence[SiteFault]) -> str:
    return "; ".join(f"{each.name}: {each.reason}" for each in faults)
