"""What a new link may submit again is found in the log's memos, however far back it lies and whatever lies between."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.archive.errors import LogDamaged
from components.archive.record import RecordKind
from components.archive.store import MemoRow
from components.archive.writer import Entry
from components.gate.kept import StanzaKeeper
from components.gate.memo import (
    Memo,
    Recorded,
    encode_memo,
    fetch_recorded,
    parse_memo,
    restore_amended,
)
from policy.decision import Action, Decision, Edit, StanzaError, release
from tests.unit.gate.fakes import ALICE, BOB, EPOCH, FakeLog, held

OTHER = "0123456789abcdef"


def add(log: FakeLog, *seqs: int, epoch: str = EPOCH, decision: Decision | None = None) -> None:
    """Record a batch."""
    memo = Memo(epoch, [(seq, decision or release("rule")) for seq in seqs])
    log.memos.append(MemoRow(len(log.entries), encode_memo(memo)))
    log.entries += [Entry(RecordKind.STANZA, b"")] * len(seqs)


def add_others(log: FakeLog, count: int) -> None:
    """Record what no memo is about."""
    log.entries += [Entry(RecordKind.DELIVERY, b"")] * count


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 600])
async def test_all_that_may_come_again_is_found(count: int) -> None:
    log = FakeLog()
    add(log, 999, epoch=OTHER)
    for seq in range(1, count + 1):
        add(log, seq)
    add_others(log, 3)
    recorded = await fetch_recorded(log, EPOCH, 1)
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
    recorded = await fetch_recorded(log, EPOCH, 9)
    assert set(recorded.answers) == {9, 10, 11, 12}
    assert recorded.find(EPOCH, 8) is None
    assert recorded.find(OTHER, 9) is None


async def test_numbers_that_were_bounced_before_they_were_recorded_are_no_end() -> None:
    log = FakeLog()
    for seq in (1, 2, 7, 9):
        add(log, seq)
    recorded = await fetch_recorded(log, EPOCH, 2)
    assert set(recorded.answers) == {2, 7, 9}


async def test_the_answer_is_the_decision_of_then() -> None:
    log = FakeLog()
    error = StanzaError("modify", "policy-violation", "Turn it off.")
    add(log, 1, decision=Decision(Action.REFUSE, ("rule",), error))
    recorded = await fetch_recorded(log, EPOCH, 1)
    answer = recorded.find(EPOCH, 1)
    assert answer is not None
    assert (answer.index, answer.decision.action, answer.decision.error) == (0, Action.REFUSE, error)
    assert answer.decision.rules == ("rule",)


async def test_an_empty_log_holds_nothing() -> None:
    assert await fetch_recorded(FakeLog(), EPOCH, 1) == Recorded(EPOCH)
    assert Recorded.nothing().find("", 1) is None


@pytest.mark.parametrize("batch", [1, 7, 500])
async def test_batches_of_every_length_are_found(batch: int) -> None:
    log = FakeLog()
    for first in range(1, 501, batch):
        add_others(log, 2)
        add(log, *range(first, min(501, first + batch)))
    recorded = await fetch_recorded(log, EPOCH, 300)
    assert set(recorded.answers) == set(range(300, 501))
    places = {memo.first: memo.last_seq for memo in recorded.memos}
    assert list(places) == sorted(places)
    assert recorded.memos[0].last_seq >= 300
    newest = recorded.memos[-1]
    assert (newest.first, newest.last_seq, newest.count) == (log.memos[-1].first, 500, (499 % batch) + 1)


async def test_what_is_no_memo_is_told() -> None:
    log = FakeLog()
    log.memos.append(MemoRow(3, b"{}"))
    with pytest.raises(LogDamaged, match="record 3"):
        await fetch_recorded(log, EPOCH, 1)


DECISIONS = st.builds(
    Decision,
    st.sampled_from(Action),
    st.lists(st.text(max_size=8), max_size=3).map(tuple),
    st.none() | st.builds(StanzaError, st.text(), st.text(), st.text()),
)


@given(st.text(), st.lists(st.tuples(st.integers(0, 2**40), DECISIONS), unique_by=lambda answer: answer[0]))
def test_a_memo_reads_as_it_was_written(epoch: str, answers: list[tuple[int, Decision]]) -> None:
    memo = Memo(epoch, sorted(answers, key=lambda answer: answer[0]))
    assert parse_memo(encode_memo(memo)) == memo


def test_a_memo_gives_the_same_answer_again_and_has_nothing_of_what_was_said() -> None:
    stanza = b"<message><body>see http://theirs.example/x</body></message>"
    edits = (Edit(19, 42, "[link removed]"),)
    amended = b"<message><body>see [link removed]</body></message>"
    decision = Decision(
        Action.AMEND,
        ("links",),
        notice="Out.",
        strip=("http://theirs.example/x",),
        edits=edits,
        amended=amended,
    )
    hold = Decision(Action.HOLD, ("tips",), StanzaError("wait", "policy-violation", "Held."))
    note = encode_memo(Memo("e", [(1, release()), (2, decision), (3, hold)]))
    assert b"theirs" not in note
    (_, first), (_, second), (_, third) = parse_memo(note).answers
    assert first == release() and restore_amended(first, stanza) is first
    assert restore_amended(second, stanza) == replace(decision, strip=())
    assert third == hold
    assert restore_amended(second, b"another").action is Action.REFUSE


@pytest.mark.parametrize("text", ["Tin at 9410", "Zinc"])
def test_a_memo_says_in_the_clear_who_wrote_to_whom_and_nothing_of_what(text: str) -> None:
    submission = held(1, text=text)
    kept = StanzaKeeper(b"the site's own").keep(submission, release())
    assert kept is not None
    note = encode_memo(Memo(EPOCH, [(1, release())], (kept,)))
    assert ALICE.encode() in note and BOB.encode() in note
    assert text.encode() not in note
    refused = Decision(Action.REFUSE, ("rule",), StanzaError("cancel", "not-allowed", "No."))
    assert StanzaKeeper(b"the site's own").keep(submission, refused) is None
