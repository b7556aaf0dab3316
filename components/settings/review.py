"""The settings of what waits for reviewers: the `[review]` table of site.toml (docs/settings.md)."""

from typing import ClassVar

from pydantic import Field

from components.settings.table import SitePath, Table
from policy.review import ReviewAct


class ReviewSettings(Table):
    """The `[review]` table: where held messages wait, for how long, and the decision if nobody makes one.

    `due_s` is how long a flagged record may wait for its review.
    """

    table_name: ClassVar[str] = "review"

    file: SitePath | None = None
    deadline_s: float = Field(default=3600.0, gt=0, le=30 * 86_400)
    default: ReviewAct = ReviewAct.REFUSE
    due_s: float = Field(default=3 * 86_400.0, gt=0, le=366 * 86_400)
