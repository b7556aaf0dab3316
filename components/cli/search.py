"""The commands that find: `steelyard audit search`, `history`, `sample` and `saved`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from components.cli.options import COMMON, LOOK, AtSite, Common, Limit, Look

Query = Annotated[str, Parameter(allow_leading_hyphen=True)]
Order = Literal["newest", "oldest"]
AsLines = Annotated[
    bool, Parameter(name="--json-lines", negative=(), help="Print a JSON object for each, one a line.")
]
Before = Annotated[str, Parameter(help="The page behind this record, as the page before it says.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is shown, and how."""

    limit: Limit = 50
    before: Before = ""
    sort: Annotated[Order, Parameter(help="Show the newest that match, or the oldest.")] = "newest"
    as_lines: AsLines = False


FIRST_PAGE = Paging()


def search(
    *query: Query,
    context: Annotated[int, Parameter(validator=Number(gte=0, lte=100))] = 0,
    count_by: str = "",
    terms: Path | None = None,
    save: str = "",
    saved: str = "",
    at: str = "",
    paging: Paging = FIRST_PAGE,
    common: Look = LOOK,
) -> int:
    """Search what was said on the line, for example: 'copper from:alice after:2h' (docs/query.md).

    Where site.toml names other sites (audit.sites), all are searched (docs/sites.md). Exit status 1 if one was not.

    Parameters
    ----------
    query
        Words, "phrases", prefix*, w/5, AND OR NOT, from: to: person: desk: room: date: is: and others.
    context
        Show so many records of the conversation before and after each, too.
    count_by
        Count instead, by any of day, person, to, domain, to-domain, kind, verdict, rule: person,day.
    terms
        Search for each line of this file among what the query finds, and count.
    save
        Keep the query under this name; it is searched now, too.
    saved
        Search what was saved under this name; a query narrows it.
    at
        Search only the site of this name.
    """
    from components.audit.auditor import find_auditor
    from components.cli.output.console import run_with_bar
    from components.cli.searching import SearchWanted, run_search

    settings = common.open_site(at)
    auditor = find_auditor(settings)
    page = (paging.limit, paging.before, paging.sort)
    wanted = SearchWanted(" ".join(query), *page, context, count_by, terms, save, saved, is_at_one=bool(at))
    found = run_with_bar("Indexing", "entries", lambda bar: run_search(settings, wanted, bar, auditor))
    found.tell(common, settings.gate_log.name, as_lines=paging.as_lines)
    return found.status


def history(
    *query: Query,
    actor: str = "",
    act: str = "",
    paging: Paging = FIRST_PAGE,
    common: Common = COMMON,
) -> None:
    """Show who looked for what before, for example: 'copper after:7d' --act search (docs/query.md).

    Parameters
    ----------
    query
        Words of what was asked for, and times (after:, before:, date:).
    actor
        Only looks of this auditor.
    act
        Only looks of this kind: search, show, export, sample ...
    """
    from components.audit.auditor import find_auditor
    from components.audit.history import Wanted, find_history
    from components.audit.search import Order as SearchOrder
    from components.audit.search import Page
    from components.cli.output.console import run_with_bar
    from components.cli.output.history import describe_history, describe_look, print_history
    from components.cli.output.json_printer import print_lines
    from components.settings.site import SiteFile

    settings = SiteFile(common.site)
    auditor = find_auditor(settings)
    wanted = Wanted(actor, act, " ".join(query))
    page = Page(paging.limit, paging.before, SearchOrder(paging.sort))
    found = run_with_bar(
        "Indexing", "entries", lambda bar: find_history(settings, wanted, page, bar, auditor)
    )
    if paging.as_lines:
        print_lines(map(describe_look, found.looks))
    else:
        common.tell(found, describe_history, print_history)


