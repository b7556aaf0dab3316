"""The command `steelyard audit replay`: recorded searches, run again (docs/matters.md)."""

from components.cli.options import COMMON, AtSite, Common


def replay(*looks: str, matter: str = "", actor: str = "", at: AtSite = "", common: Common = COMMON) -> int:
    """Run recorded searches again, over as much of the logs as then. Exit status 1 if any finds something else.

    Parameters
    ----------
    looks
        The ids of the searches' records, such as audit/57; or london:audit/57, all of one site.
    matter
        All searches for this matter. At another site it is called as it is there: shanghai:M-2026-7.
    actor
        All searches of this auditor.
    """
    from components.audit.auditor import find_auditor
    from components.audit.looks import LookFilter
    from components.audit.repeat import Outcome, repeat_searches
    from components.audit.sites.named import find_site
    from components.cli.output.console import run_with_bar
    from components.cli.output.repeat import describe_repeated, print_repeated
    from components.process.errors import SiteError
    from components.settings.site import SiteFile

    if not (looks or matter or actor):
        raise SiteError("name searches by their records, such as audit/57, or --matter or --actor")
    settings, sites = SiteFile(common.site), {at, *(look.rpartition(":")[0] for look in looks)} - {""}
    if len(sites) > 1:
        raise SiteError(f"name searches of one site at a time, not of {', '.join(sorted(sites))}")
    for name in sites:
        settings = find_site(settings, name)
    wanted = LookFilter(actor, matter, ids=frozenset(look.rpartition(":")[2] for look in looks))
    auditor = find_auditor(settings)
    found = run_with_bar("Searching", "entries", lambda bar: repeat_searches(settings, auditor, wanted, bar))
    common.tell(found, describe_repeated, print_repeated)
    return 0 if found.count(Outcome.SAME) == len(found.searches) else 1
