"""The commands of reviewers: `steelyard review list`, `queue`, `show`, `history`, `report`, `release`, `refuse`."""

import asyncio
from dataclasses import dataclass

from cyclopts import App, Parameter

from components.cli.options import (
    COMMON,
    LOOK,
    AtSite,
    Common,
    Look,
    RecordId,
    SealedReason,
    Signing,
    Timeout,
)
from components.process.pipe import write_output
from policy.supervision.item import ItemState


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Signing):
    """What each decision on a held message takes."""

    reason: SealedReason
    timeout: Timeout = 10.0


app = App(name="review", help="Review flagged messages, and decide on held ones (docs/review.md).")
for act in ("claim", "unclaim", "assign", "note", "escalate", "reopen", "add", "close"):
    app.command(f"components.cli.review_acts:{act}")


@app.command(name="list")
def list_(*, timeout: Timeout = 10.0, at: AtSite = "", common: Common = COMMON) -> int:
    """List the held messages and files that wait for a reviewer, the oldest first; where there are sites, of all.

    Exit status 1 if one of the sites does not answer (docs/sites.md).
    """
    from components.cli.reviewing import list_held_at, list_held_of_all, open_settings

    settings, is_of_all = open_settings(common, at)
    if is_of_all:
        return list_held_of_all(settings, timeout, common)
    return list_held_at(settings, at, timeout, common)


@app.command
def queue(
    name: str = "",
    *,
    state: ItemState | None = None,
    holder: str = "",
    overdue: bool = False,
    limit: int = 50,
    at: AtSite = "",
    common: Common = COMMON,
) -> int:
    """List the queues with how many items each has; or, with a name or a filter, the items, the oldest first.

    Where site.toml names other sites (audit.sites), those of all (docs/sites.md). Exit status 1 if one was not asked.

    Parameters
    ----------
    name
        A queue: rule/ID, desk/ID, or one that items were put into; london:rule/ID is that of one site.
    state
        Only items in this state.
    holder
        Only items that this reviewer has claimed or was assigned.
    overdue
        Only items that nobody has closed in time.
    limit
        Print at most this many items (--json prints all).
    """
    from components.audit.review.desk import Wanted
    from components.cli.reviewing import list_queue_at, list_queues_of_all, open_settings

    site, _, queue_name = name.rpartition(":")
    at = at or site
    settings, is_of_all = open_settings(common, at)
    wanted = Wanted(queue_name, state, holder, overdue)
    if is_of_all:
        return list_queues_of_all(settings, wanted, limit, common)
    return list_queue_at(settings, at, wanted, limit, common)


@app.command
def show(record: RecordId, *, raw: bool = False, common: Look = LOOK) -> int:
    """Show one record in full, with its proof. Exit status 1 if it is not proved.

    Parameters
    ----------
    raw
        Write exactly the bytes that were submitted, and nothing else.
    """
    from components.audit.review.show import show_item
    from components.cli.output.console import run_with_bar
    from components.cli.output.record import describe_detail, print_detail
    from components.cli.output.review_queue import describe_nameless, print_nameless

    (settings, id_), reason = common.open_site_of(record), common.reason
    shown = run_with_bar("Indexing", "entries", lambda progress: show_item(settings, id_, reason, progress))
    if raw and shown.nameless is None:
        write_output(shown.detail.body)
    elif shown.nameless is None:
        common.tell(shown.detail, describe_detail, print_detail)
    else:
        common.tell(shown.nameless, describe_nameless, print_nameless)
    return 1 if shown.detail.proof.fault else 0


@app.command
def history(record: RecordId, *, common: Common = COMMON) -> None:
    """Show what was done with an item, by whom and when, and who opened it."""
    from components.cli.output.review_queue import describe_history, print_history
    from components.cli.reviewing import name_people, open_desk_of, open_settings

    at, _, id_ = record.rpartition(":")
    settings, _ = open_settings(common, at)
    desk = open_desk_of(settings)
    item = desk.find(id_)
    access_id = asyncio.run(desk.look("review-history", id_, [id_]))
    access_id = f"{at}:{access_id}" if at else access_id
    described = describe_history(item, desk.now_ns, name_people(settings), access_id)
    common.tell(described | {"item": record}, dict, print_history)


@app.command
def report(*, after: str = "", before: str = "", at: AtSite = "", common: Common = COMMON) -> int:
    """Give the evidence of review: flagged, viewed and reviewed in a period, by rule and by reviewer.

    Where site.toml names other sites (audit.sites), that of all (docs/sites.md). Exit status 1 if one was not asked.

    Parameters
    ----------
    after
        The beginning, such as 2026-11-01 (UTC); if left out, the first record.
    before
        The end, which does not belong to it; if left out, now.
    """
    from components.cli.reviewing import open_settings, report_at, report_of_all

    settings, is_of_all = open_settings(common, at)
    if is_of_all:
        return report_of_all(settings, after, before, common)
    return report_at(settings, at, after, before, common)


@app.command
def release(record: RecordId, *, decision: Decision) -> None:
    """Release a held message: it goes out as its sender wrote it, with its files. Or a held file alone."""
    _decide(record, "release", decision, ("is on its way", "can be fetched now"))


@app.command
def refuse(record: RecordId, *, decision: Decision) -> None:
    """Refuse a held message: its sender is told that it was not sent. Or a held file: nobody can fetch it."""
    _decide(record, "refuse", decision, ("is refused, and its sender told", "is refused"))


def _decide(record: str, act: str, decision: Decision, done: tuple[str, str]) -> None:
    """Decide on a record; `done` says what became of it, of a message and of a file."""
    from components.audit.review.held_files import find_file_log
    from components.audit.sites.held import decide_at
    from components.audit.sites.named import find_site
    from components.cli.reviewing import REVIEWING, author_with
    from components.settings.site import SiteFile

    settings = SiteFile(decision.common.site)
    name, _, id_ = record.rpartition(":")
    log = find_file_log(find_site(settings, name) if name else settings)
    deciding = decide_at(
        settings, record, act, decision.reason, decision.timeout, author_with(decision.key), REVIEWING
    )
    decided = asyncio.run(deciding)
    is_file = log is not None and id_.startswith(f"{log.name}/")
    told = "waits for another person to decide the same" if decided.waits else done[is_file]
    access_id, act_id = (f"{name}:{each}" if name else each for each in (decided.access_id, decided.act_id))
    made = {"record": record, "act": act, "waits": decided.waits, "access": access_id, "decision": act_id}
    decision.common.tell(
        made, dict, lambda _: print(f"{record} {told}. That you read it is record {access_id}.")
    )
