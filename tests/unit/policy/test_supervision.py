"""Reviews, by table: which act is allowed in which state, by whom; what acts are made of; what a report counts."""

from dataclasses import replace

import pytest

from policy.supervision.act import Act, ActError, ActKind, encode_act, parse_act
from policy.supervision.fold import Bench, Fold, fold_acts
from policy.supervision.item import ALLOWED, Entry, ItemState, Outcome
from policy.supervision.once import REPEATED
from policy.supervision.pseudonym import hide_names, make_pseudonym
from policy.supervision.report import Reviewed, make_report
from policy.supervision.reviewer import Parties, Reviewer, Role
from policy.supervision.vote import Vote, cast_vote, find_agreed, find_vote_problem

T0_S = 1_795_464_245
S = 1_000_000_000
ITEM = "gate/7"
PARTIES = Parties(frozenset({"alice@metals.example", "bob@metals.example"}), frozenset({"metals"}))
PEOPLE = {
    each.id: each
    for each in (
        Reviewer("rita", "Rita", frozenset({Role.REVIEWER}), None),
        Reviewer("omar", "Omar", frozenset({Role.REVIEWER}), frozenset({"metals"})),
        Reviewer("lena", "Lena", frozenset({Role.LEAD}), None),
        Reviewer("gary", "Gary", frozenset({Role.REVIEWER, Role.LEAD}), frozenset({"grain"})),
        Reviewer("alice", "Alice", frozenset({Role.LEAD}), None, "alice@metals.example"),
        Reviewer("ada", "Ada", frozenset({Role.AUDITOR, Role.OVERSEER}), None),
    )
}
BENCH = Bench(PEOPLE, {ITEM: PARTIES}.get)
NEEDED = {
    ActKind.ADD: {"queue": "mine"},
    ActKind.ASSIGN: {"to": "omar"},
    ActKind.CLOSE: {"disposition": "issue"},
    ActKind.NOTE: {"note": "seen"},
    ActKind.ESCALATE: {"note": "bad"},
    ActKind.REOPEN: {"note": "more"},
    ActKind.RELEASE: {"note": "fine"},
    ActKind.REFUSE: {"note": "no"},
}


def act(kind: str, by: str, at_s: int = 0, **changes: str) -> Act:
    fields = NEEDED.get(ActKind(kind), {}) | changes
    return Act(ActKind(kind), ITEM, "x/gate", by, T0_S + at_s, f"{at_s:016x}", **fields)


def entry(kind: str, by: str, at_s: int = 0, *, outcome: Outcome | None = None, problem: str = "") -> Entry:
    return Entry(act(kind, by, at_s), f"audit/{at_s}", (T0_S + at_s) * S, problem, outcome)


def fold(*steps: tuple[str, str]) -> Fold:
    done = {"release": Outcome.DONE, "refuse": Outcome.DONE}
    entries = (entry(kind, by, at, outcome=done.get(kind)) for at, (kind, by) in enumerate(steps))
    return fold_acts(entries, BENCH)


INTO: dict[ItemState, tuple[tuple[str, str], ...]] = {
    ItemState.OPEN: (),
    ItemState.CLAIMED: (("claim", "rita"),),
    ItemState.ESCALATED: (("escalate", "rita"),),
    ItemState.CLOSED: (("close", "rita"),),
}
AFTER = {
    ActKind.CLAIM: ItemState.CLAIMED,
    ActKind.ASSIGN: ItemState.CLAIMED,
    ActKind.UNCLAIM: ItemState.OPEN,
    ActKind.REOPEN: ItemState.OPEN,
    ActKind.ESCALATE: ItemState.ESCALATED,
    ActKind.CLOSE: ItemState.CLOSED,
    ActKind.RELEASE: ItemState.CLOSED,
    ActKind.REFUSE: ItemState.CLOSED,
}


