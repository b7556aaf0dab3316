"""What names a site says before an id, and what becomes of it; what a matter is called elsewhere; sums over sites."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from components.audit.access import Purpose
from components.audit.facets import GROUPS, add_groups, make_facets
from components.audit.index.facets import Counted
from components.audit.matter.elsewhere import group_by_site, split_own
from components.audit.purpose import found_at
from components.audit.sites.desks import group_ids
from components.settings.site import SiteFile


class Own:
    """As much of a site's settings as says what it is called."""

    site = type("Site", (), {"name": "shanghai"})
    audit_log = type("Log", (), {"origin": "shanghai.example/audit"})


OWN = cast(SiteFile, Own())


def test_ids_are_grouped_by_their_sites_each_once_and_in_order() -> None:
    assert group_ids(
        OWN, ["gate/1", "london:gate/2", "shanghai:gate/1", "shanghai:gate/3", "london:gate/2"]
    ) == {
        "shanghai": ["gate/1", "gate/3"],
        "london": ["gate/2"],
    }
    assert group_ids(OWN, []) == {}


@pytest.mark.parametrize(
    ("id_", "split"),
    [
        ("gate/1", ("", "gate/1")),
        ("shanghai:gate/1", ("", "gate/1")),
        ("london:gate/1", ("london", "gate/1")),
        ("a:b:gate/1", ("a:b", "gate/1")),
        ("", ("", "")),
    ],
)
def test_the_own_site_is_not_named_in_a_matter(id_: str, split: tuple[str, str]) -> None:
    assert split_own(OWN, id_) == split
    assert group_by_site(OWN, [id_], str) == {split[0]: [id_]}


def test_a_matter_is_called_after_its_site_in_the_logs_of_others() -> None:
    purpose = found_at(OWN, Purpose("M-7", "a letter"))
    assert purpose.matter_at("shanghai.example/audit") == "M-7"
    assert purpose.matter_at("london.example/audit") == "shanghai:M-7"
    # Where one with the same id is open, too, it is that one.
    also = Purpose("M-7", "", "shanghai", "shanghai.example/audit", frozenset({"london.example/audit"}))
    assert [also.matter_at(f"{city}.example/audit") for city in ("london", "paris")] == [
        "M-7",
        "shanghai:M-7",
    ]


@pytest.mark.parametrize("purpose", [Purpose(), Purpose("M-7"), Purpose("", "why")])
def test_what_was_not_found_anywhere_is_said_as_it_was(purpose: Purpose) -> None:
    assert purpose.matter_at("london.example/audit") == purpose.matter


def test_no_matter_is_of_no_site() -> None:
    assert found_at(OWN, Purpose("", "why")) == Purpose("", "why")


def counts(*groups: Mapping[tuple[str, ...], int]) -> list[list[Counted]]:
    filled = (*groups, *({} for _ in range(len(GROUPS) - len(groups))))
    return [[Counted(values, number) for values, number in group.items()] for group in filled]


def test_counts_of_sites_are_added_up_before_the_most_frequent_are_chosen() -> None:
    day = "2026-11-30"
    here = counts(
        {(day, "release"): 2, (day, "refuse"): 1}, {**{(f"p{n}",): 10 for n in range(8)}, ("late",): 9}
    )
    there = counts({(day, "release"): 3}, {("late",): 9})
    facets = make_facets(add_groups([here, there]))
    (one,) = facets.days
    assert (one.records, one.count("release"), one.count("refuse")) == (6, 5, 1)
    people = dict(facets.values)["person"]
    # At each site alone it would have been left out, or told as less than it is.
    assert people[0] == ("late", 18) and len(people) == 8


def test_no_sites_and_one_site_are_added_up_likewise() -> None:
    empty: Any = add_groups([])
    assert empty == [[] for _ in GROUPS]
    one = counts({("2026-11-30", "release"): 2})
    assert add_groups([one]) == one
