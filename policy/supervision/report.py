"""The evidence of review: what was flagged, opened and reviewed in a period, by rule and by reviewer.

Opening is not reviewing (FINRA Rule 3110.07): an item is reviewed when somebody closes it, releases it or refuses it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from policy.supervision.act import ActKind, Disposition
from policy.supervision.item import ItemState, ItemStatus


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An item for a report: when it was flagged and is due (Unix time), by which rules, and who opened it when."""

    status: ItemStatus
    rules: tuple[str, ...]
    flagged_ns: int
    due_ns: int
    views: tuple[tuple[str, int], ...] = ()

    @property
    def is_closed(self) -> bool:
        """Whether somebody has reviewed it."""
        return self.status.state is ItemState.CLOSED

    @property
    def took_ns(self) -> int:
        """How long it took from the flag to the review."""
        return max(0, self.status.closed_at_ns - self.flagged_ns)


@dataclass(slots=True)
class Row:
    """Counts of items; `took_ns` are the times to review."""

    name: str
    flagged: int = 0
    viewed: int = 0
    reviewed: int = 0
    escalated: int = 0
    overdue: int = 0
    late: int = 0
    dispositions: dict[str, int] = field(default_factory=dict)
    took_ns: list[int] = field(default_factory=list)

    @property
    def median_s(self) -> float | None:
        """The median time from the flag to the review, None where nothing was reviewed."""
        return median(self.took_ns) / 1_000_000_000 if self.took_ns else None

    @property
    def hit_rate(self) -> float | None:
        """Which share of what was reviewed is an issue; a refused message is one."""
        return self._share(Disposition.ISSUE, Disposition.REFUSED)

    @property
    def false_positive_rate(self) -> float | None:
        """Which share of what was reviewed should not have matched."""
        return self._share(Disposition.FALSE_POSITIVE)

    def _share(self, *dispositions: str) -> float | None:
        if not self.reviewed:
            return None
        return sum(self.dispositions.get(each, 0) for each in dispositions) / self.reviewed

    def take_item(self, item: Reviewed, now_ns: int) -> None:
        """Count an item that was flagged."""
        self.flagged += 1
        self.viewed += bool(item.views)
        self.escalated += item.status.escalations > 0
        self.overdue += not item.is_closed and item.due_ns < now_ns
        if item.is_closed:
            self.take_review(item)

    def take_review(self, item: Reviewed) -> None:
        """Count the review of an item."""
        self.reviewed += 1
        self.late += item.status.closed_at_ns > item.due_ns
        self.took_ns.append(item.took_ns)
        disposition = item.status.disposition
        self.dispositions[disposition] = self.dispositions.get(disposition, 0) + 1


@dataclass(frozen=True, slots=True)
class Report:
    """A period from `after_ns` up to `before_ns`: all that was flagged in it, by rule; what each reviewer did in it.

    `invalid` counts acts that counted for nothing.
    """

    after_ns: int
    before_ns: int
    total: Row
    rules: tuple[Row, ...]
    reviewers: tuple[Row, ...]
    invalid: int


def make_report(items: Iterable[Reviewed], after_ns: int, before_ns: int, now_ns: int) -> Report:
    """Return the report of a period; an item of several rules counts for each of them."""
    total, rules, reviewers = Row("all"), dict[str, Row](), dict[str, Row]()
    invalid = 0
    for item in items:
        if after_ns <= item.flagged_ns < before_ns:
            total.take_item(item, now_ns)
            for rule in item.rules:
                rules.setdefault(rule, Row(rule)).take_item(item, now_ns)
        in_period = [step for step in item.status.steps if after_ns <= step.entry.at_ns < before_ns]
        invalid += sum(bool(step.problem) for step in in_period)
        for by in {by for by, at_ns in item.views if after_ns <= at_ns < before_ns}:
            reviewers.setdefault(by, Row(by)).viewed += 1
        for step in in_period:
            if not step.problem and step.entry.act.kind is ActKind.ESCALATE:
                reviewers.setdefault(step.entry.act.by, Row(step.entry.act.by)).escalated += 1
        if item.is_closed and after_ns <= item.status.closed_at_ns < before_ns:
            by = item.status.closed_by
            reviewers.setdefault(by, Row(by)).take_review(item)
    return Report(after_ns, before_ns, total, _sorted(rules.values()), _sorted(reviewers.values()), invalid)


def _sorted(rows: Iterable[Row]) -> tuple[Row, ...]:
    in_order: Sequence[Row] = sorted(rows, key=lambda row: row.name)
    return tuple(in_order)
