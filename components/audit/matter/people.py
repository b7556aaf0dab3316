"""Who may work on a matter, and whose records it is about."""

import time
from collections.abc import Sequence

from components.audit.auditor import Role, list_auditors
from components.audit.author import Author
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.audit.matter.acts import act, fetch_matters, find_matter
from components.audit.matter.elsewhere import Elsewhere, go_everywhere
from components.audit.matter.fold import AS_LEAD
from components.audit.matter.scope import is_own_jid
from components.audit.matter.values import Matter, MatterAct
from components.audit.orders.custodian import UnknownPersonError, require_known
from components.audit.sites.named import UNREACHABLE, SiteFault, explain
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


async def add_custodian(
    settings: SiteFile, author: Author, id_: str, jid: str, reason: str, who: str | None = None
) -> Matter:
    """Add a person or a room that the directory or a record names, at this site or another.

    That another site was asked is a record there. `who` is the id of an auditor who is logged in. Raises SiteError and
    LogError.
    """
    matter = await find_matter(settings, author.auditor, id_)
    custodian = read_jid(jid)
    try:
        if not is_own_jid(settings, matter.enterprises, custodian):
            raise SiteError(_explain_unknown(custodian, id_))
        await _require_known(settings, custodian)
    except SiteError as error:
        is_known, unasked = await _ask_elsewhere(settings, matter, custodian, who)
        if not is_known:
            told = "".join(f"; {each.name} was not asked: {each.reason}" for each in unasked)
            raise SiteError(f"{error}{told}") from None
    details = {"who": str(custodian), "reason": reason}
    return await act(settings, author, MatterAct.ADD_CUSTODIAN, matter.id, details)


def _explain_unknown(jid: str, matter: str) -> str:
    return f"{jid} is in neither the directory nor any record of what {matter} may concern"


async def _require_known(settings: SiteFile, jid: str) -> None:
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, ignore_progress)
            require_known([jid], settings.gate.directory_file, index, time.time_ns())


async def _ask_elsewhere(
    settings: SiteFile, matter: Matter, jid: str, who: str | None
) -> tuple[bool, Sequence[SiteFault]]:
    """Return whether another site knows somebody whom the matter may concern, and the sites that cannot be asked.

    What an auditor may not see there is not known.
    """
    ways, unasked = go_everywhere(settings, matter.id, who)
    for there in ways:
        try:
            is_known = await _is_known_at(there, matter, jid)
            await there.record("matter custodian", jid, int(is_known))
        except UNREACHABLE as error:
            unasked.append(SiteFault(there.name, explain(error)))
            continue
        if is_known:
            return True, ()
    return False, unasked


async def _is_known_at(there: Elsewhere, matter: Matter, jid: str) -> bool:
    if not there.covers_jid(matter, jid):
        return False
    try:
        await _require_known(there.settings, jid)
    except UnknownPersonError:
        return False
    return True


def _require_auditor(settings: SiteFile, matter: Matter, who: str) -> None:
    """Check that somebody may work on a matter; where no auditors are listed, anybody may."""
    listed = {each.id: each for each in list_auditors(settings)}
    if not listed:
        return
    if who not in listed:
        raise SiteError(f"{who} is no auditor of this site; audit.auditors in site.toml lists them")
    if not matter.is_within(listed[who].enterprises):
        raise SiteError(f"{who} may not see all that {matter.id} concerns")