@pytest.mark.parametrize("kind", ActKind)
@pytest.mark.parametrize("state", ItemState)
@pytest.mark.parametrize("by", PEOPLE)
def test_an_act_counts_in_its_states_and_for_its_roles_alone(
    kind: ActKind, state: ItemState, by: str
) -> None:
    before = fold(*INTO[state])
    assert before.find(ITEM).state is state
    roles = ALLOWED[kind].get(state, frozenset())
    may = bool(PEOPLE[by].roles & roles) and by not in ("gary", "alice")
    # Rita has claimed it: of the others, a lead alone gives it back, escalates or closes it.
    for_holder = kind in (ActKind.UNCLAIM, ActKind.ESCALATE, ActKind.CLOSE)
    may = may and not (for_holder and state is ItemState.CLAIMED and by == "omar")
    problem = before.add(
        entry(kind, by, 100, outcome=Outcome.DONE if kind in ("release", "refuse") else None)
    )
    assert (problem == "") is may, problem
    after = before.find(ITEM)
    assert after.state is (AFTER.get(kind, state) if may else state)
    assert [bool(step.problem) for step in after.steps][-1] is not may


def test_what_a_closed_item_says_and_that_it_forgets_it_when_it_is_opened_again() -> None:
    closed = fold(("claim", "rita"), ("close", "rita")).find(ITEM)
    assert (closed.disposition, closed.closed_by, closed.closed_at_ns) == ("issue", "rita", (T0_S + 1) * S)
    again = fold(("close", "rita"), ("reopen", "lena"), ("assign", "lena")).find(ITEM)
    assert (again.state, again.holder, again.disposition) == (ItemState.CLAIMED, "omar", "")
    refused = fold(("refuse", "rita")).find(ITEM)
    assert (refused.state, refused.disposition) == (ItemState.CLOSED, "refused")


def test_a_decision_that_waits_for_another_person_closes_nothing() -> None:
    after = fold_acts([entry("release", "rita", 0, outcome=Outcome.WAITING)], BENCH)
    assert after.find(ITEM).state is ItemState.OPEN
    assert after.add(entry("release", "omar", 1, outcome=Outcome.DONE)) == ""
    assert after.find(ITEM).disposition == "released"


def test_what_is_played_back_forged_or_backdated_counts_for_nothing() -> None:
    closed = entry("close", "rita")
    after = fold_acts([closed, entry("reopen", "lena", 1)], BENCH)
    assert after.add(closed) == REPEATED
    assert after.add(replace(entry("close", "rita", 2), problem="not signed")) == "not signed"
    late = entry("close", "rita", 3)
    assert "at another time" in after.add(replace(late, at_ns=late.at_ns + 901 * S))
    assert "at another time" in after.add(replace(entry("close", "rita", 4), at_ns=late.at_ns - 901 * S))
    assert "mallory is not listed" in after.add(entry("close", "mallory", 5))
    assert after.find(ITEM).state is ItemState.OPEN
    # What was not signed keeps nobody from the same act, signed.
    assert after.add(entry("close", "rita", 2)) == ""


def test_what_was_not_allowed_then_is_not_allowed_when_it_is_played_back_later() -> None:
    claim = entry("claim", "omar", 1)
    after = fold_acts([entry("claim", "rita"), claim, entry("unclaim", "rita", 2)], BENCH)
    assert after.add(claim) == REPEATED


def test_nobody_of_some_enterprises_acts_on_what_nobody_knows_the_parties_of() -> None:
    unknown = Bench(PEOPLE, lambda _item: None)
    assert Fold(unknown).add(entry("claim", "omar")) != ""
    assert Fold(unknown).add(entry("claim", "rita")) == ""


def test_without_a_list_whoever_acts_is_a_reviewer() -> None:
    assert Fold(Bench({}, lambda _item: None, anybody=True)).add(entry("reopen", "root")) != ""
    assert Fold(Bench({}, lambda _item: None, anybody=True)).add(entry("close", "root")) == ""
    assert Fold(Bench({}, lambda _item: None)).add(entry("close", "root")) == "root is not listed"


