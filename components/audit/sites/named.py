"""The sites that an auditor looks into: their own, and those that `audit.sites` names, each by its own settings."""

from collections.abc import Iterator
from dataclasses import dataclass

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.archive.seal import NoKeyError
from components.audit.access import PurposeError, get_purpose
from components.audit.auditor import Auditor, Role, find_auditor
from components.audit.purpose import check_elsewhere, check_purpose
from components.process.errors import SiteError
from components.process.status import read_status
from components.settings.audit import OtherSite
from components.settings.site import SiteFile
from components.settings.table import SettingsError

UNREACHABLE = (SiteError, LogError, SettingsError, KeyFileError, NoKeyError, OSError)
"""What is wrong where a site cannot be looked into: the others still are, and this one is named."""


@dataclass(frozen=True, slots=True)
class NamedSite:
    """A site under the name that ids of its records begin with; `rank` is its place among them, from 0."""

    rank: int
    name: str
    settings: SiteFile

    @property
    def domains(self) -> frozenset[str]:
        """The domains of its people and rooms."""
        return frozenset((*self.settings.prosody.domains, *self.settings.prosody.room_domains))

    @property
    def gate(self) -> str:
        """The address in whose name its gate gives receipts."""
        return self.settings.gate.jid


@dataclass(frozen=True, slots=True)
class SiteFault:
    """A site that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """The site that a look covers, and the `others` that there are, by their names; none where there is one site."""

    site: str
    others: tuple[str, ...]


def cover_one(own: SiteFile, at: str = "") -> Coverage:
    """Return what a look at the site of this name covers, or at the own one."""
    names = (own.site.name, *(each.name for each in own.audit.sites))
    site = at or own.site.name
    return Coverage(site, tuple(name for name in names if name != site))


def open_sites(own: SiteFile) -> tuple[list[NamedSite], list[SiteFault]]:
    """Open the settings of all sites, the own one first; a site that has none, or those of another, is a fault.

    Raises SettingsError for mistakes in the own settings, and SiteError where two sites have one name.
    """
    sites, faults = [NamedSite(0, own.site.name, own)], list[SiteFault]()
    for rank, other in enumerate(own.audit.sites, 1):
        if other.name in {own.site.name, *(each.name for each in sites)}:
            raise SiteError(f"audit.sites: {other.name} is the name of two sites; give each its own")
        try:
            site = NamedSite(rank, other.name, _open(other))
            if same := [each.name for each in sites if each.gate == site.gate]:
                raise SiteError(
                    f"gate.jid is {site.gate} here and at {same[0]}; each site's gate has its own address"
                )
            _ = site.domains
        except UNREACHABLE as error:
            faults.append(SiteFault(other.name, explain(error)))
        else:
            sites.append(site)
    return sites, faults


def find_site(own: SiteFile, name: str) -> SiteFile:
    """Return the settings of the site of this name; raises SiteError and SettingsError."""
    if name == own.site.name:
        return own
    for other in own.audit.sites:
        if other.name == name:
            return _open(other)
    names = ", ".join((own.site.name, *(each.name for each in own.audit.sites)))
    raise SiteError(f"there is no site {name!r}: name one of {names} (audit.sites)")


def _open(other: OtherSite) -> SiteFile:
    if not other.site.is_file():
        raise SiteError(f"{other.site}: no such file; audit.sites names it as {other.name}")
    return SiteFile(other.site)


async def admit(settings: SiteFile, who: str | None = None, *, is_own: bool = True) -> Auditor:
    """Return who looks, as this site lists them, if they may look there, and for the matter that they named.

    `who` is the id of somebody who has logged in at the own site. Another one has to list them then: where it lists
    nobody, its auditors are those whom the operating system lets in, which is not known of them. A matter that is open
    at the own site is one here, too (`check_elsewhere`). Raises SiteError and LogError.
    """
    auditor = find_looker(settings, who, is_own=is_own)
    if is_own:
        await check_purpose(settings, auditor, get_purpose())
        return auditor
    try:
        await check_elsewhere(settings, auditor, get_purpose())
    except PurposeError as error:
        raise SiteError(f"{error}; this site wants a matter of its own, with the same id") from None
    return auditor


def find_looker(settings: SiteFile, who: str | None = None, *, is_own: bool = True) -> Auditor:
    """Return who looks, as `admit` does, whatever they look for; raises SiteError."""
    if who is not None and not is_own and not settings.audit.auditors:
        raise SiteError("it lists no auditors (audit.auditors), so nobody is known there by a login")
    auditor = find_auditor(settings, who)
    auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    return auditor


def find_behind(settings: SiteFile) -> str:
    """Return why the copy of a site may lack what the site has; nothing if it is the site itself, or all has come."""
    follow = settings.follow
    if follow is None:
        return ""
    status, fault = read_status(follow.status_file)
    if fault:
        return f"the feed is not followed now: the follower {fault}"
    if status.get("state") == "following":
        return ""
    told = [str(each) for each in status.get("faults") or ()]
    return "; ".join(told) or "not all that the site has recorded has come yet"


def explain(error: Exception) -> str:
    """Return why a site cannot be looked into, in a line."""
    return " ".join(_lines(error))


def _lines(error: Exception) -> Iterator[str]:
    if isinstance(error, SettingsError):
        yield "; ".join(error.problems)
    elif isinstance(error, OSError):
        yield f"{error.filename or 'the system'}: {(error.strerror or str(error)).lower()}"
    else:
        yield from str(error).split()
