"""Whatever acts come in whatever order: the fold takes just those that fit, and refusals change nothing."""

from hypothesis import given
from hypothesis import strategies as st

from components.audit.matter.fold import fold_deeds
from components.audit.matter.record import make_event, read_deed
from components.audit.matter.values import Deed, MatterAct

NAMES = ("erin", "li", "mallory")
TEXTS = {
    "who": st.sampled_from(("erin", "li", "alice@metals.example")),
    "title": st.text(max_size=5),
    "text": st.text(max_size=5),
    "enterprises": st.sampled_from(("*", "metals", "metals grain", "")),
    "exhibit": st.sampled_from(("gate/1", "gate/2", "")),
    "number": st.integers(-1, 3),
    "reason": st.text(max_size=3),
    "as": st.sampled_from(("", "lead")),
    "hold": st.sampled_from(("h1", "h2")),
    "log": st.just("gate"),
    "result_digest": st.sampled_from(("", "ab")),
}
DEEDS = st.builds(
    Deed,
    st.sampled_from(MatterAct),
    st.sampled_from(("M-1", "M-2", "..")),
    st.sampled_from(NAMES),
    st.integers(0, 100),
    st.fixed_dictionaries({}, optional=TEXTS),
)


def numbered(deeds: list[Deed]) -> list[Deed]:
    made = (read_deed(make_event(deed), f"audit/{place}") for place, deed in enumerate(deeds))
    return [deed for deed in made if deed]


@given(st.lists(DEEDS, max_size=30))
def test_refused_acts_change_nothing(deeds: list[Deed]) -> None:
    recorded = numbered(deeds)
    folded = fold_deeds(recorded)
    kept = [deed for deed in recorded if deed.record not in folded.refused]
    again = fold_deeds(kept)
    assert again.matters == folded.matters
    assert not again.refused


@given(st.lists(DEEDS, max_size=30))
def test_what_always_holds(deeds: list[Deed]) -> None:
    for matter in fold_deeds(numbered(deeds)).matters.values():
        assert matter.people
        assert len(set(matter.people)) == len(matter.people)
        assert [each.number for each in matter.exhibits] == list(range(1, len(matter.exhibits) + 1))
        shown = [each.record_id for each in matter.exhibits if not each.withdrawn]
        assert len(set(shown)) == len(shown)
        assert matter.enterprises is None or matter.enterprises


@given(st.lists(DEEDS, max_size=30), DEEDS)
def test_exhibits_are_never_renumbered(deeds: list[Deed], last: Deed) -> None:
    before, after = fold_deeds(numbered(deeds)).matters, fold_deeds(numbered([*deeds, last])).matters
    for id_, matter in before.items():
        now = after[id_].exhibits
        assert [each.record_id for each in matter.exhibits] == [
            each.record_id for each in now[: len(matter.exhibits)]
        ]
