"""The account of numbers: an adapter that tells the truth raises nothing, whatever breaks; one that lies is found."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from components.archive.alarm_name import AlarmName
from components.gate.watch.numbers import Finding, Numbers
from components.link.codec import Held, Status
from tests.support.adapter_model import HOST, AdapterModel, submission
from tests.support.rounds import examples


class HonestLine(RuleBasedStateMachine):
    """An honest adapter and a gate that may break, restart and lose answers at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs = 1
        self.adapter = AdapterModel("e1")
        self.numbers = Numbers()
        self.findings: list[Finding] = []
        self.unanswered: deque[Held | Status] = deque()
        self.answers: deque[tuple[str, int]] = deque()

    @rule(patient=st.booleans())
    def hold(self, patient: bool) -> None:
        self.adapter.hold(patient=patient)

    @rule()
    def bounce(self) -> None:
        self.adapter.bounce_overdue()

    @rule()
    def say_status(self) -> None:
        self.adapter.say_status()

    @precondition(lambda self: not self.adapter.connected)
    @rule(careful=st.booleans())
    def connect(self, careful: bool) -> None:
        self.numbers = Numbers(self.numbers.epoch)
        self.adapter.connect(careful=careful)

    @rule()
    def disconnect(self) -> None:
        self.adapter.disconnect()
        self.numbers = Numbers(self.numbers.epoch)
        self.unanswered.clear()
        self.answers.clear()

    @rule(count=st.integers(1, 20))
    def arrive(self, count: int) -> None:
        items = [self.adapter.sent.popleft() for _ in range(min(count, len(self.adapter.sent)))]
        self.findings += self.numbers.take(items)
        self.unanswered += items

    @rule(count=st.integers(1, 20))
    def answer(self, count: int) -> None:
        for _ in range(min(count, len(self.unanswered))):
            item = self.unanswered.popleft()
            if isinstance(item, Status):
                self.answers.append(("noted", item.number))
            else:
                self.numbers.answered(item.epoch, item.seq)
                self.answers.append(("verdict", item.seq))

    @rule(count=st.integers(1, 20))
    def hear(self, count: int) -> None:
        for _ in range(min(count, len(self.answers))):
            kind, number = self.answers.popleft()
            if kind == "noted":
                self.adapter.take_noted(number)
            else:
                self.adapter.take_verdict(number)

    @rule()
    def restart_gate(self) -> None:
        self.disconnect()
        self.numbers = Numbers()

    @rule()
    def restart_server(self) -> None:
        self.disconnect()
        self.epochs += 1
        self.adapter = AdapterModel(f"e{self.epochs}")

    @invariant()
    def nothing_is_found(self) -> None:
        assert {finding.alarm for finding in self.findings} <= {None}


HonestLine.TestCase.settings = settings(examples(300), stateful_step_count=40)
test_an_honest_adapter_raises_nothing = pytest.mark.slow(HonestLine.TestCase)


def status(
    next_seq: int, first: int = 0, done: int | None = None, *, bounced: tuple[int, ...] = ()
) -> Status:
    first = first or next_seq
    return Status(HOST, "e", 1, first, next_seq, first - 1 if done is None else done, 0, bounced)


def started() -> Numbers:
    numbers = Numbers()
    assert numbers.take([status(1)]) == []
    return numbers


@given(length=st.integers(2, 60), data=st.data())
def test_numbers_left_out_are_named_exactly(length: int, data: st.DataObject) -> None:
    left_out = data.draw(st.sets(st.integers(1, length - 1)))
    bounced = data.draw(st.sets(st.sampled_from(sorted(left_out)))) if left_out else set()
    numbers = started()
    numbers.take([status(1, bounced=tuple(sorted(bounced)))])
    found = numbers.take(submission("e", seq) for seq in range(1, length + 1) if seq not in left_out)
    named = [
        seq
        for finding in found
        if finding.alarm is AlarmName.NUMBERS_MISSING
        for seq in range(finding.where.first, finding.where.last + 1)
    ]
    assert named == sorted(left_out - bounced)
    assert all(finding.alarm is AlarmName.NUMBERS_MISSING for finding in found)


