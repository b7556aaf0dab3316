"""Who may work on a matter, and whose records it is about."""

import time
from collections.abc import Sequence

from components.audit.auditor import Role, list_auditors
from components.audit.author import Author
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.audit.matter.acts import act, fetch_matters, find_matter
from components.audit.matter.fold import AS_LEAD
from components.audit.matter.scope import is_own_jid
from components.audit.matter.values import Matter, MatterAct
from components.audit.orders.custodian import require_known
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from components.rules.person import read_jid
from components.settings.site import SiteFile


async def change_people(
    settings: SiteFile,
    author: Author,
    id_: str,
    add: Sequence[str],
    remove: Sequence[str],
    *,
    as_lead: bool = False,
) -> Matter:
    """Let auditors work on a matter, or no longer; raises SiteError and LogError.

    Who is added must be an auditor that may see all that the matter concerns. With `as_lead`, a lead adds people to a
    matter of others.
    """
    if not add and not remove:
        raise SiteError("name an auditor with --add or --remove")
    if as_lead:
        author.auditor.require(Role.LEAD)
    matter = (await fetch_matters(settings)).matters.get(id_)
    is_own = matter is not None and (as_lead or author.auditor.id in matter.people)
    if matter is None or not (is_own and matter.is_within(author.auditor.enterprises)):
        raise SiteError(f"there is no matter {id_}")
    for who in add:
        _require_auditor(settings, matter, who)
        details = {"who": who} | ({"as": AS_LEAD} if as_lead else {})
        matter = await act(settings, author, MatterAct.ADD_PERSON, id_, details)
    for who in remove:
        matter = await act(settings, author, MatterAct.REMOVE_PERSON, id_, {"who": who})
    return matter


async def add_custodian(settings: SiteFile, author: Author, id_: str, jid: str, reason: str) -> Matter:
    """Add a person or a room that the directory or a record names; raises SiteError and LogError."""
    matter = await find_matter(settings, author.auditor, id_)
    who = read_jid(jid)
    if not is_own_jid(settings, matter.enterprises, who):
        raise SiteError(f"{who} is in neither the directory nor any record of what {id_} may concern")
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, ignore_progress)
            require_known([who], settings.gate.directory_file, index, time.time_ns())
    details = {"who": str(who), "reason": reason}
    return await act(settings, author, MatterAct.ADD_CUSTODIAN, matter.id, details)


def _require_auditor(settings: SiteFile, matter: Matter, who: str) -> None:
    """Check that somebody may work on a matter; where no auditors are listed, anybody may."""
    listed = {each.id: each for each in list_auditors(settings)}
    if not listed:
        return
    if who not in listed:
        raise SiteError(f"{who} is no auditor of this site; audit.auditors in site.toml lists them")
    if not matter.is_within(listed[who].enterprises):
        raise SiteError(f"{who} may not see all that {matter.id} concerns")
