"""The states of records: each is counted, and what is not VALID is told as few ranges, whatever lies between."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.verifier import states
from components.verifier.report import Findings, Problem, Range
from components.verifier.states import FLAWS, STATES, States


def ranges_of(*added: tuple[int, str, int | None, str | None]) -> list[Range]:
    """Return the ranges of records, each with its state, its class and the order by which it is so."""
    made = States(Findings())
    for index, state, retention_class, order in added:
        made.add(index, state, retention_class, order)
    made.close()
    return made.ranges


def test_what_is_valid_is_only_counted() -> None:
    made = States(Findings())
    made.add_valid((1, 2), 5)
    made.add(5, "VALID", 1)
    made.close()
    assert (made.counts, made.ranges) == (dict.fromkeys(STATES, 0) | {"VALID": 6}, [])


def test_neighbours_of_a_class_are_one_range_although_others_lie_between() -> None:
    assert ranges_of((0, "SHREDDED", 1, "x1"), (1, "HELD", 2, "h1"), (2, "SHREDDED", 1, "x1")) == [
        Range("SHREDDED", 1, 0, 2, 2, "x1"),
        Range("HELD", 2, 1, 1, 1, "h1"),
    ]


@pytest.mark.parametrize(
    ("second", "ranges"),
    [
        ((1, "SHREDDED", 1, "x1"), 1),
        ((9, "SHREDDED", 1, "x1"), 1),
        ((1, "SHREDDED", 1, "x2"), 2),
        ((1, "SHREDDED", 2, "x1"), 2),
        ((1, "MISSING", 1, None), 2),
        ((1, "VALID", 1, None), 1),
    ],
)
def test_a_range_ends_where_the_state_or_the_order_is_another(
    second: tuple[int, str, int | None, str | None], ranges: int
) -> None:
    assert len(ranges_of((0, "SHREDDED", 1, "x1"), second)) == ranges


@pytest.mark.parametrize(("index", "ranges"), [(4, 1), (5, 2)])
def test_records_of_no_known_class_are_neighbours_only_side_by_side(index: int, ranges: int) -> None:
    assert len(ranges_of((3, "FORGED", None, None), (index, "FORGED", None, None))) == ranges


def test_valid_records_end_the_ranges_of_their_classes_alone() -> None:
    made = States(Findings())
    made.add(0, "MISSING", 1)
    made.add(1, "MISSING", 2)
    made.add_valid((1,), 3)
    made.add(5, "MISSING", 1)
    made.add(6, "MISSING", 2)
    made.close()
    assert [(each.retention_class, each.first, each.last, each.count) for each in made.ranges] == [
        (1, 0, 0, 1),
        (2, 1, 6, 2),
        (1, 5, 5, 1),
    ]


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("count", [1, 3])
def test_a_flaw_is_one_problem_however_many_records_share_it(flaw: str, count: int) -> None:
    findings = Findings()
    made = States(findings)
    for index in range(7, 7 + count):
        made.add(index, "VALID" if flaw == "not-destroyed" else "MISSING", 1, flaw=flaw)
    made.close()
    told = {
        1: f"the payload of this record is {FLAWS[flaw]}",
        3: f"the payloads of 3 records are {FLAWS[flaw]}, from this one to 9",
    }
    assert findings.problems() == (Problem(flaw, 7, told[count]),)
    assert len(made.ranges) == (flaw != "not-destroyed")


def test_what_no_signed_root_covers_is_forged_and_what_was_marked_stays() -> None:
    made = States(Findings())
    made.add_valid((1,), 3)
    made.add(3, "HELD", 1, "h1")
    made.close()
    made.mark(4, 4)
    made.begin_tile()
    made.add_valid((1,), 2)
    made.add(6, "HELD", 1, "h1")
    made.add(7, "SHREDDED", 1, "x1")
    made.condemn(4, 7)
    assert made.counts == {"VALID": 3, "HELD": 1, "SHREDDED": 1, "MISSING": 0, "FORGED": 3}
    assert [(each.state, each.first, each.last, each.count) for each in made.ranges] == [
        ("HELD", 3, 3, 1),
        ("SHREDDED", 7, 7, 1),
        ("FORGED", 4, 7, 3),
    ]


def test_a_checkpoint_within_a_tile_covers_what_lies_before_it() -> None:
    made = States(Findings())
    made.add_valid((1,), 2)
    made.add(2, "HELD", 1, "h1")
    made.add(3, "HELD", 1, "h1")
    made.close()
    made.mark(3, 4)
    made.condemn(3, 3)
    assert made.counts == {"VALID": 2, "HELD": 1, "SHREDDED": 0, "MISSING": 0, "FORGED": 1}


def test_ranges_beyond_a_bound_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "MAX_RANGES", 3)
    made = States(Findings())
    for index in range(5):
        made.add(2 * index, "FORGED", None)
    made.close()
    assert ([each.first for each in made.ranges], made.left_out, made.counts["FORGED"]) == ([0, 2, 4], 2, 5)


@given(st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from([None, 1, 2]))))
def test_each_record_is_counted_once_and_lies_in_one_range_of_its_class(
    added: list[tuple[str, int | None]],
) -> None:
    made = States(Findings())
    for index, (state, retention_class) in enumerate(added):
        made.add(index, state, retention_class)
    made.close()
    assert {state: count for state, count in made.counts.items() if count} == Counter(
        state for state, _ in added
    )
    flawed = Counter(each for each in added if each[0] != "VALID")
    told: Counter[tuple[str, int | None]] = Counter()
    for each in made.ranges:
        own = [added[index] for index in range(each.first, each.last + 1)]
        assert own.count((each.state, each.retention_class)) == each.count
        told[each.state, each.retention_class] += each.count
    assert told == flawed
