"""The order of the items of several sites, cut into pages: whatever is closed meanwhile, each item comes on a page."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components.audit.review.desk import count_queues
from components.audit.review.flagged import Flagged
from components.audit.review.items import ItemViews, QueueItem, ReviewRecords, Terms, View
from components.audit.review.then import Then
from components.audit.sites.queue import Shown, Start, find_bounds, put_in_order
from policy.supervision.act import Act, ActKind
from policy.supervision.fold import Bench, Fold, fold_acts
from policy.supervision.item import Entry, ItemState, ItemStatus
from policy.supervision.reviewer import Parties

NAMES = ("own", "london")
LIMIT = 3


def make_sites(times: Sequence[Sequence[int]]) -> list[Any]:
    """Make desks of sites, with items of these times."""
    return [
        SimpleNamespace(
            name=name, site=SimpleNamespace(rank=rank), found=SimpleNamespace(items=_items(sorted(own)))
        )
        for rank, (name, own) in enumerate(zip(NAMES, times, strict=True))
    ]


def _items(times: Sequence[int]) -> dict[str, QueueItem]:
    return {
        (id_ := f"gate/{number}"): QueueItem(Flagged(id_, at_ns, ("r",), "", "", ""), ItemStatus(id_), (), 0)
        for number, at_ns in enumerate(times)
    }


def order_of(sites: Sequence[Any], closed: Sequence[str] = ()) -> list[Shown]:
    found = {
        at.name: [item for item in at.found.items.values() if f"{at.name}:{item.id}" not in closed]
        for at in sites
    }
    return put_in_order(sites, found)


def name(each: Shown) -> str:
    return f"{each.at.name}:{each.item.id}"


# Few times, so that many items are of the same one.
TIMES = st.tuples(*[st.lists(st.integers(0, 5), max_size=12)] * 2)


@given(TIMES)
def test_pages_are_the_whole_order_there_and_back(times: Sequence[Sequence[int]]) -> None:
    sites = make_sites(times)
    order = order_of(sites)
    assert [each.item.flagged.at_ns for each in order] == sorted(time for own in times for time in own)
    pages, start, last = list[list[Shown]](), Start(), -1
    while last < len(order):
        first, last = find_bounds(sites, order, start, LIMIT)
        pages.append(order[first:last])
        start = Start(after=pages[-1][-1].id if pages[-1] else "")
    assert [each for page in pages for each in page] == order
    assert find_bounds(sites, order, start, LIMIT)[0] == max(0, len(order) - LIMIT)
    for before, page in pairwise(pages):
        first, last = find_bounds(sites, order, Start(before=page[0].id), LIMIT)
        assert order[first:last] == before


@given(TIMES, st.data())
def test_what_is_closed_meanwhile_hides_nothing_else(
    times: Sequence[Sequence[int]], data: st.DataObject
) -> None:
    sites = make_sites(times)
    closed, seen, start, is_more = set[str](), set[str](), Start(), True
    while is_more:
        order = order_of(sites, tuple(closed))
        first, last = find_bounds(sites, order, start, LIMIT)
        page, is_more = order[first:last], last < len(order)
        # What is shown again is of one time, and then something was closed.
        assert not seen.issuperset(map(name, page)) or not is_more or closed
        seen.update(map(name, page))
        closed |= {name(each) for each in page if data.draw(st.booleans())}
        start = Start(after=page[-1].id if page else "")
    assert seen == {f"{at.name}:{id_}" for at in sites for id_ in at.found.items}


RULES = st.lists(st.sampled_from("abc"), max_size=2, unique=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("flag"), RULES),
        st.tuples(
            st.just("act"), st.integers(0, 5), st.sampled_from([ActKind.CLAIM, ActKind.NOTE, ActKind.ADD])
        ),
        st.tuples(st.just("view"), st.integers(0, 5)),
        st.tuples(st.just("terms"), st.integers(1, 3), st.frozensets(st.sampled_from("abc"))),
        st.just(("anew",)),
    ),
    max_size=12,
)


class Review:
    """What a review is made of, step by step."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[Flagged, Then]] = {}
        self.records = ReviewRecords()
        self.terms = Terms(1, frozenset())

    def step(self, kind: str, *values: Any) -> None:
        number = len(self.found)
        if kind == "flag":
            flagged = Flagged(f"gate/{number}", number, tuple(sorted(values[0])), "a@x", "b@x", "")
            then = Then(Parties(frozenset({"a@x"}), frozenset({"x"})), "desk" if number % 2 else "")
            self.found = {**self.found, flagged.item: (flagged, then)}
        elif kind == "act":
            self.records.entries.append(self._act(*values))
        elif kind == "view":
            self.records.views.append(View(f"gate/{values[0]}", "erin", len(self.records.views)))
        elif kind == "terms":
            self.terms = Terms(*values)
        else:
            self.records = ReviewRecords(list(self.records.entries), list(self.records.views[:1]))

    def _act(self, number: int, kind: ActKind) -> Entry:
        at = len(self.records.entries)
        queue = "q" if kind is ActKind.ADD else ""
        return Entry(
            Act(kind, f"gate/{number}", "o", "erin", at, f"{at:016x}", queue=queue, note="x"),
            f"audit/{at}",
            at * 10**9,
        )

    def fold(self) -> Fold:
        return fold_acts(self.records.entries, Bench({}, lambda _: None, anybody=True))

    def view(self, views: ItemViews) -> list[tuple[QueueItem, Parties]]:
        return list(views.view(self.found, self.fold(), self.records, self.terms))