@pytest.mark.parametrize(
    "change",
    [
        {"item": "gate/07"},
        {"item": "gate 7"},
        {"origin": "a b"},
        {"by": "ri ta"},
        {"id": "xyz"},
        {"queue": "mine"},
        {"to": "omar"},
        {"disposition": "released"},
        {"evidence": "ab" * 32},
        {"note": "two\nlines"},
        {"note": " x"},
        {"note": "x" * 1_001},
        {"at_s": -1},
    ],
)
def test_what_makes_no_act_is_not_signed(change: dict[str, str]) -> None:
    with pytest.raises(ActError):
        encode_act(replace(act("close", "rita"), **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [("close", "steal"), ("at=", "at=x"), (" id=", "  id="), ("by=rita", "by=rita by=omar"), ("\n", "")],
)
def test_an_act_has_one_encoding(change: tuple[str, str]) -> None:
    text = encode_act(act("close", "rita", note="a note=b"))
    assert parse_act(text) == act("close", "rita", note="a note=b")
    with pytest.raises(ActError):
        parse_act(text.replace(*change, 1))


def test_one_person_has_one_vote_and_an_older_one_does_not_replace_it() -> None:
    votes = cast_vote(cast_vote((), Vote("rita", "release", 1)), Vote("rita", "refuse", 2))
    assert votes == (Vote("rita", "refuse", 2),)
    assert find_agreed(votes, "release") == ()
    assert find_vote_problem(votes, Vote("rita", "release", 1)) != ""
    assert find_vote_problem(votes, Vote("rita", "refuse", 3)) != ""
    assert find_vote_problem(votes, Vote("rita", "release", 3)) == ""
    assert find_vote_problem(votes, Vote("omar", "release", 0)) == ""


def test_a_report_counts_what_was_flagged_viewed_and_reviewed_apart() -> None:
    def item(*steps: tuple[str, str], views: tuple[str, ...] = (), due_s: int = 50) -> Reviewed:
        seen = tuple((who, T0_S * S) for who in views)
        return Reviewed(fold(*steps).find(ITEM), ("tips", "words"), T0_S * S, (T0_S + due_s) * S, seen)

    items = [
        item(),
        item(views=("rita", "omar")),
        item(("claim", "rita"), ("close", "rita"), views=("rita",)),
        item(("escalate", "rita"), ("close", "lena"), due_s=0),
        replace(item(("close", "rita")), flagged_ns=(T0_S - 1_000) * S),
    ]
    report = make_report(items, T0_S * S, (T0_S + 10) * S, (T0_S + 100) * S)
    total = report.total
    assert (total.flagged, total.viewed, total.reviewed, total.escalated) == (4, 2, 2, 1)
    assert (total.overdue, total.late, total.hit_rate, total.false_positive_rate) == (2, 1, 1.0, 0.0)
    assert total.median_s == 1.0
    assert [row.name for row in report.rules] == ["tips", "words"]
    # What was flagged before the period and reviewed in it is the reviewer's work of the period.
    by_name = {row.name: (row.viewed, row.reviewed, row.escalated) for row in report.reviewers}
    assert by_name == {"lena": (0, 1, 0), "omar": (1, 0, 0), "rita": (2, 2, 1)}
    assert make_report([], 0, 1, 2).total.median_s is None


def test_names_are_replaced_everywhere_and_other_words_stay() -> None:
    people = {"alice@metals.example": "Alice Arden", "li@metals.example": "Li"}
    text = "ALICE (alice@metals.example/desk) and Arden's malice; Li lives; Alice Arden"
    alice = make_pseudonym("q", "alice@metals.example")
    assert hide_names(text, "q", people) == f"{alice} ({alice}) and {alice}'s malice; Li lives; {alice}"
    assert make_pseudonym("other", "alice@metals.example") != alice
    assert hide_names("a.b*c", "q", {}) == "a.b*c"
