"""What the commands of reviewers print where there are several sites: each item with its site, and what is missing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.audit.review.desk import count_queues
from components.audit.review.held import HeldList
from components.audit.review.held_files import find_file_log
from components.audit.sites.desks import DeskItems, SiteItem, merge_items
from components.audit.sites.each import AtEach, AtSite
from components.cli.output.review import count_held, describe_held, print_all_held
from components.cli.output.review_queue import (
    describe_item,
    describe_report,
    print_counts,
    print_item,
    print_report,
)
from components.cli.output.sites import describe_faults, tell_missing
from components.cli.output.terminal import show_text
from policy.supervision.report import Report

Reports = tuple[Report | None, AtEach[tuple[Report, str]]]


def describe_items(found: AtEach[DeskItems]) -> dict[str, Any]:
    """Describe the items of all sites for JSON; `queues` counts those of one name at all sites together."""
    return {
        "items": [_describe_item(each) for each in merge_items(found)],
        "queues": _add_up(count_queues(at.found.items, at.found.desk.now_ns) for at in found.sites),
        **_describe_missing(found),
        "sites": [
            {
                **_head(at, at.found.access_id),
                "items": len(at.found.items),
                "queues": count_queues(at.found.items, at.found.desk.now_ns),
            }
            for at in found.sites
        ],
    }


def _describe_item(each: SiteItem) -> dict[str, Any]:
    return describe_item(each.item, each.found.desk.now_ns, each.found.names) | {
        "item": each.id,
        "site": each.site,
    }


def _add_up(counts: Iterator[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    sums = dict[str, Counter[str]]()
    for of_site in counts:
        for name, count in of_site.items():
            sums.setdefault(name, Counter()).update(count)
    return {name: dict(sums[name]) for name in sorted(sums)}


def print_items(found: AtEach[DeskItems], limit: int) -> None:
    """Print two lines for each item, the oldest first, then how many each site has."""
    items = merge_items(found)
    for each in items[:limit]:
        print_item(each.item, each.id, each.found.desk.now_ns, each.found.names)
    if len(items) > limit:
        print(f"… {len(items) - limit:,} more (--limit)")
    _print_sums(found)


def print_queues(found: AtEach[DeskItems]) -> None:
    """Print how many items each queue of each site has."""
    print_counts(
        {
            f"{at.name}:{name}": count
            for at in found.sites
            for name, count in count_queues(at.found.items, at.found.desk.now_ns).items()
        }
    )
    _print_sums(found)


def _print_sums(found: AtEach[DeskItems]) -> None:
    for at in found.sites:
        count = len(at.found.items)
        _print_look(at.name, f"{count:,} {'item' if count == 1 else 'items'}", at.found.access_id)
    _print_missing(found)


def describe_all_held(found: AtEach[HeldList]) -> dict[str, Any]:
    """Describe what all sites hold for JSON, the oldest first."""
    told = [(at.name, describe_held(at.found, *_logs_of(at))) for at in found.sites]
    return {
        **{what: _gather(told, what) for what in ("held", "files")},
        **_describe_missing(found),
        "sites": [
            {**_head(at, at.found.access_id), "files_problem": at.found.files.problem} for at in found.sites
        ],
    }


def _gather(told: Sequence[tuple[str, Mapping[str, Any]]], what: str) -> list[dict[str, Any]]:
    all_ = [{**each, "site": name} for name, described in told for each in described[what]]
    return sorted(all_, key=lambda each: str(each["held_at"]))


def print_held(found: AtEach[HeldList]) -> None:
    """Print what each site holds, site after site, with how much that is."""
    for at in found.sites:
        print_all_held(at.found, *_logs_of(at))
    for at in found.sites:
        _print_look(at.name, count_held(at.found), at.found.access_id)
    _print_missing(found)


def _logs_of(at: AtSite[Any]) -> tuple[str, str]:
    """Return the names of a site's logs of messages and of files, with the site's name before them."""
    settings = at.site.settings
    files = find_file_log(settings)
    return f"{at.name}:{settings.gate_log.name}", f"{at.name}:{files.name}" if files else ""


def describe_reports(reports: Reports) -> dict[str, Any]:
    """Describe the evidence of review of all sites for JSON: of all together, then of each."""
    whole, found = reports
    return {
        **(describe_report(whole) if whole else {}),
        **_describe_missing(found),
        "sites": [{**_head(at, at.found[1]), **describe_report(at.found[0])} for at in found.sites],
    }


def print_reports(reports: Reports) -> None:
    """Print the evidence of review of all sites together, then how much of it is whose."""
    whole, found = reports
    if whole:
        print_report(whole)
    for at in found.sites:
        (report, access_id), total = at.found, at.found[0].total
        told = f"{total.flagged:,} flagged, {total.reviewed:,} reviewed, {total.overdue:,} overdue"
        invalid = f", {report.invalid:,} acts count for nothing" if report.invalid else ""
        _print_look(at.name, told + invalid, access_id)
    _print_missing(found)


def _head(at: AtSite[Any], access_id: str) -> dict[str, Any]:
    return {"site": at.name, "behind": at.behind or None, "access": access_id}


def _describe_missing(found: AtEach[Any]) -> dict[str, Any]:
    return {"complete": found.is_complete, "not_reviewed": describe_faults(found.faults)}


def _print_look(name: str, told: str, access_id: str) -> None:
    print(f"{show_text(name)}: {told}. This look is record {show_text(name)}:{access_id}.")


def _print_missing(found: AtEach[Any]) -> None:
    for line in tell_missing(found.faults, found.sites, "reviewed"):
        print(line)
