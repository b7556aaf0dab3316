"""A look at each site in turn, as whoever looks is listed there; a site that cannot be looked into is named."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from components.audit.asking import NoAnswerError
from components.audit.auditor import Auditor
from components.audit.sites.complete import OfAllSites
from components.audit.sites.named import (
    UNREACHABLE,
    NamedSite,
    SiteFault,
    admit,
    explain,
    find_behind,
    find_site,
    open_sites,
)
from components.process.errors import SiteError
from components.settings.site import SiteFile

Found = TypeVar("Found")

Take = Callable[[NamedSite, Auditor], Awaitable[Found]]
"""What is done at a site, by an auditor of that site; it records the look there before it returns."""


@dataclass(frozen=True, slots=True)
class AtSite(Generic[Found]):
    """What was found at a site; `behind` says why its copy may lack what the site has, if it is one."""

    site: NamedSite
    found: Found
    behind: str

    @property
    def name(self) -> str:
        """The name under which it is known here."""
        return self.site.name


@dataclass(frozen=True, slots=True)
class AtEach(OfAllSites, Generic[Found]):
    """What was found at each site, in order; `faults` are the sites at which nothing was, and why."""

    sites: tuple[AtSite[Found], ...]
    faults: tuple[SiteFault, ...]


async def take_each(own: SiteFile, take: Take[Found], who: str | None = None) -> AtEach[Found]:
    """Take a look at each site; raises what `admit` and `take` raise at the own one.

    That a process there does not answer is a fault at the own site, too: what waits elsewhere does not wait for it.
    `who` is the id of an auditor who is logged in; else it is this process's user.
    """
    sites, faults = open_sites(own)
    found = list[AtSite[Found]]()
    for site in sites:
        try:
            auditor = await admit(site.settings, who, is_own=site.rank == 0)
            found.append(AtSite(site, await take(site, auditor), find_behind(site.settings)))
        except UNREACHABLE as error:
            if site.rank == 0 and not isinstance(error, NoAnswerError):
                raise
            faults.append(SiteFault(site.name, explain(error)))
    return AtEach(tuple(found), tuple(faults))


async def enter_site(own: SiteFile, name: str, who: str | None = None) -> tuple[SiteFile, Auditor]:
    """Return the settings of one site, and who looks there; no name is the own site.

    Raises SiteError, which names the site, also where whoever looks is no auditor there.
    """
    is_own = name in ("", own.site.name)
    with named_fault(own, name):
        settings = own if is_own else find_site(own, name)
        return settings, await admit(settings, who, is_own=is_own)


@contextmanager
def named_fault(own: SiteFile, name: str) -> Iterator[None]:
    """Raise what is wrong at a site as SiteError with its name; at the own one, as it is."""
    try:
        yield
    except UNREACHABLE as error:
        if name in ("", own.site.name):
            raise
        raise SiteError(f"{name}: {explain(error)}") from None
