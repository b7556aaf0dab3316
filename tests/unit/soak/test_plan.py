"""What is drawn from a seed: the same each time, and all that there is to draw."""

import pytest

from tests.soak.plan import FAULTS, ROOM, STRANGER, TALK_S, TRADERS, Fault, draw_plan, gate_of
from tests.soak.site import SoakSite

SEEDS = range(110)
PLANS = [draw_plan(seed, sites) for sites in TRADERS for seed in SEEDS]


def test_a_seed_draws_the_same_plan_each_time_and_others_another() -> None:
    assert [draw_plan(seed, sites) for sites in TRADERS for seed in SEEDS] == PLANS
    assert len({(plan.talk, plan.faults) for plan in PLANS}) == len(PLANS)


def test_each_fault_is_drawn_and_can_be_made() -> None:
    drawn = {
        (fault.where if fault.where in FAULTS else "client", fault.what)
        for plan in PLANS
        for fault in plan.faults
    }
    assert drawn == {(where, what) for where, whats in FAULTS.items() for what in whats}
    for where, what in drawn - {("client", what) for what in FAULTS["client"]}:
        assert hasattr(SoakSite, f"_{where}_{what.replace(' ', '_')}"), (where, what)


def test_something_breaks_in_each_run_while_everybody_talks() -> None:
    for plan in PLANS:
        assert plan.faults
        assert all(0 < fault.at_s <= TALK_S and fault.for_s > 0 for fault in plan.faults)
        assert {each.who for each in plan.talk} == {each.name for each in plan.traders}
        assert all(0 <= each.at_s < TALK_S for each in plan.talk)
        assert [each.at_s for each in plan.talk] == sorted(each.at_s for each in plan.talk)


def test_somebody_speaks_to_the_other_enterprise_and_only_occupants_to_the_room() -> None:
    talk = [each for plan in PLANS for each in plan.talk]
    assert any(each.to.startswith(STRANGER.jid) for each in talk)
    in_room = {each.name for traders in TRADERS.values() for each in traders if each.in_room}
    assert {each.who for each in talk if each.to == ROOM} == in_room
    assert not [each for each in talk if each.to.partition("@")[0] == each.who]
    assert any(not each.to for each in talk), "nobody shows a status"


def test_faults_in_one_place_follow_one_another() -> None:
    for plan in PLANS:
        lanes = plan.lanes()
        assert sorted(map(str, (fault for lane in lanes.values() for fault in lane))) == sorted(
            map(str, plan.faults)
        )
        for where, lane in lanes.items():
            assert {(fault.site, fault.where) for fault in lane} == {where}
            assert [fault.at_s for fault in lane] == sorted(fault.at_s for fault in lane)
        for site in plan.sites:
            assert plan.needs_wire(site) is ((site, "wire") in lanes)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(0.5, "alice", "cut", 0.25), "0.50 s, alice: cut, for 0.25 s"),
        (Fault(1, "wire", "stall", 2, "17"), "1.00 s, wire of metals.example: stall (17), for 2.00 s"),
    ],
)
def test_a_fault_is_told_as_a_person_reads_it(fault: Fault, text: str) -> None:
    assert str(fault) == text


@pytest.mark.parametrize(
    ("domain", "gate"),
    [
        ("metals.example", "gate.metals.example"),
        ("rooms.metals.example", "gate.metals.example"),
        ("grain.example", "gate.metals.example"),
        ("zurich.example", "gate.zurich.example"),
    ],
)
def test_each_domain_has_its_gate(domain: str, gate: str) -> None:
    assert gate_of(domain) == gate


def test_of_two_sites_each_breaks_and_a_link_only_where_there_are_two() -> None:
    for plan in PLANS:
        assert {each.site for each in plan.faults} <= set(plan.sites)
        assert len(plan.sites) == 2 or not [each for each in plan.faults if each.where == "link"]
    assert {each.site for plan in PLANS for each in plan.faults if each.where == "gate"} == set(
        PLANS[-1].sites
    )
