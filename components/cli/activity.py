"""The command `steelyard audit activity`: what auditors did, for whoever audits them (docs/auditor.md)."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from components.cli.options import COMMON, Common

Hour = Annotated[int, Parameter(validator=Number(gte=0, lte=24))]


def activity(
    *,
    actor: str = "",
    after: str = "",
    before: str = "",
    from_hour: Hour = 7,
    to_hour: Hour = 20,
    zone: str = "UTC",
    views_a_day: Annotated[int, Parameter(validator=Number(gte=1))] = 200,
    common: Common = COMMON,
) -> None:
    """Report what each auditor did, by day, and which looks are out of the ordinary. It shows no contents.

    Parameters
    ----------
    actor
        Only this auditor, by id.
    after
        Only looks from this time on, such as 2026-11-23.
    before
        Only looks before this time.
    from_hour
        Looks before this hour are out of the ordinary, and those on Saturdays and Sundays.
    to_hour
        Likewise looks from this hour on.
    zone
        The time zone of days and hours, such as Europe/London.
    views_a_day
        More views on one day are out of the ordinary.
    """
    from zoneinfo import ZoneInfo

    from components.audit.activity import Ordinary, report_activity
    from components.audit.auditor import find_auditor
    from components.audit.looks import LookFilter
    from components.audit.moment import parse_time
    from components.cli.output.activity import describe_activity, print_activity
    from components.cli.output.console import run_with_bar
    from components.process.errors import SiteError
    from components.settings.site import SiteFile

    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise SiteError(f"{zone!r} is no time zone: write it as in Europe/London") from None
    settings = SiteFile(common.site)
    wanted = LookFilter(
        actor,
        after_ns=parse_time(after) if after else 0,
        before_ns=parse_time(before) if before else 2**63 - 1,
    )
    ordinary = Ordinary(from_hour, to_hour, zone, views_a_day)
    auditor = find_auditor(settings)
    found = run_with_bar(
        "Reading", "records", lambda bar: report_activity(settings, auditor, wanted, ordinary, bar)
    )
    common.tell(found, describe_activity, print_activity)
