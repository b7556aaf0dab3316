"""The commands of reviewers: `steelyard review list|queue|show|claim|close|release` and so on (docs/review.md)."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from components.cli.options import (
    COMMON,
    LOOK,
    SIGNING,
    Common,
    Look,
    RecordId,
    SealedReason,
    Signing,
    Timeout,
)
from components.process.errors import SiteError
from components.process.pipe import write_output
from policy.supervision.act import ActKind
from policy.supervision.item import ItemState

if TYPE_CHECKING:
    from components.audit.review.desk import Desk
    from components.settings.site import SiteFile

Item = Annotated[str, Parameter(name="records", help="The ids of items' records, such as gate/100042.")]
Note = Annotated[
    str, Parameter(name="--note", help="What you found, in one line. Only auditors can read it.")
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Signing):
    """What each decision on a held message takes."""

    reason: SealedReason
    timeout: Timeout = 10.0


app = App(name="review", help="Review flagged messages, and decide on held ones (docs/review.md).")


@app.command(name="list")
def list_(*, timeout: Timeout = 10.0, common: Common = COMMON) -> None:
    """List the held messages and files that wait for a reviewer, the oldest first."""
    from components.audit.review.held import list_held
    from components.audit.review.held_files import find_file_log
    from components.cli.output.review import describe_held, print_held
    from components.settings.site import SiteFile

    settings = SiteFile(common.site)
    file_log = find_file_log(settings)
    names = settings.gate_log.name, file_log.name if file_log else ""
    found = asyncio.run(list_held(settings, timeout))
    common.tell(found, lambda held: describe_held(held, *names), lambda held: print_held(held, *names))
    _tell_others(settings, common)


@app.command
def queue(
    name: str = "",
    *,
    state: ItemState | None = None,
    holder: str = "",
    overdue: bool = False,
    limit: int = 50,
    common: Common = COMMON,
) -> None:
    """List the queues with how many items each has; or, with a name or a filter, the items, the oldest first.

    Parameters
    ----------
    name
        A queue: rule/ID, desk/ID, or one that items were put into.
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
    from components.cli.output.review_queue import describe_items, print_items, print_queues

    wanted = Wanted(name, state, holder, overdue)
    settings, desk = _open(Signing(None, common), acts=False)
    found = asyncio.run(desk.list_items(wanted))
    names = _names(settings)

    def print_(found: Any) -> None:
        if str(wanted):
            print_items(found, desk.now_ns, names, limit)
        else:
            print_queues(found, desk.now_ns)

    common.tell(found, lambda found: describe_items(found, desk.now_ns, names), print_)
    _tell_others(settings, common)


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

    settings, reason = common.open_site(), common.reason
    shown = run_with_bar(
        "Indexing", "entries", lambda progress: show_item(settings, record, reason, progress)
    )
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

    settings, desk = _open(Signing(None, common), acts=False)
    item = desk.find(record)
    access_id = asyncio.run(desk.look("review-history", record, [record]))
    described = describe_history(item, desk.now_ns, _names(settings), access_id)
    common.tell(described, dict, print_history)


@app.command
def report(*, after: str = "", before: str = "", common: Common = COMMON) -> None:
    """Give the evidence of review: flagged, viewed and reviewed in a period, by rule and by reviewer.

    Parameters
    ----------
    after
        The beginning, such as 2026-11-01 (UTC); if left out, the first record.
    before
        The end, which does not belong to it; if left out, now.
    """
    from components.audit.moment import parse_time
    from components.audit.review.evidence import report_reviews
    from components.cli.output.review_queue import describe_report, print_report

    _, desk = _open(Signing(None, common), acts=False)
    begin_ns = parse_time(after) if after else 0
    end_ns = parse_time(before) if before else desk.now_ns
    made, access_id = asyncio.run(report_reviews(desk, begin_ns, end_ns))
    common.tell(made, lambda made: {**describe_report(made), "access": access_id}, print_report)


@app.command
def claim(*records: Item, signing: Signing = SIGNING) -> None:
    """Claim items, so that nobody else closes them."""
    _act(ActKind.CLAIM, records, signing)


@app.command
def unclaim(*records: Item, signing: Signing = SIGNING) -> None:
    """Give claimed items back to their queues."""
    _act(ActKind.UNCLAIM, records, signing)


@app.command
def assign(*records: Item, to: str, note: Note = "", signing: Signing = SIGNING) -> None:
    """Assign items to a reviewer; for leads.

    Parameters
    ----------
    to
        The reviewer's id in site.toml.
    """
    _act(ActKind.ASSIGN, records, signing, to=to, note=note)


@app.command
def note(*records: Item, text: Note, signing: Signing = SIGNING) -> None:
    """Add a note to items."""
    _act(ActKind.NOTE, records, signing, note=text)


@app.command
def escalate(*records: Item, note: Note, signing: Signing = SIGNING) -> None:
    """Escalate items to the leads."""
    _act(ActKind.ESCALATE, records, signing, note=note)


@app.command
def reopen(*records: Item, note: Note, signing: Signing = SIGNING) -> None:
    """Re-open closed items; for leads."""
    _act(ActKind.REOPEN, records, signing, note=note)


