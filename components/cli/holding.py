"""A hold at every site (`steelyard archive hold --everywhere`): an order for each, which that site's approvers sign."""

from dataclasses import dataclass
from pathlib import Path

from components.audit.matter.elsewhere import name_elsewhere
from components.audit.orders.file import write_order_file
from components.audit.orders.propose import Grounds, Proposal, propose_hold
from components.audit.orders.scene import Enquiry
from components.audit.orders.scope import read_scope
from components.audit.sites.named import (
    UNREACHABLE,
    NamedSite,
    SiteFault,
    explain,
    find_looker,
    open_sites,
)
from components.cli.options import Common
from components.cli.output.console import run_with_bar
from components.cli.output.orders import describe_proposals, print_proposals
from components.cli.output.sites import describe_faults, tell_missing
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class WantedHold:
    """What is to be held, as it was typed: records name their log and so their site, and are none of it."""

    matter: str
    reason: str
    custodian: str
    conversations: tuple[str, ...]
    query: str
    log: str


def hold_everywhere(wanted: WantedHold, common: Common) -> int:
    """Propose a hold at each site, write the orders, and name the sites without one; return the exit status."""
    own = SiteFile(common.site)
    written, faults = run_with_bar("Indexing", "entries", lambda bar: propose_everywhere(own, wanted, bar))
    for path, proposal in written.items():
        write_order_file(path, proposal.request)

    def show(written: dict[Path, Proposal]) -> None:
        print_proposals(written)
        for line in tell_missing(faults, (), "asked to hold anything"):
            print(line)

    described = {"not_proposed": describe_faults(faults)}
    common.tell(written, lambda found: {**describe_proposals(found), **described}, show)
    return 1 if faults else 0


async def propose_everywhere(
    own: SiteFile, wanted: WantedHold, progress: Progress
) -> tuple[dict[Path, Proposal], list[SiteFault]]:
    """Propose the hold at each site, and return the orders by the names of their files, and where it cannot be.

    At another site the order names the matter with its site. Each look is a record there. Raises QueryError, and what
    is wrong with the settings of the own site.
    """
    sites, faults = open_sites(own)
    proposed = dict[Path, Proposal]()
    for site in sites:
        try:
            proposal = await _propose(own, site, wanted, progress)
        except UNREACHABLE as error:
            faults.append(SiteFault(site.name, explain(error)))
        else:
            proposed[Path(f"{site.name}-{proposal.order.id}.order")] = proposal
    return proposed, faults


async def _propose(own: SiteFile, site: NamedSite, wanted: WantedHold, progress: Progress) -> Proposal:
    settings = site.settings
    log = settings.require_log(wanted.log) if wanted.log else settings.gate_log
    auditor = find_looker(settings, is_own=site.rank == 0)
    scope = read_scope(settings, log, (), wanted.custodian, wanted.conversations, wanted.query)
    matter = name_elsewhere(own, wanted.matter) if site.rank and wanted.matter else wanted.matter
    return await propose_hold(
        Enquiry(settings, log, auditor, progress), scope, Grounds(matter, wanted.reason)
    )
