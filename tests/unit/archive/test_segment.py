"""When a segment ends, and that it says of itself what its leaves say."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from components.archive.head import NS_PER_SECOND
from components.archive.record import RecordKind
from components.archive.seal import open_segment_keys
from components.archive.segment import MAX_AGE_S, MAX_BATCH_RECORDS, MAX_RECORDS, OpenSegment, open_segment
from components.archive.store import Change
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import Entry, LogWriter
from tests.support.archive import AUDITOR, ORIGIN, RECIPIENTS, SIGNER, START_S, entries, open_writer
from tests.support.rounds import chance
from tests.support.sealed_log import assert_segments_add_up, assert_whole, read_leaves, read_segments

START_NS = START_S * NS_PER_SECOND
MAX_AGE_NS = MAX_AGE_S * NS_PER_SECOND
HOUR_NS = 3600 * NS_PER_SECOND


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def writer(tmp_path: Path, clock: Clock) -> LogWriter:
    return await LogWriter.open_on(await SqliteStore.open(tmp_path / "gate.db"), SIGNER, RECIPIENTS, clock)


def said(*counts: int, retention_class: int = 1) -> list[Entry]:
    return [
        Entry(RecordKind.STANZA, b"%d" % number, retention_class)
        for count in counts
        for number in range(count)
    ]


def payloads(batches: Sequence[Sequence[Entry]]) -> list[bytes]:
    return [entry.payload for batch in batches for entry in batch]


def lengths(path: Path) -> list[int]:
    """Count the records of each segment, in order."""
    leaves = read_leaves(path)
    return [
        sum(leaf.segment == segment.number for leaf in leaves if leaf.kind < 64)
        for segment in read_segments(path)
    ]


def test_the_numbers_are_those_of_the_format() -> None:
    assert (MAX_RECORDS, MAX_AGE_S, MAX_BATCH_RECORDS) == (4096, 600, 65_536)


def test_a_segment_begins_with_keys_for_its_recipients() -> None:
    segment, envelopes, (kind, payload) = open_segment(7, 3, 1234, ORIGIN, RECIPIENTS)
    assert segment == OpenSegment(7, 3, 1234, segment.chain)
    assert open_segment_keys(envelopes, ORIGIN, 7, [AUDITOR]).chain == segment.chain
    assert kind is RecordKind.SEGMENT
    assert json.loads(payload) == {
        "segment": 7,
        "retention_class": 3,
        "keys_sha256": sha256(envelopes).hexdigest(),
        "recipients": ["auditor", "escrow"],
    }


def test_no_two_segments_share_a_chain() -> None:
    chains = {open_segment(7, 3, 1234, ORIGIN, RECIPIENTS)[0].chain for _ in range(20)}
    assert len(chains) == 20


@pytest.mark.parametrize(
    ("count", "more", "room"),
    [
        (0, 1, True),
        (0, 4096, True),
        (0, 4097, True),  # a batch that is longer has a segment of its own
        (0, 65_536, True),
        (1, 4095, True),
        (1, 4096, False),
        (4095, 1, True),
        (4095, 2, False),
        (4096, 1, False),
        (5000, 1, False),
    ],
)
def test_room(count: int, more: int, room: bool) -> None:
    assert OpenSegment(1, 1, 0, b"", count).has_room(more, 0) is room


@pytest.mark.parametrize(
    ("age_ns", "over"),
    [
        (0, False),
        (1, False),
        (MAX_AGE_NS - 1, False),
        (MAX_AGE_NS, True),
        (HOUR_NS, True),
        (-1, True),  # the clock was set back
        (-HOUR_NS, True),
    ],
)
def test_age(age_ns: int, over: bool) -> None:
    for count in (0, 1):
        segment = OpenSegment(1, 1, START_NS, b"", count)
        assert segment.is_over(START_NS + age_ns) is over
        assert segment.has_room(1, START_NS + age_ns) is not over


def test_a_manifest_counts() -> None:
    segment = OpenSegment(7, 3, 0, b"a")
    assert json.loads(segment.manifest()[1]) == {
        "segment": 7,
        "retention_class": 3,
        "count": 0,
        "first": -1,
        "last": -1,
    }
    segment = segment.grown(b"b", 1, 0, 0).grown(b"c", 3, 5, 9)
    assert (segment.chain, segment.manifest()[0]) == (b"c", RecordKind.MANIFEST)
    assert json.loads(segment.manifest()[1]) == {
        "segment": 7,
        "retention_class": 3,
        "count": 4,
        "first": 0,
        "last": 9,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([1] * 5, [5]),
        ([4096], [4096]),
        ([4096, 1], [4096, 1]),
        ([4095, 1, 1], [4096, 1]),
        ([4095, 2], [4095, 2]),  # a batch is never split
        ([2048] * 5, [4096, 4096, 2048]),
        ([3000, 3000], [3000, 3000]),
        ([5000], [5000]),
        ([1, 5000, 1], [1, 5000, 1]),
        ([5000, 5000], [5000, 5000]),
        ([4097, 4096], [4097, 4096]),
    ],
)
async def test_it_ends_before_it_is_too_long(
    batches: list[int], expected: list[int], writer: LogWriter, tmp_path: Path
) -> None:
    for count in batches:
        await writer.append(said(count))
    await writer.close()
    assert lengths(tmp_path / "gate.db") == expected
    await assert_whole(tmp_path / "gate.db", payloads([said(count) for count in batches]))


@pytest.mark.slow
async def test_the_longest_batch_there_can_be(writer: LogWriter, tmp_path: Path) -> None:
    batch = said(MAX_BATCH_RECORDS)
    await writer.append(said(3))
    await writer.append(batch)
    await writer.append(said(3))
    await writer.close()
    assert lengths(tmp_path / "gate.db") == [3, MAX_BATCH_RECORDS, 3]
    assert read_leaves(tmp_path / "gate.db")[5 + MAX_BATCH_RECORDS].position == MAX_BATCH_RECORDS - 1
    await assert_whole(tmp_path / "gate.db", payloads([said(3), batch, said(3)]))


async def test_it_ends_after_ten_minutes(writer: LogWriter, clock: Clock, tmp_path: Path) -> None:
    await writer.append(said(3))
    clock.now_ns += MAX_AGE_NS - 1
    await writer.append(said(3))
    await writer.maintain()
    assert [segment.manifest for segment in read_segments(tmp_path / "gate.db")] == [None]
    clock.now_ns += 1
    await writer.append(said(3))
    assert [segment.manifest for segment in read_segments(tmp_path / "gate.db")] == [7, None]
    await writer.close()
    assert lengths(tmp_path / "gate.db") == [6, 3]
    await assert_whole(tmp_path / "gate.db", payloads([said(3)] * 3))


async def test_it_ends_after_ten_minutes_though_nobody_says_anything(
    writer: LogWriter, clock: Clock, tmp_path: Path
) -> None:
    await writer.append([*said(3), *said(2, retention_class=2)])
    clock.now_ns += MAX_AGE_NS // 2
    await writer.append(said(1, retention_class=7))
    clock.now_ns += MAX_AGE_NS // 2
    await writer.maintain()
    manifests = [segment.manifest for segment in read_segments(tmp_path / "gate.db")]
    assert manifests == [9, 10, None]  # that of class 7 is younger
    await writer.maintain()
    assert writer.size == 11
    assert_segments_add_up(tmp_path / "gate.db", ended=False)
    await writer.append(said(1))
    await writer.close()
    assert lengths(tmp_path / "gate.db") == [3, 2, 1, 1]
    await assert_whole(
        tmp_path / "gate.db", payloads([said(3), said(2), said(1, retention_class=7), said(1)])
    )


async def test_a_clock_set_back_an_hour(writer: LogWriter, clock: Clock, tmp_path: Path) -> None:
    """It ends the segment, whose time cannot be told any more; the next one lasts its ten minutes again."""
    await writer.append(said(3))
    clock.now_ns -= HOUR_NS
    await writer.maintain()
    assert [segment.manifest for segment in read_segments(tmp_path / "gate.db")] == [4]
    for _ in range(10):
        await writer.append(said(2))
        clock.now_ns += MAX_AGE_NS // 10
        await writer.maintain()
    await writer.append(said(1))
    await writer.close()
    assert lengths(tmp_path / "gate.db") == [3, 20, 1]
    assert {leaf.time_ns for leaf in read_leaves(tmp_path / "gate.db")} == {START_NS}
    await assert_whole(tmp_path / "gate.db", payloads([said(3), *[said(2)] * 10, said(1)]))


async def test_a_clock_set_back_between_two_appends(writer: LogWriter, clock: Clock, tmp_path: Path) -> None:
    await writer.append(said(3))
    clock.now_ns -= HOUR_NS
    await writer.append(said(2))
    clock.now_ns += 2 * HOUR_NS
    await writer.append(said(1))
    await writer.close()
    assert lengths(tmp_path / "gate.db") == [3, 2, 1]
    await assert_whole(tmp_path / "gate.db", payloads([said(3), said(2), said(1)]))


@pytest.mark.slow
@pytest.mark.fuzz
async def test_classes_that_are_interleaved_have_segments_of_their_own(
    writer: LogWriter, tmp_path: Path
) -> None:
    draw = chance("classes")
    classes = (1, 2, 7, 255)
    batches = [
        [
            Entry(RecordKind.STANZA, b"%d/%d" % (number, place), draw.choice(classes))
            for place in range(draw.randrange(1, 900))
        ]
        for number in range(40)
    ]
    for batch in batches:
        first = await writer.append(batch)
        assert first == writer.size - len(batch)
    await writer.close()
    await assert_whole(tmp_path / "gate.db", payloads(batches))
    for segment, length in zip(
        read_segments(tmp_path / "gate.db"), lengths(tmp_path / "gate.db"), strict=True
    ):
        assert segment.retention_class in classes
        assert 0 < length <= MAX_RECORDS
    by_class = {leaf.retention_class for leaf in read_leaves(tmp_path / "gate.db") if leaf.segment}
    assert by_class == set(classes)


async def test_bookkeeping_of_a_caller_belongs_to_no_segment(writer: LogWriter, tmp_path: Path) -> None:
    order = Entry(RecordKind.ORDER, b"a signed note")
    assert await writer.append([order]) == 0
    assert await writer.append([*said(1), order, *said(1)]) == 2
    await writer.close()
    leaves = read_leaves(tmp_path / "gate.db")
    assert [(leaf.kind, leaf.segment, leaf.position) for leaf in leaves] == [
        (66, 0, 0),
        (64, 0, 0),
        (1, 1, 0),
        (66, 0, 0),
        (1, 1, 1),
        (65, 0, 0),
    ]
    assert_segments_add_up(tmp_path / "gate.db")


async def test_the_next_writer_ends_what_it_finds_open(tmp_path: Path) -> None:
    """As after a kill: the store goes, and the writer says no word."""
    path = tmp_path / "gate.db"
    writer = await open_writer(path)
    await writer.append([*said(3), *said(4, retention_class=2)])
    await writer._store.close()
    assert [segment.manifest for segment in read_segments(path)] == [None, None]
    writer = await open_writer(path)
    assert [segment.manifest for segment in read_segments(path)] == [9, 10]
    await writer.append([*said(2), *said(1, retention_class=2)])
    await writer.close()
    assert lengths(path) == [3, 4, 2, 1]
    await assert_whole(path, payloads([said(3), said(4), said(2), said(1)]))


async def test_a_writer_that_is_killed_before_it_has_ended_them(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    writer = await open_writer(path)
    await writer.append(said(3))
    await writer._store.close()

    class Killed(SqliteStore):
        async def commit(self, change: Change) -> None:
            raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            await LogWriter.open_on(await Killed.open(path), SIGNER, RECIPIENTS)
    writer = await open_writer(path)
    await writer.close()
    assert lengths(path) == [3]
    await assert_whole(path, payloads([said(3)]))


async def test_a_log_whose_writer_stopped_in_order_has_none_open(tmp_path: Path) -> None:
    for number in range(3):
        writer = await open_writer(tmp_path / "gate.db")
        await writer.append(entries(number, 1))
        await writer.close()
        assert None not in [segment.manifest for segment in read_segments(tmp_path / "gate.db")]
    size = writer.size
    for _ in range(2):  # and a writer that has nothing to write adds nothing
        writer = await open_writer(tmp_path / "gate.db")
        await writer.maintain()
        await writer.sign()
        await writer.close()
    assert writer.size == size == 9