@given(STEPS)
def test_items_that_are_kept_look_as_those_made_anew(steps: Sequence[tuple[Any, ...]]) -> None:
    review, kept = Review(), ItemViews()
    for step in steps:
        review.step(*step)
        assert review.view(kept) == review.view(ItemViews())


def test_an_item_is_made_again_only_if_something_of_it_changed() -> None:
    review, kept = Review(), ItemViews()
    for rules in (["a"], ["b"], []):
        review.step("flag", rules)
    first = [item for item, _ in review.view(kept)]
    assert [item.id for item in first] == ["gate/0", "gate/1"]
    review.step("view", 1)
    review.step("flag", ["c"])
    second = [item for item, _ in review.view(kept)]
    assert second[0] is first[0]
    assert (len(second[1].views), len(first[1].views), second[2].id) == (1, 0, "gate/3")
    assert all(now is before for (now, _), before in zip(review.view(kept), second, strict=True))


def test_other_records_are_seen_also_if_they_are_as_many() -> None:
    review, kept = Review(), ItemViews()
    review.step("flag", ["a"])
    for who in ("erin", "olga"):
        review.records = ReviewRecords(views=[View("gate/0", who, 1)])
        ((item, _),) = review.view(kept)
        assert [view.by for view in item.views] == [who]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(ItemState), st.lists(st.sampled_from("abc"), unique=True), st.integers(0, 9)
        )
    )
)
def test_counts_of_queues_are_those_of_their_items(
    made: Sequence[tuple[ItemState, Sequence[str], int]],
) -> None:
    items = [
        QueueItem(Flagged(str(n), 0, (), "", "", ""), ItemStatus(str(n), state), tuple(queues), due_ns)
        for n, (state, queues, due_ns) in enumerate(made)
    ]
    counts: Mapping[str, Mapping[str, int]] = count_queues(items, 5)
    assert list(counts) == sorted({queue for item in items for queue in item.queues})
    for queue, count in counts.items():
        own = [item for item in items if queue in item.queues]
        assert count["items"] == len(own)
        assert count["overdue"] == sum(item.is_overdue(5) for item in own)
        assert {each.value: count[each.value] for each in ItemState} == {
            each.value: sum(item.status.state is each for item in own) for each in ItemState
        }
