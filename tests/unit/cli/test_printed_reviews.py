"""What the commands for reviews print, and describe for JSON, of values alone (docs/review.md, sections 7 and 8)."""

from dataclasses import replace
from typing import Any, cast

import pytest

from components.audit.review.desk import Wanted
from components.audit.review.flagged import Flagged
from components.audit.review.items import QueueItem, View
from components.audit.review.names import HiddenNames
from components.audit.review.show import Nameless
from components.cli.output import review_queue as output
from policy.supervision.act import Act, ActKind
from policy.supervision.item import Entry, ItemState, ItemStatus, Outcome, Step
from policy.supervision.report import Report, Row

NS = 10**9
NOON_S = 1_795_953_600  # 2026-11-29T12:00:00Z
NOW_NS = NOON_S * NS
HOUR_NS = 3_600 * NS


class Pseudonyms:
    """Hides each name behind the queue for which it is hidden."""

    def show(self, queue: str, jid: str) -> str:
        return f"somebody of {queue}" if jid else ""


NAMES = cast(HiddenNames, Pseudonyms())


def flagged(item: str = "gate/7", *rules: str) -> Flagged:
    return Flagged(
        item, NOW_NS - HOUR_NS, rules or ("tips",), "alice@metals.example", "bob@metals.example", "release"
    )


def item(
    status: ItemStatus | None = None, due_ns: int = NOW_NS + HOUR_NS, *, hides_names: bool = False
) -> QueueItem:
    found = flagged()
    views = (
        View(found.item, "greta", NOW_NS - 60 * NS),
        View(found.item, "erin", NOW_NS),
        View("x", "erin", 0),
    )
    return QueueItem(
        found, status or ItemStatus(found.item), ("desk/base", "rule/tips"), due_ns, views, hides_names
    )


def act(kind: ActKind, **more: str) -> Act:
    return Act(kind, "gate/7", "metals.example/gate", "erin", NOON_S, "0" * 16, **more)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "60 min"),
        (3_600, "1 h"),
        (86_399, "24 h"),
        (86_400, "1 d"),
        (10 * 86_400, "10 d"),
    ],
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert output.format_span(seconds) == text


CLOSED = ItemStatus("gate/7", ItemState.CLOSED, disposition="no-issue", closed_by="erin", closed_at_ns=NOW_NS)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (item(), "due in 1 h"),
        (item(due_ns=NOW_NS), "due in 0 s"),
        (item(due_ns=NOW_NS - 2 * HOUR_NS), "OVERDUE by 2 h"),
        (item(CLOSED, NOW_NS - 2 * HOUR_NS), "no-issue by erin"),
    ],
)
def test_an_item_says_how_long_it_has(found: QueueItem, text: str) -> None:
    assert output.format_due(found, NOW_NS) == text
    assert found.is_overdue(NOW_NS) is text.startswith("OVERDUE")


def test_an_item_is_described_with_who_opened_it_once_each() -> None:
    assert output.describe_item(item(), NOW_NS, NAMES) == {
        "item": "gate/7",
        "flagged_at": "2026-11-29T11:00:00.000000Z",
        "from": "alice@metals.example",
        "to": "bob@metals.example",
        "rules": ["tips"],
        "verdict": "release",
        "queues": ["desk/base", "rule/tips"],
        "state": "open",
        "holder": "",
        "disposition": "",
        "due": "2026-11-29T13:00:00.000000Z",
        "overdue": False,
        "viewed_by": ["erin", "greta"],
        "names_hidden": False,
    }


def test_names_that_are_hidden_are_in_nothing_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    found = item(hides_names=True)
    described = output.describe_history(found, NOW_NS, NAMES, "audit/9")
    assert (described["from"], described["to"]) == ("somebody of rule/tips", "somebody of rule/tips")
    output.print_items(([found], "audit/9"), NOW_NS, NAMES, 10)
    output.print_history(described)
    assert "alice" not in capsys.readouterr().out + str(described)


def test_a_list_of_items_says_how_many_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    claimed = item(ItemStatus("gate/7", ItemState.CLAIMED, "erin"))
    output.print_items(([claimed, item()], "audit/9"), NOW_NS, NAMES, 1)
    assert capsys.readouterr().out.splitlines() == [
        "gate/7 claimed erin, due in 1 h",
        "    2026-11-29T11:00Z alice@metals.example to bob@metals.example (desk/base, rule/tips)",
        "… 1 more (--limit)",
        "2 items. This look is record audit/9.",
    ]
    output.print_items(([claimed], "audit/9"), NOW_NS, NAMES, 1)
    assert capsys.readouterr().out.splitlines()[-1] == "1 item. This look is record audit/9."


def test_queues_count_their_items_by_state(capsys: pytest.CaptureFixture[str]) -> None:
    found = ([item(), item(due_ns=NOW_NS - 1), item(CLOSED)], "audit/9")
    counts = output.describe_items(found, NOW_NS, NAMES)["queues"]
    for name in ("desk/base", "rule/tips"):
        assert counts[name] == {
            "items": 3,
            "open": 2,
            "claimed": 0,
            "escalated": 0,
            "closed": 1,
            "overdue": 1,
        }
    output.print_queues(found, NOW_NS)
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["queue", "open", "claimed", "escal.", "closed", "overdue"]
    assert first.split() == ["desk/base", "2", "0", "0", "1", "1"]
    assert len(head) == len(first)


