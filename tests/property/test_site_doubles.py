"""Records of one message at several sites: one stands for all, and no claim of a site makes a record disappear."""

from hypothesis import given
from hypothesis import strategies as st

from components.audit.sites.doubles import Spot, fold_doubles, group_doubles

SPOTS = st.builds(Spot, st.integers(0, 2), st.integers(0, 5))


@given(st.dictionaries(SPOTS, SPOTS))
def test_each_record_is_a_hit_or_named_with_one(copy_of: dict[Spot, Spot]) -> None:
    doubles = fold_doubles(copy_of)
    matched = copy_of.keys() | set(copy_of.values())
    hits = matched - doubles.keys()
    assert set(doubles.values()) <= hits
    # What says nothing of itself stays; and where all say so of one another, the first does.
    assert matched - copy_of.keys() <= hits
    groups = group_doubles(doubles, hits)
    assert sorted([*hits, *(copy for copies in groups.values() for copy in copies)]) == sorted(matched)


@given(st.dictionaries(SPOTS, SPOTS), SPOTS)
def test_a_record_stands_for_what_leads_to_it_and_for_nothing_else(
    copy_of: dict[Spot, Spot], spot: Spot
) -> None:
    first = fold_doubles(copy_of).get(spot, spot)
    reached, at = {spot}, spot
    while at in copy_of and copy_of[at] not in reached:
        at = copy_of[at]
        reached.add(at)
    assert first in reached


@given(st.lists(SPOTS, min_size=2, max_size=6, unique=True))
def test_in_a_circle_the_first_stands_for_all(circle: list[Spot]) -> None:
    copy_of = dict(zip(circle, [*circle[1:], circle[0]], strict=True))
    assert fold_doubles(copy_of) == {spot: min(circle) for spot in circle if spot != min(circle)}
