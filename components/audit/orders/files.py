"""What holds of a person cover in the log of files: all that is recorded of files which that person sent."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from components.archive.opener import RecordOpener
from components.archive.orders.ledger import make_hold
from components.audit.files.record import parse_event, read_file_records
from components.audit.orders.orders import OrderState, OrderView
from components.process.progress import Progress
from policy.destruction import Hold


async def find_owned_segments(
    log: RecordOpener, owners: Iterable[str], progress: Progress
) -> Mapping[str, frozenset[int]]:
    """Return the segments with records of files that these people sent, by bare JID; raises LogError."""
    found: dict[str, set[int]] = {owner: set() for owner in owners}
    if found:
        async for opened in read_file_records(log, progress):
            event = parse_event(opened)
            owner = str(dict(event.details).get("owner", "")) if event else ""
            if owner in found:
                found[owner].add(opened.leaf.segment)
    return {owner: frozenset(segments) for owner, segments in found.items()}


async def evaluate_file_holds(
    log: RecordOpener, views: Iterable[OrderView], progress: Progress
) -> list[Hold]:
    """Return the holds in force on files with everything that they hold now; raises LogError.

    A hold whose details cannot be read holds only what it names.
    """
    in_force = [view for view in views if view.state is OrderState.IN_FORCE]
    custodians = {view.details.custodian for view in in_force if view.details and view.details.custodian}
    owned = await find_owned_segments(log, custodians, progress)
    holds = []
    for view in in_force:
        hold = make_hold(view.order)
        more = owned.get(view.details.custodian, frozenset()) if view.details else frozenset[int]()
        holds.append(replace(hold, segments=hold.segments | more))
    return holds
