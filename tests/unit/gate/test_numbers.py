"""The account of numbers, case by case; what holds for all of them is in tests/property."""

import pytest

from components.archive.alarm_name import AlarmName
from components.gate.watch.numbers import Numbers
from components.link.codec import Held, Status
from tests.support.adapter_model import HOST, submission


def status(
    first: int, next_seq: int, done: int, *, bounced: tuple[int, ...] = (), epoch: str = "e"
) -> Status:
    return Status(HOST, epoch, 1, first, next_seq, done, 0, bounced)


def found(numbers: Numbers, *items: Held | Status) -> list[tuple[AlarmName | None, int, int]]:
    return [(finding.alarm, *finding.where) for finding in numbers.take(items)]


@pytest.fixture
def numbers() -> Numbers:
    """One that has answered 1 to 5 of epoch e."""
    numbers = Numbers()
    numbers.take([status(1, 1, 0), *(submission("e", seq) for seq in range(1, 6))])
    numbers.answered("e", 5)
    assert numbers.take([status(6, 6, 5)]) == []
    return numbers


def test_a_gate_that_starts_takes_the_window_as_it_is() -> None:
    numbers = Numbers()
    # 41 waits for the gate; 42 to 49 were bounced and noted in an earlier life of the gate.
    assert found(numbers, status(41, 50, 40), submission("e", 41), submission("e", 50)) == []
    assert found(numbers, submission("e", 52), status(41, 53, 40)) == [(AlarmName.NUMBERS_MISSING, 51, 51)]


def test_what_was_bounced_before_a_gate_started_was_not_left_unrecorded() -> None:
    numbers = Numbers()
    # 41, an event, waits for the gate; 42 to 49 were bounced and noted in an earlier life of the gate.
    numbers.take([status(41, 50, 40), submission("e", 41)])
    numbers.answered("e", 41)
    assert found(numbers, submission("e", 50), status(50, 51, 49)) == []


def test_what_a_gate_that_starts_was_submitted_again_needs_its_verdict() -> None:
    numbers = Numbers()
    numbers.take([status(41, 50, 40), submission("e", 41), submission("e", 44)])
    numbers.answered("e", 41)
    assert found(numbers, status(50, 50, 49)) == [(AlarmName.LEFT_UNRECORDED, 44, 44)]


def test_what_came_after_a_gate_started_needs_its_verdict() -> None:
    numbers = Numbers()
    numbers.take([status(41, 50, 40), submission("e", 41)])
    numbers.answered("e", 41)
    assert found(numbers, submission("e", 50), submission("e", 51), status(52, 52, 51)) == [
        (AlarmName.LEFT_UNRECORDED, 50, 51)
    ]


@pytest.fixture
def careful(numbers: Numbers) -> Numbers:
    """The next connection, on which the adapter submits 6 of 6 to 10 again before it goes on with the others."""
    numbers.take(submission("e", seq) for seq in range(6, 11))
    numbers = Numbers(numbers.epoch)
    assert numbers.take([status(6, 11, 5), submission("e", 6)]) == []
    return numbers


def test_what_was_bounced_before_it_was_submitted_again_is_not_missing(careful: Numbers) -> None:
    assert found(careful, submission("e", 11)) == []
    assert found(careful, status(11, 12, 10, bounced=(6, 7, 8, 9, 10)), submission("e", 12)) == []


def test_what_was_neither_bounced_nor_submitted_again_is_missing(careful: Numbers) -> None:
    assert found(careful, submission("e", 11)) == []
    assert (AlarmName.NUMBERS_MISSING, 8, 8) in found(careful, status(11, 12, 10, bounced=(6, 7, 9, 10)))


def left_out(careful: Numbers) -> Numbers:
    """Return the account of the next connection: 7 and 8 were left out of what was submitted again, and it broke."""
    assert found(careful, submission("e", 9)) == []
    return Numbers(careful.epoch)


def test_what_was_left_out_is_not_missing_when_the_next_connection_says_that_it_was_bounced(
    careful: Numbers,
) -> None:
    assert found(left_out(careful), status(9, 11, 5, bounced=(6, 7, 8)), submission("e", 9)) == []


def test_what_was_left_out_is_missing_when_the_next_connection_does_not_say_what_became_of_it(
    careful: Numbers,
) -> None:
    assert (AlarmName.NUMBERS_MISSING, 7, 8) in found(left_out(careful), status(9, 11, 6))


def test_what_was_left_out_is_missing_when_the_server_ends_before_it_says_more(careful: Numbers) -> None:
    numbers = left_out(careful)
    assert (AlarmName.NUMBERS_MISSING, 7, 8) in found(numbers, status(1, 1, 0, epoch="f"))
    assert found(numbers, status(1, 1, 0, epoch="f")) == []


