"""What the commands of `steelyard review` do: at one site, or at all that `audit.sites` names (docs/sites.md)."""

import asyncio
from collections.abc import Sequence

from components.audit.auditor import Auditor, find_auditor
from components.audit.author import Author, open_author
from components.audit.moment import parse_time
from components.audit.review.bulk import find_open
from components.audit.review.desk import Desk, Wanted, open_desk
from components.audit.review.evidence import report_reviews
from components.audit.review.held import list_held
from components.audit.review.held_files import find_file_log
from components.audit.review.names import HiddenNames
from components.audit.review.rules import load_directory
from components.audit.sites.desks import (
    Acted,
    OpenAuthor,
    Reviewing,
    act_at_each,
    find_open_at_each,
    list_at_each,
    report_at_each,
)
from components.audit.sites.held import list_held_at_each
from components.audit.sites.named import cover_one, find_site
from components.cli.options import Common, Signing
from components.cli.output.console import run_with_bar
from components.cli.output.coverage import tell_of_one
from components.cli.output.review import describe_held, print_held
from components.cli.output.review_queue import (
    describe_items,
    describe_report,
    print_items,
    print_queues,
    print_report,
)
from components.process.progress import Progress
from components.settings.site import SiteFile
from policy.supervision.act import ActKind

REVIEWING = Reviewing()


def open_settings(common: Common, at: str) -> tuple[SiteFile, bool]:
    """Return the settings of the site of this name, or the own ones, and whether all sites are meant."""
    own = SiteFile(common.site)
    return (find_site(own, at), False) if at else (own, bool(own.audit.sites))


def open_desk_of(settings: SiteFile, author: Author | None = None) -> Desk:
    """Open the reviewer's desk at one site, with a bar while its index is updated."""
    who = author or Author(find_auditor(settings))
    return run_with_bar("Indexing", "entries", lambda progress: open_desk(settings, who, progress))


def name_people(settings: SiteFile) -> HiddenNames:
    """Return what shows the people of a site where a rule hides their names."""
    return HiddenNames(settings, load_directory(settings))


def author_with(key: str | None) -> OpenAuthor:
    """Return what gives whoever acts at a site, with the key at a place."""

    def open_at(settings: SiteFile, auditor: Auditor) -> Author:
        return open_author(settings, auditor, key)

    return open_at


def list_held_at(settings: SiteFile, at: str, timeout_s: float, common: Common) -> int:
    """List what one site holds; return the exit status."""
    file_log = find_file_log(settings)
    names = settings.gate_log.name, file_log.name if file_log else ""
    found = asyncio.run(list_held(settings, timeout_s))
    coverage = cover_one(SiteFile(common.site), at)
    tell_of_one(
        common,
        coverage,
        found,
        lambda held: describe_held(held, *names),
        lambda held: print_held(held, *names),
    )
    return 0


def list_held_of_all(settings: SiteFile, timeout_s: float, common: Common) -> int:
    """List what all sites hold; return the exit status."""
    from components.cli.output.sites_review import describe_all_held, print_held

    found = asyncio.run(list_held_at_each(settings, timeout_s, REVIEWING))
    common.tell(found, describe_all_held, print_held)
    return 0 if found.is_complete else 1


def list_queue_at(settings: SiteFile, at: str, wanted: Wanted, limit: int, common: Common) -> int:
    """List the queues of one site, or the items that are wanted; return the exit status."""
    desk, names = open_desk_of(settings), name_people(settings)
    tell_of_one(
        common,
        cover_one(SiteFile(common.site), at),
        asyncio.run(desk.list_items(wanted)),
        lambda found: describe_items(found, desk.now_ns, names),
        lambda found: (
            print_items(found, desk.now_ns, names, limit) if str(wanted) else print_queues(found, desk.now_ns)
        ),
    )
    return 0


def list_queues_of_all(settings: SiteFile, wanted: Wanted, limit: int, common: Common) -> int:
    """List the queues of all sites, or the items that are wanted; return the exit status."""
    from components.cli.output import sites_review as output

    found = run_with_bar("Indexing", "entries", lambda bar: list_at_each(settings, wanted, Reviewing(bar)))
    common.tell(
        found,
        output.describe_items,
        lambda found: output.print_items(found, limit) if str(wanted) else output.print_queues(found),
    )
    return 0 if found.is_complete else 1


