"""Who gets a slot: sizes, types, and the space of a day."""

from dataclasses import replace

import pytest

from policy.files.slot import (
    MAX_OPEN_SLOTS,
    DayBytes,
    DayTimes,
    Purpose,
    SlotLimits,
    SlotRefusal,
    SlotRequest,
    Usage,
    decide_slot,
)

NOW_S = 1_795_910_400
LIMITS = SlotLimits(
    file_bytes=1000,
    profile_bytes=100,
    day=DayBytes(person=3000, enterprise=5000, site=8000),
    refused_types=frozenset({"application/x-msdownload", "video/*"}),
)
REQUEST = SlotRequest("a.pdf", 1000, "application/pdf")


def decide(request: SlotRequest, usage: Usage = Usage()) -> SlotRefusal | None:  # noqa: B008 - a value
    return decide_slot(request, LIMITS, usage, NOW_S)


@pytest.mark.parametrize(
    ("request_", "usage"),
    [
        (REQUEST, Usage()),
        (REQUEST, Usage(DayBytes(2000, 4000, 7000))),
        (replace(REQUEST, purpose=Purpose.PROFILE, size_bytes=100), Usage()),
        (replace(REQUEST, purpose=Purpose.EPHEMERAL, expire_before_s=NOW_S + 1), Usage()),
        (replace(REQUEST, name="ä" * 127), Usage()),
    ],
)
def test_a_slot_is_given(request_: SlotRequest, usage: Usage) -> None:
    assert decide(request_, usage) is None


@pytest.mark.parametrize(
    ("request_", "condition", "most"),
    [
        (replace(REQUEST, size_bytes=1001), "not-acceptable", 1000),
        (replace(REQUEST, size_bytes=10**999), "not-acceptable", 1000),
        (replace(REQUEST, size_bytes=101, purpose=Purpose.PROFILE), "not-acceptable", 100),
        (replace(REQUEST, size_bytes=0), "bad-request", None),
        (replace(REQUEST, name=""), "bad-request", None),
        (replace(REQUEST, name="ä" * 128), "bad-request", None),
        (replace(REQUEST, purpose=Purpose.EPHEMERAL, expire_before_s=NOW_S), "bad-request", None),
        (replace(REQUEST, media_type="application/X-MSDOWNLOAD; a=b"), "policy-violation", None),
        (replace(REQUEST, media_type="Video/mp4"), "policy-violation", None),
    ],
)
def test_no_slot_is_given(request_: SlotRequest, condition: str, most: int | None) -> None:
    refusal = decide(request_)
    assert refusal is not None
    assert (refusal.condition, refusal.max_bytes) == (condition, most)
    assert refusal.text.endswith(".")


@pytest.mark.parametrize(
    ("usage", "whose"),
    [
        (Usage(DayBytes(2001, 2001, 2001), DayTimes(NOW_S + 60, 1, 1)), "You"),
        (Usage(DayBytes(0, 4001, 4001), DayTimes(1, NOW_S + 60, 1)), "Your enterprise"),
        (Usage(DayBytes(0, 0, 7001), DayTimes(1, 1, NOW_S + 60)), "This site"),
    ],
)
def test_the_space_of_a_day(usage: Usage, whose: str) -> None:
    refusal = decide(REQUEST, usage)
    assert refusal is not None
    assert (refusal.type, refusal.condition, refusal.retry_at_s) == (
        "wait",
        "resource-constraint",
        NOW_S + 60,
    )
    assert refusal.text.startswith(f"{whose} ha")


def test_slots_that_are_not_used_are_counted() -> None:
    tiny = replace(REQUEST, size_bytes=1)
    assert decide(tiny, Usage(person_slots=MAX_OPEN_SLOTS - 1)) is None
    refusal = decide(tiny, Usage(person_slots=MAX_OPEN_SLOTS, lapses_at_s=NOW_S + 9))
    assert refusal is not None
    assert (refusal.type, refusal.condition, refusal.retry_at_s) == (
        "wait",
        "resource-constraint",
        NOW_S + 9,
    )