def test_no_items_are_no_queues(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_queues(([], "audit/9"), NOW_NS)
    assert capsys.readouterr().out.splitlines()[1:] == ["0 items. This look is record audit/9."]


def test_the_history_has_acts_and_looks_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    closing = act(ActKind.CLOSE, disposition="issue", note="call\x1b them")
    steps = (
        Step(Entry(act(ActKind.ADD, queue="later"), "audit/1", NOW_NS - 120 * NS)),
        Step(Entry(closing, "audit/2", NOW_NS - 1), "greta has claimed gate/7"),
        Step(Entry(act(ActKind.RELEASE, note="fine"), "audit/3", NOW_NS - 30 * NS, outcome=Outcome.WAITING)),
    )
    described = output.describe_history(item(ItemStatus("gate/7", steps=steps)), NOW_NS, NAMES, "audit/9")
    added, closed, released = described["acts"]
    assert added == {
        "record": "audit/1",
        "at": "2026-11-29T11:58:00.000000Z",
        "act": "add",
        "by": "erin",
        "queue": "later",
        "outcome": None,
        "counts": True,
        "problem": None,
    }
    assert (closed["disposition"], closed["counts"], closed["problem"]) == (
        "issue",
        False,
        "greta has claimed gate/7",
    )
    assert released["outcome"] == "waiting"
    output.print_history(described | {"views": described["views"][:2]})
    assert capsys.readouterr().out.splitlines() == [
        "gate/7 open, flagged 2026-11-29T11:00:00Z",
        "    2026-11-29T11:58:00Z add later by erin",
        "    2026-11-29T11:59:00Z opened by greta",
        "    2026-11-29T11:59:30Z release waiting by erin: fine",
        "    2026-11-29T11:59:59Z close issue by erin: call\\x1b them [COUNTS FOR NOTHING: greta has claimed gate/7]",
        "    2026-11-29T12:00:00Z opened by erin",
        "This look is record audit/9.",
    ]


def row(name: str, **counts: Any) -> Row:
    return replace(Row(name), **counts)


REPORT = Report(
    NOW_NS - 24 * HOUR_NS,
    NOW_NS,
    row(
        "all",
        flagged=4,
        viewed=3,
        reviewed=2,
        dispositions={"issue": 1, "false-positive": 1},
        took_ns=[60 * NS] * 2,
    ),
    (row("tips", flagged=4),),
    (row("erin", reviewed=2, took_ns=[HOUR_NS, HOUR_NS]),),
    1,
)


def test_the_evidence_of_review_in_figures() -> None:
    described = output.describe_report(REPORT)
    assert (described["after"], described["before"]) == (
        "2026-11-28T12:00:00.000000Z",
        "2026-11-29T12:00:00.000000Z",
    )
    assert described["invalid_acts"] == 1
    assert described["total"] == {
        "name": "all",
        "flagged": 4,
        "viewed": 3,
        "reviewed": 2,
        "escalated": 0,
        "overdue": 0,
        "late": 0,
        "dispositions": {"issue": 1, "false-positive": 1},
        "median_s": 60.0,
        "hit_rate": 0.5,
        "false_positive_rate": 0.5,
    }
    (tips,) = described["rules"]
    assert (tips["median_s"], tips["hit_rate"]) == (None, None), (
        "nothing was reviewed: there is no share of it"
    )


def test_the_evidence_of_review_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_report(REPORT)
    period, rules, tips, total, reviewers, erin, invalid = capsys.readouterr().out.splitlines()
    assert period == "Flagged from 2026-11-28T12:00:00Z up to 2026-11-29T12:00:00Z"
    assert rules.split()[0] == "rule"
    assert tips.split() == ["tips", "4", "0", "0", "-", "-", "-", "0", "0"]
    assert total.split() == ["all", "4", "3", "2", "1", "min", "50%", "50%", "0", "0"]
    assert reviewers.split()[0] == "reviewer"
    assert erin.split() == ["erin", "0", "0", "2", "1", "h", "0%", "0%", "0", "0"]
    assert invalid == "1 acts count for nothing: `steelyard review history ITEM` says why"
    output.print_report(replace(REPORT, reviewers=(), invalid=0))
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_what_has_no_names_says_how_to_see_them(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Nameless("gate/7", NOW_NS, "Otter", "Heron", ("tips",), "one\ntwo\x07", "audit/9")
    assert output.describe_nameless(shown)["names_hidden"] is True
    output.print_nameless(shown)
    assert capsys.readouterr().out.splitlines() == [
        "gate/7 2026-11-29T12:00:00Z Otter to Heron (tips)",
        "    one",
        "    two\\x07",
        "Names are hidden: --reason shows them, and is recorded. This look is record audit/9.",
    ]


@pytest.mark.parametrize(
    ("wanted", "covered", "text"),
    [
        (Wanted(), True, ""),
        (Wanted(queue="rule/tips"), True, "queue:rule/tips"),
        (Wanted(queue="rule/other"), False, "queue:rule/other"),
        (Wanted(state=ItemState.OPEN), True, "state:open"),
        (Wanted(state=ItemState.CLOSED), False, "state:closed"),
        (Wanted(holder="erin"), False, "holder:erin"),
        (Wanted(overdue=True), False, "overdue"),
        (Wanted("desk/base", ItemState.OPEN, overdue=True), False, "queue:desk/base state:open overdue"),
    ],
)
def test_which_items_are_wanted_and_how_the_look_says_so(wanted: Wanted, covered: bool, text: str) -> None:
    assert wanted.covers(item(), NOW_NS) is covered
    assert str(wanted) == text
