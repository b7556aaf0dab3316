"""The evidence of review of a period (policy.supervision.report), as an auditor may see it."""

from datetime import UTC, datetime

from components.audit.review.desk import Desk
from components.process.errors import SiteError
from policy.supervision.report import Report, Reviewed, make_report

_NS_PER_S = 1_000_000_000


def parse_day(text: str, default_ns: int) -> int:
    """Return the Unix time of a day or a time in UTC, as ISO 8601 has it; raises SiteError."""
    if not text:
        return default_ns
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SiteError(f"{text!r} is no day: write 2026-11-24, or 2026-11-24T09:00Z") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return int(at.timestamp()) * _NS_PER_S


async def report_reviews(desk: Desk, after_ns: int, before_ns: int) -> tuple[Report, str]:
    """Return the report of a period, and the id of the record of this look; raises SiteError."""
    items = [
        Reviewed(
            item.status,
            item.flagged.rules,
            item.flagged.at_ns,
            item.due_ns,
            tuple((view.by, view.at_ns) for view in item.views),
        )
        for item in desk.items.values()
    ]
    report = make_report(items, after_ns, before_ns, desk.now_ns)
    access_id = await desk.look("review-report", f"{after_ns} {before_ns}", list(desk.items))
    return report, access_id
