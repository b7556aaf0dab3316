"""What a new link may submit again is found in the log, however far back it lies and whatever lies between."""

import pytest

from components.archive.record import (
    Access,
    Delivery,
    RecordKind,
    Submission,
    encode_access,
    encode_delivery,
    encode_submission,
)
from components.gate.recovery import Recorded, fetch_recorded
from policy.decision import Action, StanzaError
from tests.unit.gate.fakes import EPOCH, FakeLog

OTHER = "0123456789abcdef"


def add(
    log: FakeLog, seq: int, epoch: str = EPOCH, action: str = "release", error: StanzaError | None = None
) -> None:
    submission = Submission(
        RecordKind.STANZA, epoch, seq, "c2s", "c1", 0, action, ("rule",), error, b"<message/>"
    )
    log.entries.append((RecordKind.STANZA, encode_submission(submission)))


def add_others(log: FakeLog, count: int) -> None:
    for number in range(count):
        log.entries.append((RecordKind.DELIVERY, encode_delivery(Delivery(EPOCH, number, ()))))
    access = Access("auditor", "search", "tin", 0, len(log.entries), 1)
    log.entries.append((RecordKind.ACCESS, encode_access(access)))


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 600])
async def test_all_that_may_come_again_is_found(count: int) -> None:
    log = FakeLog()
    add(log, 999, OTHER)
    for seq in range(1, count + 1):
        add(log, seq)
    add_others(log, 3)
    recorded = await fetch_recorded(log, EPOCH, 1)  # type: ignore[arg-type]
    assert {seq: answer.index for seq, answer in recorded.answers.items()} == {
        seq: seq for seq in range(1, count + 1)
    }


@pytest.mark.parametrize("between", [0, 300])
async def test_the_search_ends_where_nothing_may_come_again(between: int) -> None:
    log = FakeLog()
    for seq in range(1, 10):
        add(log, seq)
    add_others(log, between)
    for seq in range(10, 13):
        add(log, seq)
    recorded = await fetch_recorded(log, EPOCH, 9)  # type: ignore[arg-type]
    assert set(recorded.answers) == {9, 10, 11, 12}
    assert recorded.find(EPOCH, 8) is None
    assert recorded.find(OTHER, 9) is None


async def test_numbers_that_were_bounced_before_they_were_recorded_are_no_end() -> None:
    log = FakeLog()
    for seq in (1, 2, 7, 9):
        add(log, seq)
    recorded = await fetch_recorded(log, EPOCH, 2)  # type: ignore[arg-type]
    assert set(recorded.answers) == {2, 7, 9}


async def test_the_answer_is_the_decision_of_then() -> None:
    log = FakeLog()
    error = StanzaError("modify", "policy-violation", "Turn it off.")
    add(log, 1, action="refuse", error=error)
    recorded = await fetch_recorded(log, EPOCH, 1)  # type: ignore[arg-type]
    answer = recorded.find(EPOCH, 1)
    assert answer is not None
    assert (answer.index, answer.decision.action, answer.decision.error) == (0, Action.REFUSE, error)
    assert answer.decision.rules == ("rule",)


async def test_an_empty_log_holds_nothing() -> None:
    assert await fetch_recorded(FakeLog(), EPOCH, 1) == Recorded(EPOCH)  # type: ignore[arg-type]
    assert Recorded.nothing().find("", 1) is None
