"""What `steelyard audit search` does with its options: a page, counts, or the hits of a list of terms."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.audit.auditor import Auditor
from components.audit.index.facets import Dimension
from components.audit.search import Order, Page, SearchResult, search
from components.cli.options import Output
from components.cli.output.json_printer import print_lines
from components.cli.output.record import describe_view
from components.cli.output.search import describe_search, print_search
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

if TYPE_CHECKING:
    from components.audit.tally import Tally, TermReport
    from components.cli.output.sites import OfSites


@dataclass(frozen=True, slots=True)
class SearchWanted:
    """The options of a search, as they were typed; it `is_at_one` site even where others are named."""

    query: str
    limit: int
    before: str
    sort: str
    context: int
    count_by: str
    terms: Path | None
    save: str
    saved: str
    is_at_one: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and how it is told; not `is_complete` where a site was not searched, or may have more."""

    result: "SearchResult | Tally | TermReport | OfSites"
    is_complete: bool = True

    @property
    def status(self) -> int:
        """The exit status."""
        return 0 if self.is_complete else 1

    def tell(self, output: Output, log_name: str, *, as_lines: bool) -> None:
        """Print it for people, as one JSON object, or as one for each line."""
        match self.result:
            case SearchResult() as found if as_lines:
                print_lines(map(describe_view, found.records))
            case SearchResult() as found:
                output.tell(found, describe_search, lambda result: print_search(result, log_name))
            case other:
                _tell_other(other, output, as_lines=as_lines)


def _tell_other(found: "Tally | TermReport | OfSites", output: Output, *, as_lines: bool) -> None:
    # Only now: most searches neither count nor look into several sites, and would wait while this is imported.
    from components.audit.tally import Tally, TermReport

    if isinstance(found, Tally | TermReport):
        from components.cli.output.tally import tell_counts

        tell_counts(found, output, as_lines=as_lines)
    else:
        from components.cli.output.sites import tell_of_sites

        tell_of_sites(found, output, as_lines=as_lines)


async def run_search(settings: SiteFile, wanted: SearchWanted, progress: Progress, auditor: Auditor) -> Found:
    """Search as the options say; raises QueryError, SiteError and LogError."""
    query = await _find_query(settings, wanted, progress, auditor)
    if wanted.count_by and wanted.terms:
        raise SiteError("give --count-by or --terms, not both")
    if wanted.save:
        from components.audit.saved import save_search

        await save_search(settings, wanted.save, query, progress, auditor)
    if settings.audit.sites and not wanted.is_at_one:
        of_sites = await _search_sites(settings, query, wanted, progress)
        return Found(of_sites, of_sites.is_complete)
    if wanted.count_by or wanted.terms:
        return Found(await _count(settings, query, wanted, progress, auditor))
    page = Page(wanted.limit, wanted.before, Order(wanted.sort))
    return Found(await search(settings, query, page, progress, auditor, wanted.context))


async def _count(
    settings: SiteFile, query: str, wanted: SearchWanted, progress: Progress, auditor: Auditor
) -> "Tally | TermReport":
    from components.audit.tally import count_by, report_terms

    if wanted.terms:
        return await report_terms(settings, query, read_terms(wanted.terms), progress, auditor)
    dimensions = read_dimensions(wanted.count_by, tuple(Dimension))
    return await count_by(settings, query, dimensions, progress, auditor)


async def _search_sites(
    settings: SiteFile, query: str, wanted: SearchWanted, progress: Progress
) -> "OfSites":
    """Search all sites, or count what is found there; raises as `run_search` does."""
    # Most archives are of one site.
    from components.audit.sites.count import count_sites
    from components.audit.sites.search import search_sites

    if wanted.terms:
        from components.audit.sites.terms import report_terms_of_sites

        return await report_terms_of_sites(settings, query, read_terms(wanted.terms), progress)
    if wanted.count_by:
        dimensions = read_dimensions(wanted.count_by, tuple(Dimension))
        return await count_sites(settings, query, dimensions, progress)
    page = Page(wanted.limit, wanted.before, Order(wanted.sort))
    return await search_sites(settings, query, page, progress, context=wanted.context)


async def _find_query(settings: SiteFile, wanted: SearchWanted, progress: Progress, auditor: Auditor) -> str:
    if wanted.saved:
        from components.audit.saved import find_saved

        kept = (await find_saved(settings, wanted.saved, progress, auditor)).query
        return f"({kept}) AND ({wanted.query})" if wanted.query else kept
    if not wanted.query and wanted.terms:
        return "*"
    if not wanted.query:
        raise SiteError("give a query (* finds every record), --saved NAME or --terms FILE")
    return wanted.query


def read_dimensions(text: str, possible: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """Read the names of dimensions with commas between; raises SiteError."""
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    known = {str(each): each for each in possible}
    if wrong := [name for name in names if name not in known]:
        raise SiteError(f"there is no {wrong[0]} to count by; there are: {', '.join(known)}")
    return tuple(known[name] for name in names)


def read_terms(file: Path) -> list[str]:
    """Read the lines of a list of terms; raises SiteError."""
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SiteError(f"{file} is no UTF-8 text: byte {error.start} is wrong; save it as UTF-8") from None
