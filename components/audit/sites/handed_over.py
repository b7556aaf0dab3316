"""What is handed over by an export: of one site, or of all that its site.toml names; begun, or gone on with."""

from dataclasses import dataclass
from pathlib import Path

from components.audit.auditor import find_auditor
from components.audit.export.export import ExportResult, Wanted, export, resume
from components.audit.sites.export import BEGUN, Asking, SitesExport, export_sites, resume_sites
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class HandOver:
    """An export into a folder: `wanted` is None for one that goes on, `is_of_all` if every site named is asked."""

    output: Path
    wanted: Wanted | None
    is_of_all: bool = True


async def hand_over(settings: SiteFile, asked: HandOver, asking: Asking) -> ExportResult | SitesExport:
    """Export, or go on with an export; raises as `export` and `export_sites` do.

    What goes on is what was begun: a folder with an export of one site goes on as that, also where site.toml names
    others by now.
    """
    auditor = find_auditor(settings, asking.who)
    if _is_of_sites(settings, asked):
        if asked.wanted is None:
            return await resume_sites(settings, asked.output, asking)
        return await export_sites(settings, asked.wanted, asked.output, asking)
    if asked.wanted is None:
        return await resume(settings, asked.output, asking.progress, auditor)
    return await export(settings, asked.wanted, asked.output, asking.progress, auditor)


def _is_of_sites(settings: SiteFile, asked: HandOver) -> bool:
    if not (asked.is_of_all and settings.audit.sites):
        return False
    return asked.wanted is not None or (asked.output / BEGUN).exists()
