"""The commands for what is held, expires or is erased: `steelyard archive hold|release|expire|erase|...`."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from components.cli.audit import DEFAULT_SITE, AsJson, SiteFile, errors_in_one_line
from components.process.errors import SiteError

if TYPE_CHECKING:
    from components.audit.orders.propose import Proposal
    from components.settings.log import LogSettings
    from components.settings.site import SiteFile as SiteSettings

LogName = Annotated[
    str,
    Parameter(
        name="--log", help="The log: the gate's (if left out), the auditors' own, or that of the rosters."
    ),
]
Matter = Annotated[str, Parameter(help="The case that it belongs to.")]
Reason = Annotated[str, Parameter(help="Why, in words; only auditors can read it in the log.")]
Out = Annotated[Path | None, Parameter(name=("--out", "-o"), help="The order's file (default: its id).")]
Conversation = Annotated[
    tuple[str, ...],
    Parameter(name="--conversation", negative="", help="Two JIDs with a comma between, or a room's JID."),
]

REFUSED = 1


def register(app: App) -> None:
    """Add these commands to `steelyard archive`."""
    for command in (hold, release, expire, erase, approve, carry_out, orders):
        app.command(command)


def hold(
    *records: str,
    matter: Matter,
    custodian: str = "",
    conversation: Conversation = (),
    query: str = "",
    reason: Reason = "",
    out: Out = None,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Propose a hold: what it holds can be neither expired nor erased until it is released (docs/retention.md).

    Parameters
    ----------
    records
        Records' ids, such as gate/100042.
    custodian
        Somebody's JID: all that they wrote or were sent, then and from now on.
    query
        What matches this, then and from now on (docs/query.md).
    """
    from components.audit.orders import propose
    from components.audit.orders.scope import read_scope

    with errors_in_one_line():
        settings, of = _load(site, records[0].rpartition("/")[0] if records else "")
        scope = read_scope(settings, of, records, custodian, conversation, query)
        proposal = _run(propose.propose_hold, settings, of, scope, matter, reason)
        _hand_out([proposal], out, as_json)


