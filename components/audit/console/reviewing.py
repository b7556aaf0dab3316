"""How the console's pages review over all sites: who may, what is known already, and whose key signs where."""

from dataclasses import dataclass
from typing import Any

from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.console.console import Console
from components.audit.console.signing import Signing, find_signing
from components.audit.console.visit import REVIEWERS, Refused, Visit
from components.audit.review.acts import ReviewReader
from components.audit.sites.desks import OpenAuthor, Reviewing
from components.audit.sites.each import AtSite
from components.process.errors import SiteError
from components.rules.reviewers import load_reviewers
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class Prefix:
    """What stands before the ids of a site's records on pages: nothing for those of the console's own site."""

    text: str

    def __call__(self, id_: str) -> str:
        """Return an id as pages have it."""
        return f"{self.text}{id_}"


def prefix_of(at: AtSite[Any]) -> Prefix:
    """Return what stands before the ids of the records of a site."""
    return Prefix(f"{at.name}:" if at.site.rank else "")


def reviewing_of(visit: Visit) -> Reviewing:
    """Return who asks as a reviewer of each site; who uses it has `console.reviewing`, as what is known is shared."""
    console = visit.console
    return Reviewing(
        who=visit.who.id, roles=REVIEWERS, find_reader=lambda settings: _reader(console, settings)
    )


def _reader(console: Console, settings: SiteFile) -> ReviewReader:
    """Return what knows the acts of a site; that of another site is made anew when its settings are others."""
    if settings is console.site:
        return console.reviews
    known = console.reviews_elsewhere.get(settings.path)
    if known is None or known[0] != settings.document:
        known = settings.document, ReviewReader(settings, load_reviewers(settings))
        console.reviews_elsewhere[settings.path] = known
    return known[1]


def signing_at(visit: Visit, settings: SiteFile) -> Signing | None:
    """Return what signs the acts of who asks at a site, where their key is here and listed there; else None."""
    console = visit.console
    signing = console.signing
    if signing is None or signing.auditor != visit.who.id or settings is console.site:
        return signing if signing and signing.auditor == visit.who.id else None
    try:
        return find_signing(settings, console.settings)
    except SiteError:
        return None


def signs_elsewhere(visit: Visit, settings: SiteFile | None = None) -> bool:
    """Return whether acts are signed at a site (the console's own, if none is named), and those of who asks not here.

    See docs/decisions/0233.
    """
    at = settings or visit.console.site
    return load_reviewers(at).must_sign and signing_at(visit, at) is None


def author_here(visit: Visit) -> OpenAuthor:
    """Return what gives who asks as an author at a site, with their key if it is here.

    It raises Refused where it would have to be.
    """

    def open_author(settings: SiteFile, auditor: Auditor) -> Author:
        if signs_elsewhere(visit, settings):
            raise Refused(403, "error.sign")
        signing = signing_at(visit, settings)
        return Author(auditor, signing.open() if signing else None)

    return open_author


def find_author(visit: Visit) -> Author:
    """Return who asks as an author of acts at the console's own site; raises Refused as `author_here` says."""
    return author_here(visit)(visit.console.site, visit.who)