def test_what_was_new_and_bounced_before_its_turn_is_not_missing(careful: Numbers) -> None:
    # 11 and 12 came while the adapter submitted 6 to 10 again, and their time was over before those were through.
    assert found(careful, submission("e", 13)) == []
    assert found(careful, status(13, 14, 12, bounced=tuple(range(6, 13))), submission("e", 14)) == []


def test_what_was_new_and_neither_bounced_nor_submitted_is_missing(careful: Numbers) -> None:
    assert found(careful, submission("e", 13)) == []
    assert (AlarmName.NUMBERS_MISSING, 11, 11) in found(
        careful, status(13, 14, 12, bounced=(6, 7, 8, 9, 10, 12))
    )


def test_what_never_came_after_all_was_submitted_again_is_missing_at_once(careful: Numbers) -> None:
    assert found(careful, status(11, 11, 10, bounced=(6, 7, 8, 9, 10))) == []
    assert found(careful, submission("e", 13)) == [(AlarmName.NUMBERS_MISSING, 11, 12)]


def test_what_never_came_is_missing_at_once_when_there_was_nothing_to_submit_again(numbers: Numbers) -> None:
    numbers = Numbers(numbers.epoch)
    assert found(numbers, status(6, 6, 5), submission("e", 8)) == [(AlarmName.NUMBERS_MISSING, 6, 7)]


def test_a_status_tells_of_numbers_that_never_came(numbers: Numbers) -> None:
    assert found(numbers, status(6, 9, 5)) == [(AlarmName.NUMBERS_MISSING, 6, 8)]
    assert found(numbers, submission("e", 9)) == []


def test_the_last_number_of_a_status_may_be_bounced(numbers: Numbers) -> None:
    assert found(numbers, status(8, 8, 7, bounced=(6, 7)), submission("e", 8)) == []


def test_a_number_of_which_nothing_is_known_any_more_goes_back(numbers: Numbers) -> None:
    assert found(numbers, submission("e", 2)) == [(AlarmName.NUMBERS_BACK, 2, 2)]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(status(6, 6, 6), id="more is carried out than has left the window"),
        pytest.param(status(6, 6, 4), id="less is carried out than before"),
        pytest.param(status(6, 5, 5), id="the window ends before it begins"),
        pytest.param(status(5, 5, 4), id="less is numbered than was submitted"),
    ],
)
def test_a_status_that_contradicts_what_was_said(numbers: Numbers, wrong: Status) -> None:
    assert AlarmName.STATUS_CONTRADICTS in {alarm for alarm, *_ in found(numbers, wrong)}


def test_a_status_that_knows_of_fewer_than_were_submitted(numbers: Numbers) -> None:
    assert found(numbers, submission("e", 6), status(6, 6, 5)) == [(AlarmName.STATUS_CONTRADICTS, 6, 6)]
    numbers = Numbers(numbers.epoch)
    assert (AlarmName.STATUS_CONTRADICTS, 6, 6) in found(numbers, status(6, 6, 5))


def test_a_link_that_submits_before_its_status(numbers: Numbers) -> None:
    numbers = Numbers(numbers.epoch)
    assert found(numbers, submission("e", 6)) == [(AlarmName.UNANNOUNCED, 6, 6)]


def test_another_epoch_without_a_status(numbers: Numbers) -> None:
    assert found(numbers, submission("f", 1)) == [(AlarmName.UNANNOUNCED, 1, 1)]


def test_a_new_epoch_tells_what_the_old_one_left_open(numbers: Numbers) -> None:
    numbers.take([submission("e", 6), submission("e", 7)])
    numbers.answered("e", 7)
    numbers = Numbers(numbers.epoch)
    assert found(numbers, status(1, 1, 0, epoch="f"), submission("f", 1)) == [(None, 6, 7)]


def test_a_new_epoch_that_begins_late_lacks_its_beginning(numbers: Numbers) -> None:
    numbers = Numbers(numbers.epoch)
    assert found(numbers, status(4, 4, 3, epoch="f", bounced=(2,))) == [
        (AlarmName.LEFT_UNRECORDED, 1, 1),
        (AlarmName.LEFT_UNRECORDED, 3, 3),
    ]


def test_it_forgets_what_cannot_come_again(numbers: Numbers) -> None:
    for first in range(6, 1006, 10):
        numbers.take([submission("e", seq) for seq in range(first, first + 10)])
        numbers.answered("e", first + 9)
        assert numbers.take([status(first + 10, first + 10, first + 9)]) == []
    assert numbers.epoch is not None
    assert not numbers.epoch.contents
    assert not numbers.epoch.bounced
