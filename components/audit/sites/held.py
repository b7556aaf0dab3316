"""What is held at several sites: listed from each site's gate, and decided on at the site that holds it."""

from components.audit.auditor import Auditor
from components.audit.review.held import HeldList, decide_held, list_held
from components.audit.review.request import Decided
from components.audit.sites.desks import OpenAuthor, Reviewing, require_listed_key
from components.audit.sites.each import AtEach, enter_site, take_each
from components.audit.sites.named import NamedSite
from components.settings.site import SiteFile


async def list_held_at_each(own: SiteFile, timeout_s: float, reviewing: Reviewing) -> AtEach[HeldList]:
    """Return what each site holds; each site has a record of this look. A gate that does not answer is a fault.

    Raises as `take_each` does.
    """

    async def take(site: NamedSite, auditor: Auditor) -> HeldList:
        if reviewing.roles:
            auditor.require(*reviewing.roles)
        return await list_held(site.settings, timeout_s, auditor)

    return await take_each(own, take, reviewing.who)


async def decide_at(
    own: SiteFile,
    record_id: str,
    act: str,
    reason: str,
    timeout_s: float,
    open_author: OpenAuthor,
    reviewing: Reviewing,
) -> Decided:
    """Release or refuse what is held at the site that the id names, signed for that site; raises as `decide_held` does.

    Where two people have to agree, they are two of that site.
    """
    name, _, id_ = record_id.rpartition(":")
    settings, auditor = await enter_site(own, name, reviewing.who)
    if reviewing.roles:
        auditor.require(*reviewing.roles)
    author = open_author(settings, auditor)
    require_listed_key(name or own.site.name, settings, author)
    return await decide_held(settings, id_, act, reason, timeout_s, author)
