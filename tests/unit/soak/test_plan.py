"""What is drawn from a seed: the same each time, and all that there is to draw."""

import pytest

from tests.soak.line import SoakLine
from tests.soak.plan import COUNTS, FAULTS, IN_ROOM, ROOM, STRANGER, TALK_S, Fault, draw_plan

SEEDS = range(200)
PLANS = [draw_plan(seed) for seed in SEEDS]


def test_a_seed_draws_the_same_plan_each_time_and_others_another() -> None:
    assert [draw_plan(seed) for seed in SEEDS] == PLANS
    assert len({(plan.talk, plan.faults) for plan in PLANS}) == len(PLANS)


def test_each_fault_is_drawn_and_can_be_made() -> None:
    drawn = {
        ("client" if fault.where in COUNTS else fault.where, fault.what)
        for plan in PLANS
        for fault in plan.faults
    }
    assert drawn == {(where, what) for where, whats in FAULTS.items() for what in whats}
    for where, what in drawn - {("client", what) for what in FAULTS["client"]}:
        assert hasattr(SoakLine, f"_{where}_{what.replace(' ', '_')}"), (where, what)


def test_something_breaks_in_each_run_while_everybody_talks() -> None:
    for plan in PLANS:
        assert plan.faults
        assert all(0 < fault.at_s <= TALK_S and fault.for_s > 0 for fault in plan.faults)
        assert {each.who for each in plan.talk} == set(COUNTS)
        assert all(0 <= each.at_s < TALK_S for each in plan.talk)
        assert [each.at_s for each in plan.talk] == sorted(each.at_s for each in plan.talk)


def test_somebody_speaks_to_the_other_enterprise_and_only_occupants_to_the_room() -> None:
    talk = [each for plan in PLANS for each in plan.talk]
    assert any(each.to.startswith(STRANGER) for each in talk)
    assert {each.who for each in talk if each.to == ROOM} == set(IN_ROOM)
    assert not [each for each in talk if each.to.partition("@")[0] == each.who]
    assert any(not each.to for each in talk), "nobody shows a status"


def test_faults_in_one_place_follow_one_another() -> None:
    for plan in PLANS:
        lanes = plan.lanes()
        assert sorted(map(str, (fault for lane in lanes.values() for fault in lane))) == sorted(
            map(str, plan.faults)
        )
        for where, lane in lanes.items():
            assert {fault.where for fault in lane} == {where}
            assert [fault.at_s for fault in lane] == sorted(fault.at_s for fault in lane)
        assert plan.needs_wire is ("wire" in lanes)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(0.5, "gate", "kill", 0.25), "0.50 s, gate: kill, for 0.25 s"),
        (Fault(1, "wire", "stall", 2, "17"), "1.00 s, wire: stall (17), for 2.00 s"),
    ],
)
def test_a_fault_is_told_as_a_person_reads_it(fault: Fault, text: str) -> None:
    assert str(fault) == text
