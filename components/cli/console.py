"""The command that lets an auditor into the console: `steelyard audit link`."""

import asyncio

from components.cli.options import COMMON, Common


def link(auditor: str | None = None, /, *, common: Common = COMMON) -> None:
    """Make a link that logs an auditor into the console once, within 15 minutes (docs/console.md).

    Parameters
    ----------
    auditor
        The id of the auditor, as audit.auditors lists it; yours if it is left out.
    """
    from components.audit.console.login.issue import issue_link
    from components.settings.site import SiteFile

    made = asyncio.run(issue_link(SiteFile(common.site), auditor))
    common.tell(made, lambda address: {"link": address}, print)
