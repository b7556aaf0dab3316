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
    fetch_all_memos,
    fetch_recorded,
    parse_memo,
    restore_amended,
)
from components.gate.memo_seal import MemoSeal, OtherKeyError
from policy.decision import Action, Decision, Edit, StanzaError, release
from tests.unit.gate.fakes import ALICE, BOB, EPOCH, SITE_KEY, Bench, FakeLog, held, status

OTHER = "0123456789abcdef"
SEAL = MemoSeal(SITE_KEY)


def add(log: FakeLog, *seqs: int, epoch: str = EPOCH, decision: Decision | None = None) -> None:
    """Record a batch."""
    memo = Memo(epoch, [(seq, decision or release("rule")) for seq in seqs])
    log.memos.append(MemoRow(len(log.entries), MemoSeal(SITE_KEY).seal(encode_memo(memo))))
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
    recorded = await fetch_recorded(log, SEAL, EPOCH, 1)
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
    recorded = await fetch_recorded(log, SEAL, EPOCH, 9)
    assert set(recorded.answers) == {9, 10, 11, 12}
    assert recorded.find(EPOCH, 8) is None
    assert recorded.find(OTHER, 9) is None


async def test_numbers_that_were_bounced_before_they_were_recorded_are_no_end() -> None:
    log = FakeLog()
    for seq in (1, 2, 7, 9):
        add(log, seq)
    recorded = await fetch_recorded(log, SEAL, EPOCH, 2)
    assert set(recorded.answers) == {2, 7, 9}


async def test_the_answer_is_the_decision_of_then() -> None:
    log = FakeLog()
    error = StanzaError("modify", "policy-violation", "Turn it off.")
    add(log, 1, decision=Decision(Action.REFUSE, ("rule",), error))
    recorded = await fetch_recorded(log, SEAL, EPOCH, 1)
    answer = recorded.find(EPOCH, 1)
    assert answer is not None
    assert (answer.index, answer.decision.action, answer.decision.error) == (0, Action.REFUSE, error)
    assert answer.decision.rules == ("rule",)


async def test_an_empty_log_holds_nothing() -> None:
    assert await fetch_recorded(FakeLog(), SEAL, EPOCH, 1) == Recorded(EPOCH)
    assert Recorded.nothing().find("", 1) is None


@pytest.mark.parametrize("batch", [1, 7, 500])
async def test_batches_of_every_length_are_found(batch: int) -> None:
    log = FakeLog()
    for first in range(1, 501, batch):
        add_others(log, 2)
        add(log, *range(first, min(501, first + batch)))
    recorded = await fetch_recorded(log, SEAL, EPOCH, 300)
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
        await fetch_recorded(log, SEAL, EPOCH, 1)


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
def test_a_memo_says_who_wrote_to_whom_and_nothing_of_what(text: str) -> None:
    submission = held(1, text=text)
    kept = StanzaKeeper(SITE_KEY).keep(submission, release())
    assert kept is not None
    note = encode_memo(Memo(EPOCH, [(1, release())], (kept,)))
    assert ALICE.encode() in note and BOB.encode() in note
    assert text.encode() not in note
    refused = Decision(Action.REFUSE, ("rule",), StanzaError("cancel", "not-allowed", "No."))
    assert StanzaKeeper(SITE_KEY).keep(submission, refused) is None


NOTE = encode_memo(Memo(EPOCH, [(1, release())]))


def test_what_is_sealed_is_opened_by_any_run_that_has_the_sites_key_and_by_no_other() -> None:
    sealed = [MemoSeal(SITE_KEY).seal(NOTE), SEAL.seal(NOTE), SEAL.seal(NOTE)]
    assert {MemoSeal(SITE_KEY).open(each) for each in sealed} == {NOTE}
    assert len({each[-len(NOTE) - 16 :] for each in sealed}) == 3  # alike, and nobody sees it
    for each in sealed:
        with pytest.raises(OtherKeyError):
            MemoSeal(b"another").open(each)


@pytest.mark.parametrize("size", [0, 1, 24, 25, 32, 33, 48])
def test_what_is_shorter_than_a_memo_is_none(size: int) -> None:
    with pytest.raises(ValueError, match="sealed memo"):
        MemoSeal(SITE_KEY).open(SEAL.seal(NOTE)[:size])


@given(st.integers(25), st.integers(1, 255))
def test_a_byte_that_is_changed_is_found(place: int, change: int) -> None:
    """From the count on: what stands before it says which key it is."""
    sealed = bytearray(SEAL.seal(NOTE))
    sealed[25 + place % (len(sealed) - 25)] ^= change
    with pytest.raises(ValueError, match="was changed"):
        MemoSeal(SITE_KEY).open(bytes(sealed))


async def test_a_sealed_memo_that_was_changed_is_told() -> None:
    log = FakeLog()
    add(log, 1)
    (row,) = log.memos
    log.memos = [MemoRow(row.first, row.note[:-1] + bytes([row.note[-1] ^ 1]))]
    with pytest.raises(LogDamaged, match="record 0"):
        await fetch_recorded(log, SEAL, EPOCH, 1)


async def test_what_another_key_has_sealed_ends_the_search() -> None:
    log = FakeLog()
    add(log, 1)
    log.memos.append(MemoRow(1, MemoSeal(b"another").seal(NOTE)))
    log.entries.append(Entry(RecordKind.STANZA, b""))
    add(log, 3)
    assert set((await fetch_recorded(log, SEAL, EPOCH, 1)).answers) == {3}
    assert [first for first, _ in await fetch_all_memos(log, SEAL)] == [2]


async def test_the_log_has_no_memo_in_the_clear() -> None:
    """What it would say: who, to whom, under which id, and what their rules say of it."""
    bench = Bench()
    bench.take(status(1, 1, 1), held(1)._replace(id="buy-at-9410"))
    await bench.settle()
    memos = dict(await fetch_all_memos(bench.log, SEAL))
    assert [each.id for memo in memos.values() for each in memo.kept] == ["buy-at-9410"]
    for row in bench.log.memos:
        for said in (ALICE, BOB, "buy-at-9410", EPOCH, "message"):
            assert said.encode() not in row.note
    bench.task.cancel()


async def test_a_log_of_before_is_read_and_its_memos_go_as_they_are_done_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = FakeLog()
    log.memos = [MemoRow(0, encode_memo(Memo(EPOCH, [(1, release()), (2, release())])))]
    log.entries = [Entry(RecordKind.STANZA, b"")] * 2
    assert set((await fetch_recorded(log, SEAL, EPOCH, 1)).answers) == {1, 2}
    bench = Bench()
    bench.log.memos, bench.log.entries = log.memos, log.entries
    monkeypatch.setattr("components.gate.journal.KEPT_STANZAS", 0)  # nobody says it again
    bench.take(status(1, 3, 3, 2), held(3))
    await bench.settle()
    bench.take(status(2, 4, 4, 3), held(4))
    await bench.settle()
    assert bench.log.memos
    assert not [row for row in bench.log.memos if row.note.startswith(b"{")]
    bench.task.cancel()
