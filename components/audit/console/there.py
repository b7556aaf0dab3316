"""The site at which a page looks: the console's own, or another that `audit.sites` names (docs/sites.md)."""

from dataclasses import dataclass

from components.audit.auditor import Auditor
from components.audit.console.hidden import Hidden
from components.audit.console.visit import Refused, Visit
from components.audit.sites.named import admit, find_site
from components.process.errors import SiteError
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class There:
    """A site at which somebody looks: `auditor` as it lists them, and what knows whose names are hidden there, if any.

    `prefix` stands before the ids of its records on pages; nothing for those of the console's own site.
    """

    settings: SiteFile
    auditor: Auditor
    hidden: Hidden | None
    prefix: str = ""


async def find_there(visit: Visit, name: str) -> There:
    """Return the site of this name, where whoever asks is an auditor; no name is the console's own site.

    Raises Refused for a site that is not named in its settings, and SiteError where they may not look.
    """
    own = visit.console.site
    if name in ("", own.site.name):
        return There(own, visit.who, visit.hidden)
    try:
        settings = find_site(own, name)
    except SiteError:
        raise Refused(404, "error.404") from None
    auditor = await visit.look(lambda: admit(settings, visit.who.id, is_own=False))
    return There(settings, auditor, hidden_at(visit, name, settings), f"{name}:")


def hidden_at(visit: Visit, name: str, settings: SiteFile) -> Hidden | None:
    """Return what knows which names that site's rules hide; None for an auditor who has stated a reason."""
    own = visit.console.site
    if name == own.site.name or visit.own_session.reason:
        return visit.hidden
    return visit.console.hidden_elsewhere.setdefault(name, Hidden(settings))


def read_place(visit: Visit) -> tuple[str, str]:
    """Return the site's name and the record's id that an address is of: /record/london:gate/88."""
    path = visit.request.match_info
    name, _, log = path["log"].rpartition(":")
    return name, f"{log}/{path['number']}"
