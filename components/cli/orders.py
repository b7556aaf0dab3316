"""The commands for what is held, expires or is erased: `steelyard archive hold|release|expire|erase|...`."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Parameter

from components.cli.options import (
    COMMON,
    DEFAULT_SITE,
    OUTPUT,
    Common,
    LogName,
    Output,
    RecordId,
    SealedReason,
    SiteOption,
)
from components.process.errors import SiteError

if TYPE_CHECKING:
    from components.audit.orders.propose import Proposal
    from components.audit.orders.scene import Enquiry
    from components.audit.orders.scope import Scope

Matter = Annotated[str, Parameter(help="The case that it belongs to.")]
Out = Annotated[
    Path | None, Parameter(name=("--out", "-o"), help="The file for the order (default: named after its id).")
]
OrderPath = Annotated[Path, Parameter(name="file", help="The order's file.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class NewOrder:
    """The options of each proposal of an order."""

    reason: SealedReason = ""
    out: Out = None
    common: Common = COMMON


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class LogOrder(NewOrder):
    """The options of a proposal about a log (record ids name their log themselves)."""

    matter: Matter = ""
    log: LogName = ""


NEW_ORDER = NewOrder()
LOG_ORDER = LogOrder()

Result = TypeVar("Result")


def hold(
    *records: RecordId,
    matter: Matter,
    custodian: str = "",
    conversation: tuple[str, ...] = (),
    query: str = "",
    log: LogName = "",
    everywhere: Annotated[bool, Parameter(negative=())] = False,
    order: NewOrder = NEW_ORDER,
) -> int:
    """Propose a hold. What is held can be neither expired nor erased until it is released (docs/retention.md).

    Exit status 1 if it could not be proposed at one of the sites.

    Parameters
    ----------
    custodian
        A person's JID: hold all that they wrote or received, until now and from now on.
    conversation
        Two JIDs with a comma between them, or a room's JID. May be repeated.
    query
        Hold what matches this query, until now and from now on (docs/query.md).
    everywhere
        Propose it at each site that audit.sites names, too: an order for each (docs/sites.md).
    """
    from components.audit.orders.propose import Grounds, propose_hold

    if everywhere:
        if records or order.out:
            raise SiteError("--everywhere makes an order for each site: name no records, and no --out")
        from components.cli.holding import WantedHold, hold_everywhere

        wanted = WantedHold(matter, order.reason, custodian, conversation, query, log)
        return hold_everywhere(wanted, order.common)

    enquiry, scope = _load_scope(order.common.site, records, custodian, conversation, query, log)
    proposal = _look(enquiry, lambda it: propose_hold(it, scope, Grounds(matter, order.reason)))
    _hand_out([proposal], order)
    return 0


def release(hold: str = "", *, order: LogOrder = LOG_ORDER) -> None:
    """Propose to end one hold, or all holds of a matter.

    Parameters
    ----------
    hold
        The hold's id.
    """
    from components.audit.orders.propose import Grounds, propose_releases

    if bool(hold) == bool(order.matter):
        raise SiteError("name a hold's id, or a matter with --matter")
    grounds = Grounds(order.matter, order.reason)
    proposals = _look(
        _load(order.common.site, order.log), lambda enquiry: propose_releases(enquiry, hold, grounds)
    )
    _hand_out(proposals, order)


def expire(*segments: int, plan: bool = False, order: LogOrder = LOG_ORDER) -> None:
    """Propose that segments expire: those named or, if none is named, all whose retention time is over.

    Parameters
    ----------
    segments
        The numbers of segments.
    plan
        Only show what is due, and what holds keep of it.
    """
    from components.audit.orders.propose import Grounds, propose_expiry

    enquiry = _load(order.common.site, order.log)
    if plan:
        _show_plan(enquiry, order.common)
        return
    grounds = Grounds(order.matter, order.reason)
    proposal = _look(enquiry, lambda it: propose_expiry(it, segments, grounds))
    _hand_out([proposal], order)


def erase(*records: RecordId, query: str = "", matter: Matter = "", order: NewOrder = NEW_ORDER) -> None:
    """Propose to erase single records. All other records of their segments stay readable.

    Parameters
    ----------
    query
        Erase what matches this query now (docs/query.md).
    """
    from components.audit.orders.propose import Grounds, propose_erasure

    enquiry, scope = _load_scope(order.common.site, records, "", (), query)
    proposal = _look(enquiry, lambda it: propose_erasure(it, scope, Grounds(matter, order.reason)))
    _hand_out([proposal], order)


def approve(
    file: OrderPath, *, key: str = "", site: SiteOption = DEFAULT_SITE, output: Output = OUTPUT
) -> None:
    """Show what an order says. With an approver's key, sign it.

    Parameters
    ----------
    key
        Where the approver's private key is kept (docs/keys.md). If left out, the order is only shown.
    site
        The site's file. If it is there, a key that is none of archive.approvers is refused.
    """
    from components.audit.orders.carry import approve_file, fetch_approvers
    from components.audit.orders.file import read_order_file
    from components.cli.output.orders import describe_file, print_file
    from components.settings.site import SiteFile

    if key:
        # Approvers may sign on a machine of their own, where no site is.
        elsewhere = site == DEFAULT_SITE and not site.exists()
        found = approve_file(file, key, None if elsewhere else fetch_approvers(SiteFile(site)))
    else:
        found = read_order_file(file)
    output.tell(found, lambda order: describe_file(order, file), print_file)


def carry_out(file: OrderPath, *, timeout: float = 60.0, common: Common = COMMON) -> int:
    """Carry out an order that two approvers have signed. Exit status 1 if it is refused.

    Parameters
    ----------
    timeout
        How many seconds to wait for the log's writer.
    """
    from components.audit.orders.carry import hand_over
    from components.audit.orders.file import read_order_file
    from components.cli.output.orders import describe_answer, print_answer
    from components.settings.site import SiteFile

    settings = SiteFile(common.site)
    found = read_order_file(file)
    of = next((log for log in settings.logs if log.origin == found.order.log), None)
    if of is None:
        raise SiteError(f"{file}: the order is for {found.order.log}, which is no log of this site")
    answer = asyncio.run(hand_over(settings, of, found, timeout))
    common.tell(
        answer, lambda given: describe_answer(given, found), lambda given: print_answer(given, found, of.name)
    )
    return 0 if answer is not None and answer.ok else 1


def orders(*, log: LogName = "", common: Common = COMMON) -> None:
    """Show all orders of a log, and the state of each."""
    from components.audit.orders.propose import list_orders
    from components.cli.output.orders import describe_orders, print_orders

    enquiry = _load(common.site, log)
    views, access_id = _look(enquiry, list_orders)
    common.tell(
        views,
        lambda all_: describe_orders(all_, access_id),
        lambda all_: print_orders(all_, enquiry.log.name, access_id),
    )


def _load(site: Path, log: str) -> "Enquiry":
    """Read a site's settings, find who looks, and one of its logs; without a name, the gate's."""
    from components.audit.auditor import Role, find_auditor
    from components.audit.orders.scene import Enquiry
    from components.settings.site import SiteFile

    settings = SiteFile(site)
    auditor = find_auditor(settings)
    auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    return Enquiry(settings, settings.require_log(log) if log else settings.gate_log, auditor)


def _load_scope(
    site: Path,
    records: Sequence[str],
    custodian: str,
    conversations: Sequence[str],
    query: str,
    log_name: str = "",
) -> "tuple[Enquiry, Scope]":
    """Read the settings; find who looks, the log that is named or the first record's, and the scope of an order."""
    from components.audit.orders.scope import read_scope

    enquiry = _load(site, log_name or (records[0].rpartition("/")[0] if records else ""))
    scope = read_scope(enquiry.settings, enquiry.log, records, custodian, conversations, query)
    return enquiry, scope


