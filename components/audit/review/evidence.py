"""The evidence of review of a period (policy.supervision.report), as an auditor may see it."""

from components.audit.review.desk import Desk
from policy.supervision.report import Report, Reviewed, make_report


async def report_reviews(desk: Desk, after_ns: int, before_ns: int) -> tuple[Report, str]:
    """Return the report of a period, and the id of the record of this look; raises SiteError."""
    report = make_report(list_reviewed(desk), after_ns, before_ns, desk.now_ns)
    access_id = await desk.look("review-report", f"{after_ns} {before_ns}", list(desk.items))
    return report, access_id


def list_reviewed(desk: Desk) -> list[Reviewed]:
    """Return all items of a desk as a report counts them."""
    return [
        Reviewed(
            item.status,
            item.flagged.rules,
            item.flagged.at_ns,
            item.due_ns,
            tuple((view.by, view.at_ns) for view in item.views),
        )
        for item in desk.items.values()
    ]