def release(
    hold: str = "",
    *,
    matter: Matter = "",
    reason: Reason = "",
    out: Out = None,
    log: LogName = "",
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Propose to end a hold, or all of a matter.

    Parameters
    ----------
    hold
        The hold's id.
    """
    from components.audit.orders import propose

    with errors_in_one_line():
        if bool(hold) == bool(matter):
            raise SiteError("name a hold's id, or a matter with --matter")
        settings, of = _load(site, log)
        proposals = _run(propose.propose_releases, settings, of, hold, matter, reason)
        _hand_out(proposals, out, as_json)


def expire(
    *segments: int,
    plan: Annotated[bool, Parameter(negative="")] = False,
    matter: Matter = "",
    reason: Reason = "",
    out: Out = None,
    log: LogName = "",
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Propose the expiry of segments: these or, without any, all that have been kept as long as their class is.

    Parameters
    ----------
    segments
        Segments' numbers.
    plan
        Only show what is due, and what holds keep of it.
    """
    from components.audit.orders import document, propose
    from components.settings.archive import load_retention

    with errors_in_one_line():
        settings, of = _load(site, log)
        if not plan:
            proposal = _run(propose.propose_expiry, settings, of, segments, matter, reason)
            _hand_out([proposal], out, as_json)
            return
        found, access_id = _run(propose.plan, settings, of)
        policy = load_retention(settings.archive.retention)
        if as_json:
            _print_json(document.describe_plan(found, policy, access_id))
            return
        for line in document.format_plan(found, policy):
            print(line)
        print(f"This look is record {access_id}.")


def erase(
    *records: str,
    query: str = "",
    matter: Matter = "",
    reason: Reason = "",
    out: Out = None,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Propose to erase single records; all others of their segments stay readable.

    Parameters
    ----------
    records
        Records' ids, such as gate/100042.
    query
        All that matches this now (docs/query.md).
    """
    from components.audit.orders import propose
    from components.audit.orders.scope import read_scope

    with errors_in_one_line():
        settings, of = _load(site, records[0].rpartition("/")[0] if records else "")
        scope = read_scope(settings, of, records, "", (), query)
        proposal = _run(propose.propose_erasure, settings, of, scope, matter, reason)
        _hand_out([proposal], out, as_json)


def approve(file: Path, *, key: str = "", as_json: AsJson = False) -> None:
    """Show what an order says and, with an approver's key, sign it.

    Parameters
    ----------
    file
        The order's file.
    key
        Where the approver's private key is kept (docs/keys.md); without it, the order is only shown.
    """
    from components.audit.orders.carry import approve_file, read_order_file
    from components.audit.orders.document import describe_file, format_order

    with errors_in_one_line():
        found = approve_file(file, key) if key else read_order_file(file)
    if as_json:
        _print_json(describe_file(found, str(file)))
        return
    for line in format_order(found.order, found.details):
        print(line)
    print(f"Signed by {', '.join(found.signed_by) or 'nobody yet'}.")


def carry_out(
    file: Path,
    *,
    timeout: float = 60.0,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> int:
    """Have an order that two approvers signed carried out; status 1 when it is refused.

    Parameters
    ----------
    file
        The order's file.
    timeout
        Seconds to wait for the log's writer.
    """
    from components.audit.orders.carry import hand_over, read_order_file
    from components.audit.orders.document import describe_answer
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        settings = load_audit_settings(site)
        found = read_order_file(file)
        of = next((log for log in settings.logs if log.origin == found.order.log), None)
        if of is None:
            raise SiteError(f"{file}: the order is for {found.order.log}, which is no log of this site")
        answer = asyncio.run(hand_over(settings, of, found, timeout))
    if as_json:
        _print_json(describe_answer(answer, found))
    elif answer is None:
        print(
            f"{found.order.id} waits: the log's writer, or a long look into the log, keeps it; run this again"
        )
    elif answer.ok:
        print(f"{found.order.id} is carried out; it is record {of.name}/{answer.order}")
    else:
        for line in answer.lines:
            print(f"refused: {line}", file=sys.stderr)
    return 0 if answer is not None and answer.ok else REFUSED


def orders(*, log: LogName = "", as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> None:
    """Show all orders of a log, and what became of each."""
    from components.audit.orders import propose
    from components.audit.orders.document import describe_orders, format_order

    with errors_in_one_line():
        settings, of = _load(site, log)
        views, access_id = _run(propose.list_orders, settings, of)
    if as_json:
        _print_json(describe_orders(views, access_id))
        return
    for view in views:
        first, *others = format_order(view.order, view.details)
        print("\n".join([f"{of.name}/{view.index} {first}: {view.state}", *others]))
    print(f"{len(views):,} {'order' if len(views) == 1 else 'orders'}. This look is record {access_id}.")


def _load(site: Path, log: str) -> "tuple[SiteSettings, LogSettings]":
    from components.settings.audit import load_audit_settings

    settings = load_audit_settings(site)
    found = settings.find_log(log or settings.gate_log.name)
    if found is None:
        raise SiteError(f"there is no log {log!r}: name {settings.log_names}")
    return settings, found


def _run(propose: Any, *arguments: Any) -> Any:
    from components.cli.output.printing import progress_bar

    with progress_bar("Indexing", "entries") as progress:
        return asyncio.run(propose(*arguments, progress))


def _hand_out(proposals: "Sequence[Proposal]", out: Path | None, as_json: bool) -> None:
    """Write each order to its file, and say what comes next."""
    from components.audit.orders.carry import read_order_file, write_order_file
    from components.audit.orders.document import describe_file, format_order

    if out is not None and len(proposals) > 1:
        raise SiteError("these are several orders: leave out --out, and each gets a file of its own")
    described = []
    for proposal in proposals:
        path = out or Path(f"{proposal.order.id}.order")
        write_order_file(path, proposal.request)
        described.append(describe_file(read_order_file(path), str(path)) | {"access": proposal.access_id})
        if not as_json:
            print("\n".join(format_order(proposal.order, proposal.details)))
            print(f"{path} needs two approvers: steelyard archive approve {path} --key KEY")
    if as_json:
        _print_json({"orders": described})


def _print_json(document: dict[str, Any]) -> None:
    from components.cli.output.document import encode_document

    print(encode_document(document), end="")