def _look(enquiry: "Enquiry", work: "Callable[[Enquiry], Coroutine[Any, Any, Result]]") -> Result:
    """Look into the log, with a bar while its index is updated."""
    from components.cli.output.console import run_with_bar

    return run_with_bar("Indexing", "entries", lambda bar: work(replace(enquiry, progress=bar)))


def _show_plan(enquiry: "Enquiry", output: Output) -> None:
    from components.audit.orders.propose import plan
    from components.cli.output.orders import describe_plan, print_plan
    from components.settings.archive import load_retention

    found, access_id = _look(enquiry, plan)
    policy = load_retention(enquiry.settings.archive.retention)
    output.tell(
        found,
        lambda due: describe_plan(due, policy, access_id),
        lambda due: print_plan(due, policy, access_id),
    )


def _hand_out(proposals: "Sequence[Proposal]", order: NewOrder) -> None:
    """Write each order to its file, and say what to do next."""
    from components.audit.orders.file import write_order_file
    from components.cli.output.orders import describe_proposals, print_proposals

    if order.out is not None and len(proposals) > 1:
        raise SiteError("these are several orders: leave out --out, and each gets a file of its own")
    written = {order.out or Path(f"{proposal.order.id}.order"): proposal for proposal in proposals}
    for path, proposal in written.items():
        write_order_file(path, proposal.request)
    order.common.tell(written, describe_proposals, print_proposals)
