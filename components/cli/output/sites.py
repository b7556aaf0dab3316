"""What a search of several sites prints: hits with all records of each message, and which sites were not searched."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

from components.archive.log.leaf import encode_leaf
from components.archive.log.strict_base64 import encode_base64
from components.audit.show import RecordProof
from components.audit.sites.around import ProvedRecord, SiteAround
from components.audit.sites.count import CountedSite, SitesTally
from components.audit.sites.named import SiteFault
from components.audit.sites.search import Hit, SearchedSite, SitesResult
from components.audit.sites.terms import SitesTerms
from components.audit.view import RecordView
from components.cli.options import Output
from components.cli.output.asked import describe_asked
from components.cli.output.console import make_console, make_look, make_table
from components.cli.output.json_printer import print_lines
from components.cli.output.record import describe_view
from components.cli.output.search import describe_limits, stack_record, tell_forms, tell_limits
from components.cli.output.tally import describe_term, make_terms_table
from components.cli.output.terminal import show_text

OfSites = SitesResult | SitesTally | SitesTerms


class Behind(Protocol):
    """A site whose copy may be behind: then it says why."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def behind(self) -> str:
        """Why it may have more; empty if it has not."""


def tell_of_sites(found: OfSites, output: Output, *, as_lines: bool) -> None:
    """Print what was found at several sites, for people, as one JSON object, or as one for each line."""
    match found:
        case SitesResult() if as_lines:
            print_lines(map(_describe_hit, found.hits))
        case SitesResult():
            output.tell(found, describe_sites, print_sites)
        case SitesTally() if as_lines:
            print_lines(_describe_counts(found))
        case SitesTally():
            output.tell(found, describe_counts, print_counts)
        case SitesTerms() if as_lines:
            print_lines(map(describe_term, found.terms))
        case SitesTerms():
            output.tell(found, describe_terms, print_terms)
    if as_lines:
        for fault in _tell_faults(found):
            print(f"steelyard: {fault}", file=sys.stderr)


def _describe_found(found: OfSites) -> dict[str, Any]:
    return {
        **describe_asked(found),
        "doubles": found.doubles,
        "complete": found.is_complete,
        "not_searched": describe_faults(found.faults),
    }


def describe_sites(result: SitesResult) -> dict[str, Any]:
    """Describe the result of a search of several sites for JSON."""
    return {
        **_describe_found(result),
        "next_before": result.next_before,
        "sites": [_describe_site(site) for site in result.sites],
        "records": [_describe_hit(hit) for hit in result.hits],
    }


def describe_counts(tally: SitesTally) -> dict[str, Any]:
    """Describe counts of several sites for JSON."""
    return {
        **_describe_found(tally),
        "sites": list(map(_describe_counted, tally.sites)),
        "counts": list(_describe_counts(tally)),
    }


def describe_terms(report: SitesTerms) -> dict[str, Any]:
    """Describe the hits of a list of terms at several sites for JSON."""
    return {
        **_describe_found(report),
        "sites": list(map(_describe_counted, report.sites)),
        "terms": [describe_term(term) for term in report.terms],
    }


def _describe_counted(site: CountedSite) -> dict[str, Any]:
    return {
        "site": site.name,
        "matched": site.matched,
        "behind": site.behind or None,
        "examined": site.examined,
        "is_cut": site.is_cut,
        "access": site.access_id,
    }


def print_sites(result: SitesResult) -> None:
    """Print the hits, the oldest first, then what each site says, and the sites that were not searched."""
    console = make_console()
    for hit in result.hits:
        before, after = _context(hit.around)
        for id_, view in before:
            console.print(stack_record(view, result.sought, id_, is_hit=False))
        console.print(stack_record(hit.record.view, result.sought, hit.record.id, tuple(_tell_records(hit))))
        for id_, view in after:
            console.print(stack_record(view, result.sought, id_, is_hit=False))
    shown = len(result.hits)
    behind = (
        f"; these are {shown:,}: the next page is --before {result.next_before}" if result.next_before else ""
    )
    console.print(Text(f"{_sum_up(result)}{behind}. Times are in UTC.", style="dim"))
    for site in result.sites:
        figures = (
            f"{site.name}: {site.matched:,} records match. The gate's log has {site.log_size:,} entries."
        )
        console.print(make_look(site.access_id, show_text(figures), "This search"))
        for remark, style in tell_limits(site):
            console.print(Text(f"{show_text(site.name)}: {remark}", style=style))
    for remark, style in tell_forms(result.query):
        console.print(Text(remark, style=style))
    _print_faults(console, result)


