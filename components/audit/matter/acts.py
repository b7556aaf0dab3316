"""Acts in matters: each is checked against what the log says, recorded, and only then counts."""

import secrets
import time
from collections.abc import Mapping, Set

from components.archive.errors import LogMissing
from components.archive.record import Event, Record, RecordKind
from components.audit.access import record_finding
from components.audit.auditor import Auditor, find_auditor
from components.audit.author import Author
from components.audit.matter.fold import ALL_ENTERPRISES, Folded, apply_deed, fold_deeds
from components.audit.matter.judge import read_deeds
from components.audit.matter.record import make_deed, make_event, read_deed
from components.audit.matter.values import Deed, Detail, Matter, MatterAct, MatterError
from components.audit.open_log import open_log
from components.process.errors import SiteError
from components.settings.site import SiteFile


async def fetch_deeds(settings: SiteFile) -> list[Deed]:
    """Return all acts in matters and on grants, in the log's order, judged; raises SiteError and LogError."""
    log = settings.audit_log
    try:
        async with open_log(settings, log) as opener:
            return await read_deeds(settings, log, opener)
    except LogMissing:
        return []


async def fetch_matters(settings: SiteFile) -> Folded:
    """Return all matters of a site, whoever may see them; raises SiteError and LogError."""
    return fold_deeds(await fetch_deeds(settings))


async def list_matters(settings: SiteFile, auditor: Auditor) -> list[Matter]:
    """Return the matters that an auditor sees, the one that changed last first; raises SiteError and LogError."""
    folded = await fetch_matters(settings)
    seen = [each for each in folded.matters.values() if each.is_seen_by(auditor.id, auditor.enterprises)]
    return sorted(seen, key=lambda each: -each.changed_at_ns)


async def find_matter(settings: SiteFile, auditor: Auditor, id_: str) -> Matter:
    """Return a matter that an auditor sees; raises SiteError, in the same words if it is not there or not theirs."""
    return require_seen(await fetch_matters(settings), auditor, id_)


async def require_own_matter(
    settings: SiteFile, content: Record | None, auditor: Auditor | None = None
) -> None:
    """Refuse a record of an act in a matter that an auditor does not work on; raises SiteError.

    Without an auditor, it is who gives this command.
    """
    if not isinstance(content, Event) or content.kind is not RecordKind.MATTER:
        return
    deed = read_deed(content, "")
    if deed is not None and isinstance(deed.act, MatterAct):
        matter = (await fetch_matters(settings)).matters.get(deed.matter)
        auditor = auditor or find_auditor(settings)
        if matter is None or not matter.is_seen_by(auditor.id, auditor.enterprises):
            raise SiteError("this record is of a matter that you do not work on")


def require_seen(folded: Folded, auditor: Auditor, id_: str) -> Matter:
    """Return a matter that an auditor sees; raises SiteError as `find_matter` does."""
    matter = folded.matters.get(id_)
    if matter is None or not matter.is_seen_by(auditor.id, auditor.enterprises):
        raise SiteError(
            f"there is no matter {id_}; `steelyard audit matter list` shows those that you work on"
        )
    return matter


async def act(
    settings: SiteFile, author: Author, what: MatterAct, id_: str, details: Mapping[str, Detail]
) -> Matter:
    """Record an act in a matter, and return the matter after it; raises SiteError and LogError."""
    folded = await fetch_matters(settings)
    deed = make_deed(author, what, id_, settings.audit_log.origin, details)
    _require_within(folded, author.auditor, deed)
    try:
        apply_deed(folded.matters.get(id_), deed)
    except MatterError as error:
        raise SiteError(str(error)) from None
    record_id = await record_finding(settings, make_event(deed))
    # Somebody else may have acted since: what the log says first counts.
    after = await fetch_matters(settings)
    if (refused := after.refused.get(record_id)) is not None:
        raise SiteError(
            f"{record_id} counts for nothing: {refused.why}"
            if refused.deed.problem
            else f"somebody else was faster: {refused.why}"
        )
    return after.matters[id_]


async def open_matter(
    settings: SiteFile, author: Author, title: str, id_: str = "", enterprises: tuple[str, ...] = ()
) -> Matter:
    """Open a matter, within what its opener may see; without an id, it gets one by chance. Raises as `act` does."""
    auditor = author.auditor
    outside = sorted(each for each in enterprises if not auditor.may_see(each))
    if outside:
        raise SiteError(f"{', '.join(outside)}: not among the enterprises that you may see")
    if id_ and auditor.enterprises is not None:
        _require_own_name(auditor.enterprises, id_)
    own = ALL_ENTERPRISES if auditor.enterprises is None else " ".join(sorted(auditor.enterprises))
    named = " ".join(sorted(enterprises)) or own
    id_ = id_ or f"M-{time.gmtime().tm_year}-{secrets.token_hex(3)}"
    return await act(settings, author, MatterAct.OPEN, id_, {"title": title, "enterprises": named})


def _require_own_name(enterprises: Set[str], id_: str) -> None:
    """Refuse a name in which another enterprise's may be: that it is taken would tell of that matter."""
    if not any(id_.startswith(f"{each}-") for each in enterprises):
        named = " or ".join(f"{each}-" for each in sorted(enterprises))
        raise SiteError(f"{id_}: begin the id with {named}, or leave it out")


def _require_within(folded: Folded, auditor: Auditor, deed: Deed) -> None:
    """Refuse an act outside of the enterprises that an auditor may see, as if the matter were not there."""
    matter = folded.matters.get(deed.matter)
    if matter is not None and deed.act is not MatterAct.OPEN and not matter.is_within(auditor.enterprises):
        raise SiteError(f"there is no matter {deed.matter}")
