"""Why an auditor looks: for which matter, and for what reason; each look of the same task records it."""

from components.audit.access import Purpose, PurposeError, set_purpose
from components.audit.auditor import Auditor
from components.audit.matter.acts import find_matter
from components.process.errors import SiteError
from components.settings.site import SiteFile


async def state_purpose(settings: SiteFile, auditor: Auditor, purpose: Purpose) -> None:
    """Check a purpose, and let the looks of this task record it; raises PurposeError and LogError.

    The matter must be one that the auditor works on, and open.
    """
    await check_purpose(settings, auditor, purpose)
    set_purpose(purpose)


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
