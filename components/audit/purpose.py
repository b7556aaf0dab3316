"""Why an auditor looks: for which matter, and for what reason; each look of the same task records it."""

from components.audit.access import Purpose, set_purpose
from components.audit.auditor import Auditor
from components.audit.matter.acts import find_matter
from components.process.errors import SiteError
from components.settings.site import SiteFile


async def state_purpose(settings: SiteFile, auditor: Auditor, purpose: Purpose) -> None:
    """Check a purpose, and let the looks of this task record it; raises SiteError and LogError.

    The matter must be one that the auditor works on, and open.
    """
    await check_purpose(settings, auditor, purpose)
    set_purpose(purpose)


async def check_purpose(settings: SiteFile, auditor: Auditor, purpose: Purpose) -> None:
    """Check that the matter of a purpose is one that the auditor works on, and open; raises SiteError and LogError."""
    if purpose.matter and not (await find_matter(settings, auditor, purpose.matter)).is_open:
        raise SiteError(f"the matter {purpose.matter} is closed: look without it, or re-open it")
