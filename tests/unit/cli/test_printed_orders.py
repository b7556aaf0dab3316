"""What the commands for orders print, and describe for JSON, of values alone (docs/retention.md, docs/commands.md)."""

from pathlib import Path

import pytest

from components.archive.orders.order import Order, OrderAct
from components.archive.orders.request import OrderAnswer, OrderRequest
from components.archive.record import OrderDetails
from components.audit.orders.file import OrderFile
from components.audit.orders.orders import OrderState, OrderView
from components.audit.orders.plan import DueSegment, ExpiryPlan
from components.audit.orders.propose import Proposal
from components.cli.output import orders
from policy.destruction import SegmentFacts
from policy.retention import DEFAULT_POLICY

LOG, ID = "metals.example/gate", "20261130T080000Z-a1b2c3"
NOON_NS = 1_795_953_600_000_000_000  # 2026-11-29T12:00:00Z


def details(act: OrderAct, custodian: str = "", query: str = "", reason: str = "a claim") -> OrderDetails:
    return OrderDetails(act, ID, "M-1", custodian, query, reason)


HOLD = Order(LOG, ID, OrderAct.HOLD, "00" * 32, segments=(3,), conversations=(b"x" * 16,))
ERASURE = Order(
    LOG,
    ID,
    OrderAct.ERASE,
    "00" * 32,
    segments=(1, 2),
    indexes=(7, 9),
    considered=("h1", "h2"),
    keys={1: "a"},
)
EXPIRY = Order(LOG, ID, OrderAct.EXPIRE, "00" * 32, segments=tuple(range(1, 15)))
RELEASE = Order(LOG, ID, OrderAct.RELEASE, "00" * 32, hold="h1")


def file_of(order: Order, said: OrderDetails, *signed_by: str) -> OrderFile:
    return OrderFile(OrderRequest("", b""), signed_by, order, said)


def printed(
    capsys: pytest.CaptureFixture[str], order: Order, said: OrderDetails, *signed_by: str
) -> list[str]:
    orders.print_file(file_of(order, said, *signed_by))
    return capsys.readouterr().out.splitlines()


def test_a_hold_says_what_it_keeps_now_and_later(capsys: pytest.CaptureFixture[str]) -> None:
    said = details(OrderAct.HOLD, "alice@metals.example", "copper")
    assert printed(capsys, HOLD, said) == [
        f"hold {ID} on {LOG}",
        "  matter: M-1",
        "  custodian: alice@metals.example",
        "  query: copper",
        "  reason: a claim",
        "  1 segment: 3",
        "  1 conversation, with all future messages",
        "Signed by nobody yet.",
    ]


def test_a_hold_that_keeps_nothing_yet_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = Order(LOG, ID, OrderAct.HOLD, "00" * 32)
    assert "  no record matches yet" in printed(capsys, nothing, details(OrderAct.HOLD, query="tin"))
    assert "  no record matches yet" not in printed(capsys, HOLD, details(OrderAct.HOLD, query="tin"))


def test_an_erasure_says_which_holds_were_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, ERASURE, details(OrderAct.ERASE), "anna", "ben") == [
        f"erase {ID} on {LOG}",
        "  matter: M-1",
        "  reason: a claim",
        "  2 segments: 1, 2",
        "  2 records: 7, 9",
        "  holds considered: h1, h2",
        "Signed by anna, ben.",
    ]


def test_of_many_numbers_some_are_shown_and_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, EXPIRY, details(OrderAct.EXPIRE))
    assert "  14 segments: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 2 more, up to 14" in lines
    assert "  holds considered: none are in force" in lines


def test_a_release_says_which_hold_ends_and_nothing_of_other_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = printed(capsys, RELEASE, details(OrderAct.RELEASE))
    assert "  ends hold h1" in lines
    assert not any("considered" in line or "no record" in line for line in lines)


def test_what_a_reason_says_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, HOLD, details(OrderAct.HOLD, reason="\x1b[2Jgone\u202e"))
    assert "  reason: \\x1b[2Jgone\\u202e" in lines


def test_an_order_is_described_whole() -> None:
    described = orders.describe_file(
        file_of(ERASURE, details(OrderAct.ERASE, query="tin"), "anna"), Path("/o")
    )
    assert described == {
        "file": "/o",
        "id": ID,
        "act": "erase",
        "log": LOG,
        "segments": [1, 2],
        "records": [7, 9],
        "conversations": 0,
        "hold": None,
        "considered": ["h1", "h2"],
        "matter": "M-1",
        "custodian": "",
        "query": "tin",
        "reason": "a claim",
        "signed_by": ["anna"],
    }