def _read_period(after: str, before: str, now_ns: int) -> tuple[int, int]:
    return parse_time(after) if after else 0, parse_time(before) if before else now_ns


def report_at(settings: SiteFile, at: str, after: str, before: str, common: Common) -> int:
    """Give the evidence of review of one site; return the exit status."""
    desk = open_desk_of(settings)
    made, access_id = asyncio.run(report_reviews(desk, *_read_period(after, before, desk.now_ns)))
    tell_of_one(
        common,
        cover_one(SiteFile(common.site), at),
        made,
        lambda made: {**describe_report(made), "access": access_id},
        print_report,
    )
    return 0


def report_of_all(settings: SiteFile, after: str, before: str, common: Common) -> int:
    """Give the evidence of review of all sites; return the exit status."""
    import time

    from components.cli.output.sites_review import describe_reports, print_reports

    period = _read_period(after, before, time.time_ns())
    found = run_with_bar("Indexing", "entries", lambda bar: report_at_each(settings, *period, Reviewing(bar)))
    common.tell(found, describe_reports, print_reports)
    return 0 if found[1].is_complete else 1


def act_on(kind: ActKind, records: Sequence[str], signing: Signing, **fields: str) -> None:
    """Do something with items, each at its own site, and tell the records of the acts."""
    settings = SiteFile(signing.common.site)
    done = run_with_bar(
        "Indexing", "entries", lambda bar: _act(settings, kind, records, signing, bar, fields)
    )
    told = "\n".join(f"{kind.value} {each.item}: record {each.record}" for each in done)
    items, acts = [each.item for each in done], [each.record for each in done]
    signing.common.tell({"act": kind.value, "items": items, "acts": acts}, dict, lambda _: print(told))


async def _act(
    settings: SiteFile,
    kind: ActKind,
    records: Sequence[str],
    signing: Signing,
    progress: Progress,
    fields: dict[str, str],
) -> list[Acted]:
    done = await act_at_each(settings, kind, records, author_with(signing.key), Reviewing(progress), **fields)
    return done if settings.audit.sites else [Acted(*map(_bare, (each.item, each.record))) for each in done]


def _bare(id_: str) -> str:
    """Return an id without the name of its site, which is said where there are several."""
    return id_.rpartition(":")[2]


def close_matching(
    signing: Signing, at: str, query: str, expect: int | None, *, disposition: str, note: str
) -> None:
    """Close all open items that a query finds, if they are as many as expected; else only tell how many."""
    settings, is_of_all = open_settings(signing.common, at)
    items, accesses = run_with_bar(
        "Searching", "entries", lambda progress: _find_open(settings, query, is_of_all, progress)
    )
    found: dict[str, object] = {
        "matched": len(items),
        "closed": 0,
        **({"accesses": list(accesses)} if is_of_all else {"access": accesses[0]}),
    }
    if expect != len(items):
        told = f"{len(items)} open items match; to close them all: --expect {len(items)}"
        signing.common.tell(found, dict, lambda _: print(told))
        return
    done = run_with_bar(
        "Indexing",
        "entries",
        lambda bar: _act(
            settings, ActKind.CLOSE, items, signing, bar, {"disposition": disposition, "note": note}
        ),
    )
    found |= {"closed": len(done), "acts": [each.record for each in done]}
    signing.common.tell(found, dict, lambda _: print(f"{len(done)} items closed as {disposition}."))


async def _find_open(
    settings: SiteFile, query: str, is_of_all: bool, progress: Progress
) -> tuple[Sequence[str], Sequence[str]]:
    """Return the open items that a query finds, and the records of this look."""
    if is_of_all:
        found = await find_open_at_each(settings, query, Reviewing(progress))
        return found.items, found.accesses
    desk = await open_desk(settings, Author(find_auditor(settings)), progress)
    of_one = await find_open(desk, query, progress)
    return of_one.items, (of_one.access_id,)