@app.command
def add(
    *records: Item,
    queue: str,
    from_: Annotated[Path | None, Parameter(name="--from")] = None,
    note: Note = "",
    signing: Signing = SIGNING,
) -> None:
    """Put records into a queue of your own, such as a sample.

    Parameters
    ----------
    queue
        The name of the queue: small letters, digits and -._
    from_
        Also those whose ids are in this file, one a line, alone or in a JSON object; - is standard input.
    """
    from components.audit.review.listed import read_id

    if from_ is not None:
        text = sys.stdin.read() if from_ == Path("-") else from_.read_text("utf-8")
        records = (*records, *(read_id(line) for line in text.splitlines() if line.strip()))
    _act(ActKind.ADD, records, signing, queue=queue, note=note)


@app.command
def close(
    *records: Item,
    disposition: Annotated[str, Parameter(name="--as")],
    note: Note = "",
    query: str = "",
    expect: int | None = None,
    signing: Signing = SIGNING,
) -> None:
    """Close items as no-issue, issue or false-positive. With --query, all that match it; for leads.

    Parameters
    ----------
    disposition
        no-issue, issue or false-positive.
    query
        Close all open items that this query finds (docs/query.md), instead of naming them.
    expect
        How many these are. Without it, or where it is another number, the command only says how many.
    """
    if not query:
        _act(ActKind.CLOSE, records, signing, disposition=disposition, note=note)
        return
    from components.audit.review.bulk import find_open
    from components.cli.output.console import run_with_bar

    _, desk = _open(signing)
    found = run_with_bar("Searching", "entries", lambda progress: find_open(desk, query, progress))
    if expect != len(found.items):
        told = f"{len(found.items)} open items match; to close them all: --expect {len(found.items)}"
        _tell(signing, {"matched": len(found.items), "closed": 0, "access": found.access_id}, told)
        return
    done = asyncio.run(desk.act(ActKind.CLOSE, found.items, disposition=disposition, note=note))
    told = f"{len(done)} items closed as {disposition}."
    closed = {"matched": len(found.items), "closed": len(done), "access": found.access_id, "acts": done}
    _tell(signing, closed, told)


@app.command
def release(record: RecordId, *, decision: Decision) -> None:
    """Release a held message: it goes out as its sender wrote it, with its files. Or a held file alone."""
    _decide(record, "release", decision, ("is on its way", "can be fetched now"))


@app.command
def refuse(record: RecordId, *, decision: Decision) -> None:
    """Refuse a held message: its sender is told that it was not sent. Or a held file: nobody can fetch it."""
    _decide(record, "refuse", decision, ("is refused, and its sender told", "is refused"))


def _tell_others(settings: "SiteFile", common: Common) -> None:
    """Tell people that what is listed is one site's, where there are others."""
    if settings.audit.sites and not common.as_json:
        others = "; ".join(
            f"{each.name}: --site {os.path.normpath(each.site)}" for each in settings.audit.sites
        )
        print(f"This is {settings.site.name} alone. There are other sites. {others}")


def _decide(record: str, act: str, decision: Decision, done: tuple[str, str]) -> None:
    """Decide on a record; `done` says what became of it, of a message and of a file."""
    from components.audit.review.held import decide_held
    from components.audit.review.held_files import find_file_log
    from components.settings.site import SiteFile

    settings = SiteFile(decision.common.site)
    author = decision.open_author(settings)
    decided = asyncio.run(decide_held(settings, record, act, decision.reason, decision.timeout, author))
    log = find_file_log(settings)
    is_file = log is not None and record.startswith(f"{log.name}/")
    told = "waits for another person to decide the same" if decided.waits else done[is_file]
    made = {"record": record, "act": act, "waits": decided.waits, "access": decided.access_id}
    line = f"{record} {told}. That you read it is record {decided.access_id}."
    _tell(decision, {**made, "decision": decided.act_id}, line)


def _act(kind: ActKind, records: tuple[str, ...], signing: Signing, **fields: str) -> None:
    if not records:
        raise SiteError("name the items by their records' ids, such as gate/100042")
    _, desk = _open(signing, adding=records if kind is ActKind.ADD else ())
    done = asyncio.run(desk.act(kind, records, **fields))
    told = "\n".join(
        f"{kind.value} {record}: record {id_}" for record, id_ in zip(records, done, strict=False)
    )
    _tell(signing, {"act": kind.value, "items": list(records), "acts": done}, told)


def _tell(signing: Signing, document: dict[str, Any], line: str) -> None:
    signing.common.tell(document, dict, lambda _: print(line))


def _open(signing: Signing, *, acts: bool = True, adding: tuple[str, ...] = ()) -> "tuple[SiteFile, Desk]":
    """Open the reviewer's desk; with their key, if it is for acts."""
    from components.audit.auditor import find_auditor
    from components.audit.author import Author
    from components.audit.review.desk import open_desk
    from components.cli.output.console import run_with_bar
    from components.settings.site import SiteFile

    settings = SiteFile(signing.common.site)
    author = signing.open_author(settings) if acts else Author(find_auditor(settings))
    desk = run_with_bar("Indexing", "entries", lambda progress: open_desk(settings, author, progress, adding))
    return settings, desk


def _names(settings: "SiteFile") -> Any:
    from components.audit.review.names import HiddenNames
    from components.audit.review.rules import load_directory

    return HiddenNames(settings, load_directory(settings))