def test_an_order_whose_details_cannot_be_read_is_listed_with_its_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    views = [
        OrderView(17, HOLD, None, OrderState.RELEASED),
        OrderView(19, ERASURE, details(OrderAct.ERASE), OrderState.UNFINISHED),
    ]
    first, second = orders.describe_orders(views, "audit/3")["orders"]
    assert [first[name] for name in ("record", "state", "matter", "reason")] == [17, "released", None, None]
    assert (second["state"], second["matter"]) == ("unfinished", "M-1")
    orders.print_orders(views, "gate", "audit/3")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"gate/17 hold {ID} on {LOG}: released"
    assert lines[3] == f"gate/19 erase {ID} on {LOG}: unfinished"
    assert lines[-1] == "2 orders. This look is record audit/3."
    orders.print_orders(views[:1], "gate", "audit/4")
    assert capsys.readouterr().out.endswith("1 order. This look is record audit/4.\n")


@pytest.mark.parametrize(
    ("answer", "state", "out", "err"),
    [
        (None, "waiting", f"{ID} is not carried out yet: the log's writer, ", ""),
        (OrderAnswer(True, 23, ()), "carried out", f"{ID} is carried out; it is record gate/23\n", ""),
        (OrderAnswer(False, None, ("held", "gone")), "refused", "", "refused: held\nrefused: gone\n"),
    ],
)
def test_what_the_writer_answered(
    answer: OrderAnswer | None, state: str, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_of(HOLD, details(OrderAct.HOLD))
    described = orders.describe_answer(answer, file)
    assert (described["id"], described["act"], described["state"]) == (ID, "hold", state)
    assert described["record"] == (answer.order if answer else None)
    assert described["reasons"] == (list(answer.lines) if answer else [])
    orders.print_answer(answer, file, "gate")
    told = capsys.readouterr()
    assert told.out.startswith(out)
    assert told.err == err


def test_a_proposal_says_who_acts_next(capsys: pytest.CaptureFixture[str]) -> None:
    proposal = Proposal(HOLD, details(OrderAct.HOLD), OrderRequest("", b""), "audit/5")
    written = {Path("a.order"): proposal}
    (described,) = orders.describe_proposals(written)["orders"]
    assert [described[name] for name in ("file", "id", "signed_by", "access")] == [
        "a.order",
        ID,
        [],
        "audit/5",
    ]
    orders.print_proposals(written)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "a.order needs two approvers: steelyard archive approve a.order --key KEY"


def due(number: int, class_: int, records: int, *holds: str) -> DueSegment:
    return DueSegment(SegmentFacts(number, class_, NOON_NS), holds, records)


def test_a_plan_says_what_would_go_and_what_holds_keep(capsys: pytest.CaptureFixture[str]) -> None:
    plan = ExpiryPlan(
        (due(1, 1, 10), due(2, 1, 20, "h1", "h2"), due(4, 1, 5, "h1"), due(5, 9, 1)), ("h1", "h2")
    )
    orders.print_plan(plan, DEFAULT_POLICY, "audit/6")
    assert capsys.readouterr().out.splitlines() == [
        "class 9: 1 segment with 1 record due to expire",
        "  segments 5 would go",
        "communication: 3 segments with 35 records due to expire",
        "  of these, 2 segments with 25 records kept, under holds:",
        "    h1: segments 2, 4",
        "    h2: segments 2",
        "  segments 1 would go",
        "holds considered: h1, h2",
        "This look is record audit/6.",
    ]
    described = orders.describe_plan(plan, DEFAULT_POLICY, "audit/6")
    assert (described["considered"], described["access"]) == (["h1", "h2"], "audit/6")
    assert described["due"][1] == {
        "segment": 2,
        "class": "communication",
        "newest": "2026-11-29T12:00:00.000000Z",
        "records": 20,
        "holds": ["h1", "h2"],
    }


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ((), ["nothing is due to expire", "holds considered: none are in force"]),
        (
            (due(2, 2, 3, "h1"),),
            [
                "signalling: 1 segment with 3 records due to expire",
                "  of these, 1 segment with 3 records kept, under holds:",
                "    h1: segments 2",
                "  nothing would go",
                "holds considered: none are in force",
            ],
        ),
    ],
)
def test_a_plan_by_which_nothing_goes_says_so(
    segments: tuple[DueSegment, ...], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    orders.print_plan(ExpiryPlan(segments, ()), DEFAULT_POLICY, "audit/6")
    assert capsys.readouterr().out.splitlines()[:-1] == expected