@given(length=st.integers(1, 40), data=st.data())
def test_a_number_that_comes_again_is_found(length: int, data: st.DataObject) -> None:
    again = data.draw(st.integers(1, length))
    other = data.draw(st.booleans())
    numbers = started()
    numbers.take(submission("e", seq) for seq in range(1, length + 1))
    (found,) = numbers.take([submission("e", again, "other words" if other else "")])
    assert found.alarm is (AlarmName.NUMBER_REUSED if other else AlarmName.NUMBER_REPEATED)
    assert found.where == (again, again)
    assert numbers.take([submission("e", length + 1)]) == []


@given(length=st.integers(1, 40), data=st.data())
def test_after_a_break_the_same_is_right_and_other_words_are_not(length: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, length))
    altered = data.draw(st.sets(st.integers(first, length)))
    numbers = started()
    numbers.take(submission("e", seq) for seq in range(1, length + 1))
    numbers.answered("e", first - 1)
    numbers = Numbers(numbers.epoch)
    found = numbers.take([status(length + 1, first)])
    found += numbers.take(
        submission("e", seq, "other words" if seq in altered else "") for seq in range(first, length + 1)
    )
    assert [finding.where.first for finding in found] == sorted(altered)
    assert all(finding.alarm is AlarmName.NUMBER_REUSED for finding in found)


@given(answered=st.integers(0, 30), more=st.integers(1, 30))
def test_what_left_the_window_without_a_verdict_is_found(answered: int, more: int) -> None:
    numbers = started()
    numbers.take(submission("e", seq) for seq in range(1, answered + more + 1))
    numbers.answered("e", answered)
    (found,) = numbers.take([status(answered + more + 1)])
    assert found.alarm is AlarmName.LEFT_UNRECORDED
    assert found.where == (answered + 1, answered + more)


@given(patient=st.lists(st.booleans(), min_size=1, max_size=12), times=st.integers(1, 3))
def test_what_an_earlier_gate_noted_as_bounced_raises_nothing(patient: list[bool], times: int) -> None:
    adapter = AdapterModel("e")
    adapter.connect()
    for each in patient:
        adapter.hold(patient=each)
    adapter.bounce_overdue()
    adapter.say_status()
    adapter.take_noted(adapter.status_number)
    for _ in range(times):  # so often the gate starts anew
        adapter.disconnect()
        adapter.connect()
        numbers = Numbers()
        findings = numbers.take(adapter.sent)
    for seq in sorted(adapter.window):
        numbers.answered("e", seq)
        adapter.take_verdict(seq)
        adapter.sent.clear()
        adapter.say_status()
        findings += numbers.take(adapter.sent)
    assert findings == []


@given(
    submitted=st.lists(st.booleans(), min_size=1, max_size=12),
    later=st.integers(0, 3),
    after=st.integers(0, 3),
    said_before=st.booleans(),
)
def test_what_is_bounced_before_it_is_submitted_again_raises_nothing(
    submitted: list[bool], later: int, after: int, said_before: bool
) -> None:
    adapter, numbers = AdapterModel("e"), Numbers()
    adapter.connect()
    for each in submitted:
        adapter.hold(patient=each)
    findings = numbers.take(adapter.sent)
    adapter.disconnect()
    numbers = Numbers(numbers.epoch)
    adapter.connect(careful=True)
    if said_before:
        adapter.bounce_overdue()
    for _ in range(later):
        adapter.hold()
    adapter.bounce_overdue()
    for _ in range(after):
        adapter.hold()
    for seq in sorted(adapter.window):
        findings += numbers.take(adapter.sent)
        adapter.sent.clear()
        numbers.answered("e", seq)
        adapter.take_verdict(seq)
    adapter.say_status()
    findings += numbers.take(adapter.sent)
    assert findings == []