def sample(
    *query: Annotated[str, Parameter(required=True, allow_leading_hyphen=True)],
    count: Annotated[int, Parameter(validator=Number(gte=1))] = 50,
    seed: str = "",
    by: str = "",
    again: Annotated[bool, Parameter(negative=())] = False,
    json_lines: AsLines = False,
    at: AtSite = "",
    common: Look = LOOK,
) -> int:
    """Draw a random sample of what a query finds, without what was drawn before (docs/query.md).

    Where site.toml names other sites, it is one of all, each message once (docs/sites.md). Exit status 1 if one could
    not be asked, or its copy is behind.

    Parameters
    ----------
    count
        Draw so many records in all.
    seed
        Any text: the same one draws the same. If left out, one is made up, and told.
    by
        Draw of each person, day and the like in proportion, and one at least: person,day.
    again
        Draw also what was drawn before.
    """
    import secrets

    from components.audit.auditor import find_auditor
    from components.audit.sample import STRATA, SampleWanted, draw_sample
    from components.audit.sites.named import cover_one
    from components.cli.output.console import run_with_bar
    from components.cli.output.coverage import tell_of_one
    from components.cli.output.json_printer import print_lines
    from components.cli.output.record import describe_view
    from components.cli.output.sample import describe_sample, print_sample
    from components.cli.searching import read_dimensions
    from components.settings.site import SiteFile

    coverage, settings = cover_one(SiteFile(common.site), at), common.open_site(at)
    auditor = find_auditor(settings)
    wanted = SampleWanted(
        " ".join(query), count, seed or secrets.token_hex(8), read_dimensions(by, STRATA), again
    )
    if coverage.others and not at:
        from components.audit.sites.sample import sample_sites
        from components.cli.output.sites_sample import tell_sample

        of_all = run_with_bar("Indexing", "entries", lambda bar: sample_sites(settings, wanted, bar))
        tell_sample(of_all, common, as_lines=json_lines)
        return 0 if of_all.is_complete else 1
    found = run_with_bar("Indexing", "entries", lambda bar: draw_sample(settings, wanted, bar, auditor))
    if json_lines:
        print_lines(map(describe_view, found.records))
    else:
        tell_of_one(common, coverage, found, describe_sample, print_sample)
    return 0


saved = App(name="saved", help="Searches that were saved under a name, which all auditors of the site share.")
Name = Annotated[str, Parameter(help="What the search is called.")]


@saved.command(name="list")
def list_searches(*, common: Common = COMMON) -> None:
    """List the saved searches."""
    from components.audit.auditor import find_auditor
    from components.audit.saved import list_saved
    from components.cli.output.console import run_with_bar
    from components.cli.output.saved import describe_saved, print_saved
    from components.settings.site import SiteFile

    settings = SiteFile(common.site)
    auditor = find_auditor(settings)
    found = run_with_bar("Indexing", "entries", lambda bar: list_saved(settings, bar, auditor))
    common.tell(found, describe_saved, print_saved)


@saved.command(name="show")
def show_search(name: Name, *, common: Common = COMMON) -> None:
    """Show a saved search: what it asks, and who saved it when."""
    from dataclasses import replace

    from components.audit.auditor import find_auditor
    from components.audit.saved import list_saved, require_saved
    from components.cli.output.console import run_with_bar
    from components.cli.output.saved import describe_saved, print_saved
    from components.settings.site import SiteFile

    settings = SiteFile(common.site)
    auditor = find_auditor(settings)
    found = run_with_bar("Indexing", "entries", lambda bar: list_saved(settings, bar, auditor))
    own = replace(found, searches=(require_saved(found.searches, name),))
    common.tell(own, describe_saved, print_saved)


@saved.command(name="remove")
def remove_search(name: Name, *, common: Common = COMMON) -> None:
    """Remove a saved search. That it was there, and who removed it, stays in the log."""
    from components.audit.auditor import find_auditor
    from components.audit.saved import remove_saved
    from components.cli.output.console import run_with_bar
    from components.settings.site import SiteFile

    settings = SiteFile(common.site)
    auditor = find_auditor(settings)
    record = run_with_bar("Indexing", "entries", lambda bar: remove_saved(settings, name, bar, auditor))
    common.tell(
        record,
        lambda id_: {"removed": name, "record": id_},
        lambda id_: print(f"{name} is removed; this act is record {id_}."),
    )