def print_counts(tally: SitesTally) -> None:
    """Print counts, a row for each combination of values, then what each site says."""
    console = make_console()
    table = make_table(*map(str, tally.dimensions), "records")
    table.columns[-1].justify = "right"
    for counted in tally.counted:
        values = (Text(show_text(value) or "-") for value in counted.values)
        table.add_row(*values, f"{counted.entries:,}")
    console.print(table)
    _print_counted(console, tally)


def print_terms(report: SitesTerms) -> None:
    """Print the hits of each term, in the order of the list, then what each site says."""
    console = make_console()
    console.print(make_terms_table(report.terms))
    _print_counted(console, report)


def _print_counted(console: Console, found: SitesTally | SitesTerms) -> None:
    console.print(Text(f"{_sum_up(found)}.", style="dim"))
    for site in found.sites:
        console.print(make_look(site.access_id, f"{show_text(site.name)}: {site.matched:,} records match."))
    _print_faults(console, found)


def _sum_up(found: OfSites) -> str:
    doubles = f", and {found.doubles:,} more records of the same messages" if found.doubles else ""
    return f"{found.matched:,} match{doubles}"


def _context(
    around: SiteAround | None,
) -> tuple[list[tuple[str, RecordView]], list[tuple[str, RecordView]]]:
    """Return what stands before and after a hit, each with its id."""
    if around is None:
        return [], []
    before, after = (
        [(f"{around.site}:{view.id}", view) for view in some]
        for some in (around.around.before, around.around.after)
    )
    return before, after


def _describe_context(hit: Hit) -> dict[str, Any]:
    if (around := hit.around) is None:
        return {}
    sides = zip(("before", "after"), _context(around), strict=True)
    return {
        side: [describe_view(view) | {"id": id_, "site": around.site} for id_, view in some]
        for side, some in sides
    }


def _describe_hit(hit: Hit) -> dict[str, Any]:
    return {
        **_describe_record(hit.record),
        "records_of_it": hit.copies + 1,
        "others": [_describe_record(each) | {"differs": each.differs} for each in hit.others],
        **_describe_context(hit),
    }


def _describe_record(record: ProvedRecord) -> dict[str, Any]:
    described = describe_view(record.view) | {"id": record.id, "site": record.site}
    return described | {
        "leaf": encode_base64(encode_leaf(record.view.opened.leaf)),
        "proof": _describe_proof(record.proof),
    }


def _describe_proof(proof: RecordProof) -> dict[str, Any]:
    return {
        "proved": not proof.fault,
        "fault": proof.fault or None,
        "tree_size": proof.size,
        "hashes": [encode_base64(each) for each in proof.hashes],
        "checkpoint": proof.note,
    }


def _describe_site(site: SearchedSite) -> dict[str, Any]:
    return {
        "site": site.name,
        "matched": site.matched,
        "log_size": site.log_size,
        "behind": site.behind or None,
        **describe_limits(site),
    }


def _describe_counts(tally: SitesTally) -> Iterator[dict[str, Any]]:
    for each in tally.counted:
        values = dict(zip(map(str, tally.dimensions), each.values, strict=True))
        yield {**values, "records": each.entries}


def describe_faults(faults: Iterable[SiteFault]) -> list[dict[str, str]]:
    """Describe the sites that were left out, for JSON."""
    return [{"site": each.name, "reason": each.reason} for each in faults]


def _tell_records(hit: Hit) -> Iterator[tuple[str, str]]:
    """Yield what is to be said below a hit, each with its style: its other records, and what is not proved."""
    if hit.record.proof.fault:
        yield f"NOT PROVED: {hit.record.proof.fault}", "bold red"
    for other in hit.others:
        verdict = getattr(other.view.content, "action", "")
        text = f"also {other.id}" + (f", {verdict}" if verdict not in ("", "release") else "")
        if other.proof.fault:
            yield f"{text}: NOT PROVED: {other.proof.fault}", "bold red"
        elif other.differs:
            yield f"{text}: it does not say the same; look at both", "bold red"
        else:
            yield text, "dim"
    if hit.copies > len(hit.others):
        yield f"and {hit.copies - len(hit.others):,} more records of this message", "dim"


def _print_faults(console: Console, found: OfSites) -> None:
    for fault in _tell_faults(found):
        console.print(Text(fault, style="bold red"))


def _tell_faults(found: OfSites) -> Iterator[str]:
    return tell_missing(found.faults, found.sites, "searched")


def tell_missing(faults: Iterable[SiteFault], sites: Iterable[Behind], done: str) -> Iterator[str]:
    """Yield a line for each site that was not searched (or read: what was `done`), or may have more."""
    for fault in faults:
        yield show_text(f"{fault.name} was NOT {done}: {fault.reason}")
    for site in sites:
        if site.behind:
            yield show_text(f"{site.name} may have more than was {done}: {site.behind}")
