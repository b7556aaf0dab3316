"""Reviews as a fold: in whatever order acts are recorded, what is repeated, forged or not allowed changes nothing."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policy.supervision.act import Act, ActKind, encode_act, parse_act
from policy.supervision.fold import Bench, Fold, fold_acts
from policy.supervision.item import Entry, ItemState, ItemStatus, Outcome
from policy.supervision.reviewer import Parties, Reviewer, Role
from tests.unit.policy.test_supervision import NEEDED, T0_S, S

ITEMS = ("gate/1", "gate/2", "transfer/3")
PEOPLE = {
    "rita": Reviewer("rita", "Rita", frozenset({Role.REVIEWER}), None),
    "omar": Reviewer("omar", "Omar", frozenset({Role.REVIEWER}), frozenset({"metals"})),
    "lena": Reviewer("lena", "Lena", frozenset({Role.LEAD}), None),
    "ada": Reviewer("ada", "Ada", frozenset({Role.OVERSEER}), None),
}
PARTIES = Parties(frozenset({"a@metals.example"}), frozenset({"metals"}))
BENCH = Bench(PEOPLE, dict.fromkeys(ITEMS[:2], PARTIES).get)


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    made = []
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(ActKind))
        by = draw(st.sampled_from([*PEOPLE, "mallory"]))
        act = Act(
            kind,
            draw(st.sampled_from(ITEMS)),
            "x/gate",
            by,
            T0_S + number,
            f"{number:016x}",
            **NEEDED.get(kind, {}),
        )
        at_ns = (T0_S + number + draw(st.sampled_from([0, 0, 0, 5, 1_000]))) * S
        problem = draw(st.sampled_from(["", "", "", "not signed"]))
        outcome = draw(st.sampled_from(Outcome)) if kind in (ActKind.RELEASE, ActKind.REFUSE) else None
        made.append(Entry(act, f"audit/{number}", at_ns, problem, outcome))
    return made


def told(status: ItemStatus) -> tuple[object, ...]:
    return (
        status.state,
        status.holder,
        status.disposition,
        status.queues,
        status.closed_by,
        status.closed_at_ns,
    )


def states(fold: Fold) -> list[tuple[object, ...]]:
    return [told(fold.find(item)) for item in ITEMS]


@given(entries(), st.data())
def test_a_repetition_changes_nothing_wherever_it_comes(recorded: list[Entry], data: st.DataObject) -> None:
    once = fold_acts(recorded, BENCH)
    if recorded:
        first = data.draw(st.integers(0, len(recorded) - 1))
        later = data.draw(st.integers(first + 1, len(recorded)))
        again = [*recorded[:later], recorded[first], *recorded[later:]]
        assert states(fold_acts(again, BENCH)) == states(once)


@given(entries())
def test_what_counts_for_nothing_may_as_well_not_be_there(recorded: list[Entry]) -> None:
    fold = Fold(BENCH)
    counted = [entry for entry in recorded if not fold.add(entry)]
    assert states(fold_acts(counted, BENCH)) == states(fold)
    assert all(not step.problem for item in ITEMS for step in fold_acts(counted, BENCH).find(item).steps)
    assert sum(len(status.steps) for status in fold.items.values()) == len(recorded)


@given(entries(), st.data())
def test_acts_on_other_items_have_no_influence(recorded: list[Entry], data: st.DataObject) -> None:
    item = data.draw(st.sampled_from(ITEMS))
    own = [entry for entry in recorded if entry.act.item == item]
    assert told(fold_acts(own, BENCH).find(item)) == told(fold_acts(recorded, BENCH).find(item))


@given(entries())
def test_forged_acts_never_count(recorded: list[Entry]) -> None:
    forged = [replace(entry, problem="not signed") for entry in recorded]
    assert states(fold_acts(forged, BENCH)) == [told(ItemStatus(item)) for item in ITEMS]
    assert states(fold_acts([*forged, *recorded], BENCH)) == states(fold_acts(recorded, BENCH))


@given(entries())
def test_a_closed_item_has_a_disposition_and_a_claimed_one_a_holder_who_is_listed(
    recorded: list[Entry],
) -> None:
    for status in fold_acts(recorded, BENCH).items.values():
        assert bool(status.disposition) is (status.state is ItemState.CLOSED)
        assert status.state is not ItemState.CLAIMED or status.holder in PEOPLE


@given(entries())
def test_every_act_is_read_as_it_was_written(recorded: list[Entry]) -> None:
    for entry in recorded:
        assert parse_act(encode_act(entry.act)) == entry.act
