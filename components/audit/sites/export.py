"""One export over several sites: a folder for each, complete and proved by that site's own keys."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.archive.durable import PRIVATE, replace_durably
from components.audit.export.export import ExportResult, Wanted, export
from components.audit.export.folder import ExportFolder
from components.audit.sites.complete import OfAllSites
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

SITES = "sites.json"
"""In the folder around those of the sites: what was asked, which sites were exported, and which were not."""

_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class ExportedSite:
    """A site's export; `behind` says why its copy may lack what the site has, if it is one."""

    name: str
    result: ExportResult
    behind: str


@dataclass(frozen=True, slots=True)
class SitesExport(OfAllSites):
    """What was exported to `folder`, from each site to a folder of its name; `faults` are the sites that were not."""

    folder: Path
    query: str
    sites: tuple[ExportedSite, ...]
    faults: tuple[SiteFault, ...]


async def export_sites(settings: SiteFile, wanted: Wanted, output: Path, progress: Progress) -> SitesExport:
    """Export what a query matches at each site, to folders in `output`, which must be empty or new.

    A site that cannot be exported is a fault. Raises QueryError, and for the own site what `export` raises.
    """
    ExportFolder(output).require_free()
    sites, faults = open_sites(settings)
    done = list[ExportedSite]()
    for site in sites:
        try:
            done.append(await _export_one(site, wanted, output, progress))
        except UNREACHABLE as error:
            if site.rank == 0:
                raise
            faults.append(SiteFault(site.name, explain(error)))
    found = SitesExport(output, wanted.query, tuple(done), tuple(faults))
    replace_durably(output / SITES, json.dumps(describe_sites(found), indent=2).encode() + b"\n", PRIVATE)
    return found


async def _export_one(site: NamedSite, wanted: Wanted, output: Path, progress: Progress) -> ExportedSite:
    if not _FOLDER_NAME.fullmatch(site.name):
        raise SiteError(
            f"site.name is {site.name!r}: a folder cannot be called so; export it alone, with --at"
        )
    behind = find_behind(site.settings)
    auditor = await admit(site.settings)
    result = await export(site.settings, wanted, output / site.name, progress, auditor)
    return ExportedSite(site.name, result, behind)


def describe_sites(found: SitesExport) -> dict[str, Any]:
    """Describe which sites were exported and which were not, as JSON."""
    return {
        "query": found.query,
        "complete": found.is_complete,
        "not_exported": [{"site": each.name, "reason": each.reason} for each in found.faults],
        "sites": list(_describe(found)),
    }


def _describe(found: SitesExport) -> Iterator[dict[str, Any]]:
    for each in found.sites:
        yield {
            "site": each.name,
            "folder": each.result.folder.name,
            "matched": each.result.counts.matched,
            "exported": each.result.counts.exported,
            "access": each.result.access_id,
            "completed": each.result.completed_id,
            "behind": each.behind or None,
        }
