"""The legal holds of a matter (docs/retention.md): those that name it, and those that were linked to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.archive.errors import LogMissing
from components.archive.orders.order import OrderAct
from components.audit.author import Author
from components.audit.matter.acts import act, find_matter
from components.audit.matter.elsewhere import Elsewhere, go_everywhere
from components.audit.matter.scope import Enterprises, is_own_jid
from components.audit.matter.values import LinkedHold, Matter, MatterAct
from components.audit.open_log import open_log
from components.audit.orders.orders import OrderState, OrderView, fetch_orders
from components.audit.sites.named import UNREACHABLE, SiteFault, explain
from components.process.errors import SiteError
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class HoldOfMatter:
    """A hold, and the name of its log; it was linked to the matter, or its order names the matter.

    `site` is the name of another site that has it; empty for one of the matter's own.
    """

    log: str
    view: OrderView
    is_linked: bool
    site: str = ""

    @property
    def custodian(self) -> str:
        """Whose records it holds, by bare JID; empty if it does not go by a person."""
        return self.view.details.custodian if self.view.details else ""

    @property
    def is_in_force(self) -> bool:
        """Whether it still holds anything back."""
        return self.view.state is OrderState.IN_FORCE


async def find_holds(settings: SiteFile, matter: Matter) -> list[HoldOfMatter]:
    """Return the holds of a matter at its own site, in the order of the logs; raises SiteError and LogError."""
    linked = set(matter.holds)
    found = []
    for log, view in await _fetch_holds(settings):
        is_linked = LinkedHold(view.order.id, log) in linked
        is_named = view.details is not None and view.details.matter == matter.id
        if (is_linked or is_named) and _concerns(settings, matter.enterprises, view):
            found.append(HoldOfMatter(log, view, is_linked))
    return found


async def find_holds_elsewhere(
    settings: SiteFile, matter: Matter, who: str | None = None
) -> tuple[list[HoldOfMatter], list[str], list[SiteFault]]:
    """Return the holds of a matter at other sites, the names of these, and the sites that cannot be asked.

    There, their orders name the matter with its site (`shanghai:M-7`). The look is a record there. Raises nothing of
    theirs.
    """
    ways, faults = go_everywhere(settings, matter.id, who)
    found, asked = list[HoldOfMatter](), list[str]()
    for there in ways:
        try:
            holds = await _find_holds_there(there, matter)
            await there.record("matter show", there.label, len(holds))
        except UNREACHABLE as error:
            faults.append(SiteFault(there.name, explain(error)))
        else:
            asked.append(there.name)
            found += holds
    return found, asked, faults


async def _find_holds_there(there: Elsewhere, matter: Matter) -> list[HoldOfMatter]:
    return [
        HoldOfMatter(f"{there.name}:{log}", view, is_linked=False, site=there.name)
        for log, view in await _fetch_holds(there.settings)
        if view.details is not None
        and view.details.matter == there.label
        and _concerns(there.settings, matter.enterprises, view)
        and _concerns(there.settings, there.auditor.enterprises, view)
    ]


async def link_hold(settings: SiteFile, author: Author, id_: str, order: str) -> Matter:
    """Link a hold to a matter, by the id of its order; raises SiteError and LogError."""
    matter = await find_matter(settings, author.auditor, id_)
    for log, view in await _fetch_holds(settings):
        if view.order.id == order and _concerns(settings, matter.enterprises, view):
            return await act(settings, author, MatterAct.LINK_HOLD, id_, {"hold": order, "log": log})
    raise SiteError(f"there is no hold {order}; `steelyard archive orders` shows all orders")


def unheld_custodians(matter: Matter, holds: Sequence[HoldOfMatter], site: str = "") -> list[str]:
    """Return the custodians whose records no hold of the matter keeps at a site; without a name, at its own."""
    held = {hold.custodian for hold in holds if hold.is_in_force and hold.site == site}
    return [each.jid for each in matter.custodians if each.jid not in held]


async def _fetch_holds(settings: SiteFile) -> list[tuple[str, OrderView]]:
    found = []
    for log in settings.logs:
        try:
            async with open_log(settings, log) as opener:
                views = await fetch_orders(opener)
        except LogMissing:
            continue
        found += [(log.name, view) for view in views if view.order.act is OrderAct.HOLD]
    return found


def _concerns(settings: SiteFile, enterprises: Enterprises, view: OrderView) -> bool:
    """Return whether a hold is one of a person of these enterprises; any is, if they are all of the site."""
    if enterprises is None:
        return True
    custodian = view.details.custodian if view.details else ""
    return bool(custodian) and is_own_jid(settings, enterprises, custodian)
