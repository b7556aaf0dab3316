"""Items of several sites as one conversation: which stands for which, in which order, what is told of the others."""

from dataclasses import replace

import pytest

from components.audit.conversation.item import (
    Act,
    Certainty,
    Evidence,
    Fate,
    How,
    Item,
    ItemKind,
    Party,
    Quote,
    Reached,
    Reaction,
    Version,
)
from components.audit.sites.doubles import Spot
from components.audit.sites.page import ALWAYS, Window
from components.audit.sites.talk import SiteItems, merge_items, name_records

ALICE, BOB = Party("alice@a.example"), Party("bob@b.example")


def item(place: int, at_ns: int = 0, text: str = "hi", kind: ItemKind = ItemKind.MESSAGE) -> Item:
    record = f"gate/{place}"
    version = Version(record, at_ns, ALICE, text, Fate.CARRIED_OUT)
    return Item(kind, record, place, at_ns, ALICE, BOB, versions=(version,), records=(record,))


def site(rank: int, *items: Item, has_room: bool = False) -> SiteItems:
    return SiteItems(rank, "ab"[rank], items, has_room)


def told(items: tuple[Item, ...]) -> list[tuple[str, ...]]:
    return [each.records for each in items]


def test_items_stand_in_the_order_of_time_and_of_one_time_in_that_of_sites() -> None:
    merged = merge_items([site(0, item(1, 5), item(2, 9)), site(1, item(7, 5), item(8, 6))], {})
    assert told(merged) == [("a:gate/1",), ("b:gate/7",), ("b:gate/8",), ("a:gate/2",)]


def test_within_a_site_the_order_of_the_log_holds_whatever_its_clock_says() -> None:
    merged = merge_items([site(0, item(1, 5), item(2, 3)), site(1, item(7, 4))], {})
    places = [each.place for each in merged]
    assert places.index(1) < places.index(2)


def test_the_first_on_the_way_stands_for_its_copies_and_has_their_records() -> None:
    copy_of = {Spot(1, 7): Spot(0, 1), Spot(0, 2): Spot(1, 7)}
    merged = merge_items([site(0, item(1), item(2, 2)), site(1, item(7, 1))], copy_of)
    assert told(merged) == [("a:gate/1", "a:gate/2", "b:gate/7")]
    assert merged[0].remarks == ()


@pytest.mark.parametrize(
    ("copy", "remarks"),
    [
        (item(7), ()),
        (item(7, text="ho"), ("b:gate/7 does not say the same: look at both",)),
        (
            replace(item(7), fate=Fate.HELD, why="tips"),
            ("at b it was not let through, held (b:gate/7): tips",),
        ),
        (replace(item(7), fate=Fate.NOT_KNOWN), ()),
    ],
)
def test_what_another_site_has_otherwise_is_told(copy: Item, remarks: tuple[str, ...]) -> None:
    (merged,) = merge_items([site(0, item(1)), site(1, copy)], {Spot(1, 7): Spot(0, 1)})
    assert merged.remarks == remarks


def test_a_hit_that_is_a_copy_makes_what_stands_for_it_the_hit() -> None:
    hit = replace(item(7), is_hit=True)
    (merged,) = merge_items([site(0, item(1)), site(1, hit)], {Spot(1, 7): Spot(0, 1)})
    assert merged.is_hit


def test_what_a_room_tells_every_site_is_told_once_by_the_site_that_has_it() -> None:
    kinds = (ItemKind.JOIN, ItemKind.LEAVE, ItemKind.PRESENCE, ItemKind.SUBJECT, ItemKind.MESSAGE)
    here = [item(number, kind=kind) for number, kind in enumerate(kinds)]
    there = [item(number, kind=kind) for number, kind in enumerate(kinds, 10)]
    with_room = merge_items([site(0, *here, has_room=True), site(1, *there)], {})
    assert sorted(each.place for each in with_room) == [0, 1, 2, 3, 4, 14]
    # A subject that somebody there set is theirs, and the room's record of it a copy.
    own = merge_items([site(0, *here, has_room=True), site(1, *there)], {Spot(0, 3): Spot(1, 13)})
    assert sorted(each.place for each in own) == [0, 1, 2, 4, 13, 14]
    # Where the site that has the room could not be read, the others tell what they saw.
    assert len(merge_items([site(0, *here), site(1, *there)], {})) == 10


def test_ids_of_records_are_named_wherever_they_stand() -> None:
    act = Act("gate/4", 1, BOB)
    whole = replace(
        item(1),
        about=Quote("m1", "gate/2", 1, BOB, "hey"),
        retraction=act,
        reactions=(Reaction("+1", (act,), (act,)),),
        reached=Reached(
            Certainty.PROBABLE, (Evidence(How.SESSION, Certainty.PROBABLE, "gate/5", 1),), "gate/1"
        ),
    )
    named = name_records(whole, "b")
    assert (named.record, named.records, named.versions[0].record) == ("b:gate/1", ("b:gate/1",), "b:gate/1")
    assert named.about and (named.about.record, named.about.id) == ("b:gate/2", "m1")
    assert named.retraction and named.retraction.record == "b:gate/4"
    assert named.reactions[0].acts[0].record == named.reactions[0].undone[0].record == "b:gate/4"
    assert named.reached and named.reached.evidence[0].record == "b:gate/5"
    assert named.reached.version == "b:gate/1"
    assert (named.text, named.by, named.place) == (whole.text, ALICE, 1)
    # What the log does not have has no name.
    assert name_records(Quote("m2"), "b") == Quote("m2")


def reached(certainty: Certainty, at_ns: int, version: str = "") -> Reached:
    return Reached(certainty, (Evidence(How.SESSION, certainty, f"gate/{at_ns}", at_ns),), version)


@pytest.mark.parametrize(
    ("here", "there", "certainty"),
    [
        (Certainty.NOT_KNOWN, Certainty.PROBABLE, Certainty.PROBABLE),
        (Certainty.NOT_KNOWN, Certainty.NOT_KNOWN, Certainty.NOT_KNOWN),
        (Certainty.CERTAIN, Certainty.NOT_KNOWN, Certainty.CERTAIN),
        # What stopped it on the way outweighs what only makes it likely, and not what is sure.
        (Certainty.PROBABLE, Certainty.NO, Certainty.NO),
        (Certainty.CERTAIN, Certainty.NO, Certainty.CERTAIN),
    ],
)
def test_it_is_judged_by_the_evidence_of_all_sites(
    here: Certainty, there: Certainty, certainty: Certainty
) -> None:
    sites = [
        site(0, replace(item(1), reached=reached(here, 2))),
        site(1, replace(item(7), reached=reached(there, 1))),
    ]
    (merged,) = merge_items(sites, {Spot(1, 7): Spot(0, 1)})
    assert merged.reached
    assert merged.reached.certainty is certainty
    assert [each.record for each in merged.reached.evidence] == ["b:gate/1", "a:gate/2"]


def test_a_window_without_ends_has_all_times_and_stays_one_when_widened() -> None:
    always = Window(*ALWAYS)
    assert always.has(ALWAYS[0]) and always.has(ALWAYS[1] - 1)
    assert always.widened() == always
    some = Window(10**12, 2 * 10**12)
    assert some.has(10**12) and not some.has(2 * 10**12)
    assert some.widened().from_ns < 10**12 and some.widened().until_ns > 2 * 10**12
