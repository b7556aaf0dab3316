"""Compares the archives of all sites, two by two: what one says it sent with what the other says it received."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.open_log import open_log
from components.audit.sites.ledger import Ledger, read_ledger
from components.audit.sites.letters import Comparison, compare_books
from components.audit.sites.named import UNREACHABLE, SiteFault, admit, explain, find_behind, open_sites
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class ReadSite:
    """A site whose gate log was read, of `log_size` records; of these `unreadable` do not open or parse.

    `access_id` is the record of this look there; `behind` says why its copy may lack what the site has, if it is one.
    """

    name: str
    log_name: str
    log_size: int
    unreadable: int
    behind: str
    access_id: str


@dataclass(frozen=True, slots=True)
class Direction:
    """What went from one site to another, and how the archives of both agree."""

    sender: str
    recipient: str
    compared: Comparison


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How the archives of all sites agree; `faults` are the sites whose archives could not be read."""

    directions: tuple[Direction, ...]
    sites: tuple[ReadSite, ...]
    faults: tuple[SiteFault, ...]

    @property
    def findings(self) -> int:
        """How many differences there is no reason for."""
        return sum(each.compared.findings for each in self.directions)

    @property
    def ok(self) -> bool:
        """Whether all sites were read whole, and all agrees."""
        is_whole = not any(each.behind or each.unreadable for each in self.sites)
        return is_whole and not self.faults and not self.findings

    def log_of(self, name: str) -> str:
        """Return what ids of a site's records begin with."""
        return next(f"{each.name}:{each.log_name}" for each in self.sites if each.name == name)


async def reconcile_sites(settings: SiteFile, grace_s: float, progress: Progress) -> Reconciled:
    """Read the gate logs of all sites with the auditors' keys, compare them, and record the look at each site.

    What was sent within `grace_s` of the newest record of the other archive may still be on its way. Raises SiteError
    if no other site is named, and for the own site what `open_log` and `record_access` raise.
    """
    if not settings.audit.sites:
        raise SiteError("there is no other site to compare with: name it in audit.sites (docs/sites.md)")
    now_ns = time.time_ns()
    sites, faults = open_sites(settings)
    ledgers, actors = dict[int, Ledger](), dict[int, str]()
    for site in sites:
        try:
            actors[site.rank] = (await admit(site.settings)).id
            async with open_log(site.settings, site.settings.gate_log) as log:
                ledgers[site.rank] = await read_ledger(site, log, progress)
        except UNREACHABLE as error:
            if site.rank == 0:
                raise
            faults.append(SiteFault(site.name, explain(error)))
    directions = {pair: _compare(ledgers, pair, grace_s) for pair in permutations(ledgers, 2)}
    read = dict[int, ReadSite]()
    for rank, ledger in ledgers.items():
        findings = sum(each.compared.findings for pair, each in directions.items() if rank in pair)
        access = Access(actors[rank], "reconcile", "federation", now_ns, ledger.size, findings)
        try:
            read[rank] = await _record(ledger, access)
        except SiteError as error:
            if rank == 0:
                raise
            faults.append(SiteFault(ledger.site.name, explain(error)))
    # What a site has no record of having been looked at is not shown.
    shown = tuple(each for pair, each in directions.items() if read.keys() >= set(pair))
    return Reconciled(shown, tuple(read.values()), tuple(faults))


def _compare(ledgers: Mapping[int, Ledger], pair: tuple[int, int], grace_s: float) -> Direction:
    sender, recipient = (ledgers[rank] for rank in pair)
    sent = sender.book(recipient.site, recipient.site.settings.gate_log.name)
    received = recipient.book(sender.site, sender.site.settings.gate_log.name)
    compared = compare_books(sent, received, int(grace_s * 10**9))
    return Direction(sender.site.name, recipient.site.name, compared)


async def _record(ledger: Ledger, access: Access) -> ReadSite:
    settings = ledger.site.settings
    return ReadSite(
        ledger.site.name,
        settings.gate_log.name,
        ledger.size,
        ledger.unreadable,
        find_behind(settings),
        await record_access(settings, access),
    )
