"""Why an auditor looks: for which matter, and for what reason; each look of the same task records it."""

from dataclasses import replace

from components.audit.access import Purpose, PurposeError, set_purpose
from components.audit.auditor import Auditor, find_auditor
from components.audit.matter.acts import find_matter
from components.process.errors import SiteError
from components.settings.site import SiteFile


async def state_purpose(settings: SiteFile, auditor: Auditor, purpose: Purpose) -> None:
    """Check a purpose, and let the looks of this task record it; raises PurposeError and LogError.

    The matter must be one that the auditor works on, and open.
    """
    await check_purpose(settings, auditor, purpose)
    set_purpose(found_at(settings, purpose))


def found_at(settings: SiteFile, purpose: Purpose) -> Purpose:
    """Return a purpose whose matter is open at a site: looks at other sites are for it, too."""
    return (
        replace(purpose, site=settings.site.name, log=settings.audit_log.origin)
        if purpose.matter
        else purpose
    )


async def check_elsewhere(settings: SiteFile, auditor: Auditor, purpose: Purpose) -> None:
    """Check that a look at another site may be for a matter that was found open; raises PurposeError and LogError.

    It may, unless that site wants a matter of its own for each look (audit.matter_required). Where it has an open one
    with the same id, the looks of this task are for that.
    """
    try:
        await check_purpose(settings, auditor, purpose)
    except PurposeError:
        if not purpose.log or settings.audit.matter_required:
            raise
    else:
        set_purpose(replace(purpose, also=purpose.also | {settings.audit_log.origin}))


async def check_purpose(settings: SiteFile, auditor: Auditor, purpose: Purpose) -> None:
    """Check that the matter of a purpose is open, and the auditor works on it; raises PurposeError and LogError."""
    if not purpose.matter:
        return
    try:
        matter = await find_matter(settings, auditor, purpose.matter)
    except SiteError as error:
        raise PurposeError(str(error)) from None
    if not matter.is_open:
        raise PurposeError(
            f"the matter {matter.id} is closed: look without it or for another one, or re-open it"
            f" (steelyard audit matter reopen {matter.id})"
        )


async def find_purpose(own: SiteFile, settings: SiteFile, auditor: Auditor, purpose: Purpose) -> Purpose:
    """Return a purpose for a look at a site, with where its matter was found; raises SiteError and LogError.

    The matter is one of that site, or, where that wants none of its own, one of the own site, from which they work.
    """
    try:
        await check_purpose(settings, auditor, purpose)
    except PurposeError as error:
        if settings.audit_log.origin == own.audit_log.origin or settings.audit.matter_required:
            raise
        try:
            await check_purpose(own, find_auditor(own), purpose)
        except PurposeError:
            raise error from None
        return found_at(own, purpose)
    return found_at(settings, purpose)
