"""Reconciling the server's numbers with the records: by hand, at random, and on a real log."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.archive.bookkeeping import Tombstone, encode_bookkeeping
from components.archive.log.leaf import (
    LEAF_VERSION,
    NO_CONVERSATION,
    NOT_SEALED,
    Leaf,
    LeafIndex,
    SegmentNumber,
)
from components.archive.opener import OpenedRecord
from components.archive.orders.tombstoned import Tombstoned
from components.archive.reader import StoredRecord
from components.archive.record import (
    Alarm,
    Delivery,
    RecordKind,
    Submission,
    encode_alarm,
    encode_delivery,
    encode_submission,
)
from components.audit.checks.reconcile import EpochReport, NumberAccount, Reconciliation

DESTROYED, DELIVERY_DESTROYED, GONE, UNREADABLE, OWN = "destroyed", "delivery", "gone", "unreadable", "own"


def submission(seq: int, epoch: str = "e1") -> Submission:
    return Submission(RecordKind.STANZA, epoch, seq, "c2s", "c7", 1, "release", (), None, b"<message/>")


def opened(index: int, item: object) -> OpenedRecord:
    kind, payload, fault = RecordKind.STANZA, b"", ""
    match item:
        case int():
            payload = encode_submission(submission(item))
        case Submission():
            payload = encode_submission(item)
        case Delivery():
            kind, payload = RecordKind.DELIVERY, encode_delivery(item)
        case Alarm():
            kind, payload = RecordKind.ALARM, encode_alarm(item)
        case _ if item == UNREADABLE:
            fault = "the record does not open"
        case _ if item == OWN:
            kind, payload = RecordKind.SEGMENT, b"{}"
        case _:
            kind = RecordKind.DELIVERY if item == DELIVERY_DESTROYED else RecordKind.STANZA
    leaf = Leaf(
        LEAF_VERSION, kind, LeafIndex(index), 0, SegmentNumber(1), 1, index, 0, NO_CONVERSATION, bytes(32)
    )
    destroyed = item in (DESTROYED, DELIVERY_DESTROYED)
    stored = StoredRecord(LeafIndex(index), leaf, None if destroyed else b"sealed")
    return OpenedRecord(stored, None if destroyed or fault else payload, fault)


def reconcile(*items: object) -> Reconciliation:
    account = NumberAccount()
    for index, item in enumerate(items):
        if item != GONE:
            account.take(opened(index, item))
    return account.finish(len(items), tombstone_of_all())


def tombstone_of_all() -> Tombstoned:
    tombstoned = Tombstoned()
    tombstoned.add(encode_bookkeeping(Tombstone(1, "an order", 1, (), ""))[1])
    return tombstoned


def epoch(*items: object) -> EpochReport:
    (report,) = reconcile(*items).epochs
    return report


def done(through: int, *bounced: int, epoch: str = "e1") -> Delivery:
    return Delivery(epoch, through, bounced)


def test_what_adds_up() -> None:
    result = reconcile(OWN, 1, 2, done(0), 3, 6, done(2, 4), done(6, 4, 5), 7)
    assert result.findings == 0
    (report,) = result.epochs
    assert (report.submissions, report.last, report.through, report.bounced) == (5, 7, 6, 2)


def test_an_empty_log_adds_up() -> None:
    assert reconcile().findings == 0
    assert reconcile(done(0)).findings == 0


WRONG: dict[str, tuple[list[object], str, list[tuple[int, int]]]] = {
    "left out": ([1, 4, 5, 8], "missing", [(2, 3), (6, 7)]),
    "left out at the beginning": ([3], "missing", [(1, 2)]),
    "left out, and said to be carried out": ([1, done(3)], "missing", [(2, 3)]),
    "left out, and others bounced": ([1, 9, done(9, 3, 4, 8)], "missing", [(2, 2), (5, 7)]),
    "bounced in another epoch": ([1, 3, done(0, 2, epoch="e0")], "missing", [(2, 2)]),
    "recorded again": ([1, 2, 3, 2, 3, 1], "repeated", [(1, 3)]),
    "recorded behind": ([1, 4, 2, 3, 5], "misplaced", [(2, 3)]),
    "a number of another world": ([1, 10**18], "missing", [(2, 10**18 - 1)]),
    "fewer destroyed than are missing": ([1, DESTROYED, 4], "missing", [(2, 3)]),
    "destroyed elsewhere": ([DESTROYED, 2, 4], "missing", [(3, 3)]),
    "said to be bounced by what is destroyed before": (
        [1, DELIVERY_DESTROYED, 2, 4, done(4)],
        "missing",
        [(3, 3)],
    ),
    "said to be bounced by what is destroyed long after": (
        [1, 3, done(3), DELIVERY_DESTROYED],
        "missing",
        [(2, 2)],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_add_up(name: str) -> None:
    items, where, expected = WRONG[name]
    result = reconcile(*items)
    report = next(each for each in result.epochs if each.epoch == "e1")
    found = {
        each: [tuple(pair) for pair in getattr(report, each)]
        for each in ("missing", "unsure", "repeated", "misplaced")
    }
    assert found == {each: expected if each == where else [] for each in found}
    assert result.findings == len(expected)


@pytest.mark.parametrize(
    ("items", "unsure"),
    [
        ([1, DESTROYED, DESTROYED, 4], []),
        ([DESTROYED] * 5 + [6, 7], []),
        ([DESTROYED] * 9 + [6], []),  # an older epoch's, of which nothing else is left
        ([1, DESTROYED, 4, done(4, 2)], []),
        ([1, 3, DELIVERY_DESTROYED, done(3)], [(2, 2)]),
        ([1, DELIVERY_DESTROYED, 3, done(3)], [(2, 2)]),
    ],
)
def test_what_was_destroyed_when_its_time_was_over(
    items: list[object], unsure: list[tuple[int, int]]
) -> None:
    assert reconcile(*items).findings == 0
    assert [tuple(pair) for pair in epoch(*items).unsure] == unsure


def test_records_that_are_gone_or_do_not_open() -> None:
    result = reconcile(1, GONE, GONE, 4, UNREADABLE, 6, GONE)
    assert result.records_missing == ((1, 2), (6, 6))
    assert result.unreadable == ((4, 4),)
    assert result.epochs[0].missing == ((2, 3), (5, 5))
    assert result.findings == 5


def test_what_is_gone_is_missing_unless_a_tombstone_is_about_it() -> None:
    items = [1, DESTROYED, DESTROYED, 4, DESTROYED]

    def take(*tombstones: Tombstone) -> Reconciliation:
        account = NumberAccount()
        for index, item in enumerate(items):
            account.take(opened(index, item))
        for index, tombstone in enumerate(tombstones, len(items)):
            own = opened(index, OWN)
            leaf = replace(own.leaf, kind=RecordKind.TOMBSTONE, segment=NOT_SEALED)
            payload = encode_bookkeeping(tombstone)[1]
            account.take(OpenedRecord(StoredRecord(LeafIndex(index), leaf, payload), payload))
        return account.finish(len(items) + len(tombstones), Tombstoned())

    result = take()
    assert (result.payloads_missing, result.destroyed, result.findings) == (((1, 2), (4, 4)), 0, 2)
    result = take(Tombstone(1, "an order", 1, (2,), ""), Tombstone(2, "another", 9, (), ""))
    assert (result.payloads_missing, result.destroyed) == (((1, 1), (4, 4)), 1)
    result = take(Tombstone(1, "an order", 3, (), ""))
    assert (result.payloads_missing, result.destroyed, result.findings) == ((), 3, 0)


def test_each_epoch_is_an_account_of_its_own() -> None:
    result = reconcile(1, 2, submission(1, "e2"), submission(3, "e2"), done(2, epoch="e1"))
    assert [(each.epoch, each.last, each.findings) for each in result.epochs] == [("e1", 2, 0), ("e2", 3, 1)]


def test_alarms_are_listed() -> None:
    alarm = Alarm("link-down", (), 7)
    (raised,) = reconcile(1, alarm).alarms
    assert (raised.index, raised.alarm) == (1, alarm)


@pytest.mark.slow
@given(st.data())
def test_a_log_of_an_honest_gate_adds_up_and_one_record_less_does_not(data: st.DataObject) -> None:
    """Numbers in order; some are bounced instead, and named in any later status, at the latest when all is done."""
    last = data.draw(st.integers(1, 40))
    bounced = data.draw(st.sets(st.integers(1, last)))
    items: list[object] = []
    unnamed: set[int] = set()
    for seq in range(1, last + 1):
        if seq in bounced:
            unnamed.add(seq)
        else:
            items.append(seq)
        if data.draw(st.booleans()):
            named = set(data.draw(st.lists(st.sampled_from(sorted(unnamed))))) if unnamed else set()
            lowest_open = min(unnamed - named, default=seq + 1)
            items.append(done(lowest_open - 1, *sorted(named)))
            unnamed -= named
    items.append(done(last, *sorted(unnamed)))
    assert reconcile(*items).findings == 0
    recorded = [place for place, item in enumerate(items) if isinstance(item, int)]
    if recorded:
        victim = data.draw(st.sampled_from(recorded))
        report = epoch(*items[:victim], *items[victim + 1 :])
        assert report.missing == ((items[victim],) * 2,)
        again = data.draw(st.integers(victim + 1, len(items)))
        report = epoch(*items[:again], items[victim], *items[again:])
        assert report.repeated == ((items[victim],) * 2,)


@given(st.sets(st.integers(1, 60), min_size=1))
def test_ranges_are_whole_and_apart(seqs: Iterable[int]) -> None:
    present = sorted(seqs)
    missing = epoch(*present).missing
    assert [number for first, last in missing for number in range(first, last + 1)] == [
        number for number in range(1, present[-1]) if number not in present
    ]
    assert all(left.last + 1 < right.first for left, right in pairwise(missing))
