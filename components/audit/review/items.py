"""The items of review as reviewers see them; a process that serves many looks makes each of them once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from components.audit.review.flagged import Flagged
from components.audit.review.then import Then
from policy.supervision.fold import Fold
from policy.supervision.item import Entry, ItemState, ItemStatus
from policy.supervision.reviewer import Parties


@dataclass(frozen=True, slots=True)
class View:
    """Somebody opened an item; `at_ns` is the log's own time."""

    item: str
    by: str
    at_ns: int


@dataclass(slots=True)
class ReviewRecords:
    """What the audit logs say of reviews, in their order; `malformed` counts acts that cannot be read."""

    entries: list[Entry] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    malformed: int = 0


@dataclass(frozen=True, slots=True)
class QueueItem:
    """An item as a reviewer sees it; `queues` are `rule/ID`, `desk/ID` and those that it was put into.

    `due_ns` is Unix time; `views` is who opened it and when. `hides_names`: a rule wants a reason before names.
    """

    flagged: Flagged
    status: ItemStatus
    queues: tuple[str, ...]
    due_ns: int
    views: tuple[View, ...] = ()
    hides_names: bool = False

    @property
    def id(self) -> str:
        """The id of its record."""
        return self.flagged.item

    def is_overdue(self, now_ns: int) -> bool:
        """Return whether nobody has closed it in time."""
        return self.status.state is not ItemState.CLOSED and self.due_ns < now_ns


class Terms(NamedTuple):
    """What holds for all items of a site: how long after its record one is due, and which rules hide names."""

    due_ns: int
    hiding: frozenset[str]


class _Made(NamedTuple):
    """An item, and what it was made of."""

    flagged: Flagged
    then: Then
    status: ItemStatus | None
    views: int
    item: QueueItem


class ItemViews:
    """Keeps items as they look, and makes those anew of which something has changed.

    It knows those of all enterprises: what of it an auditor may see is decided at each look.
    """

    def __init__(self) -> None:
        self._terms: Terms | None = None
        self._records: ReviewRecords | None = None
        self._views_read = 0
        self._views: dict[str, list[View]] = {}
        self._made: dict[str, _Made] = {}

    def view(
        self, found: Mapping[str, tuple[Flagged, Then]], fold: Fold, records: ReviewRecords, terms: Terms
    ) -> Iterator[tuple[QueueItem, Parties]]:
        """Yield all items, in the order of what was found, each with whose it is.

        What is about to be put into a queue has parties, but is no item yet.
        """
        if terms != self._terms:
            self._terms, self._made = terms, {}
        self._read_views(records)
        made = {id_: self._make(terms, id_, *each, fold) for id_, each in found.items()}
        self._made = made
        for each in made.values():
            if each.flagged.rules or each.item.status.queues:
                yield each.item, each.then.parties

    def _make(self, terms: Terms, id_: str, flagged: Flagged, then: Then, fold: Fold) -> _Made:
        status, views = fold.items.get(id_), self._views.get(id_, ())
        known = self._made.get(id_)
        if known is not None and known[:4] == (flagged, then, status, len(views)):
            return known
        shown = status or fold.find(id_)
        desks = [f"desk/{then.desk}"] if then.desk else []
        queues = (*(f"rule/{rule}" for rule in flagged.rules), *desks, *sorted(shown.queues))
        due_ns, hides = flagged.at_ns + terms.due_ns, not terms.hiding.isdisjoint(flagged.rules)
        item = QueueItem(flagged, shown, queues, due_ns, tuple(views), hides)
        return _Made(flagged, then, status, len(views), item)

    def _read_views(self, records: ReviewRecords) -> None:
        """Sort what is new of the views by items; all of them where the records were read anew."""
        if records is not self._records:
            # Others may be as many as these were.
            self._records, self._views_read, self._views, self._made = records, 0, {}, {}
        for view in records.views[self._views_read :]:
            self._views.setdefault(view.item, []).append(view)
        self._views_read = len(records.views)
