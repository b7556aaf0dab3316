import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.reader import LogReader, StoredRecord
from components.archive.record import RecordKind
from components.archive.seal import (
    NoKeyError,
    RecipientKey,
    SegmentKeys,
    advance,
    open_segment_keys,
    seal_segment_keys,
)
from components.archive.store import Change, Destruction
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import Entry
from tests.support.archive import AUDITOR, ESCROW, ORIGIN, RECIPIENTS, open_writer, tamper
from tests.support.sealed_log import read_leaves, read_segments

STRANGER = RecipientKey("auditor", X25519PrivateKey.from_private_bytes(bytes([9] * 32)))
CLASSES = (1, 2, 255)
RECORDS = 120


@pytest.fixture
async def mixed(tmp_path: Path) -> Path:
    """A log of three classes, interleaved, in six segments; a payload is its place among what was said."""
    path = tmp_path / "mixed.db"
    said = 0
    for _ in range(2):
        writer = await open_writer(path)
        for count in (1, 20, 39):
            batch = [Entry(RecordKind.STANZA, b"%d" % n, CLASSES[n % 3]) for n in range(said, said + count)]
            await writer.append(batch)
            said += count
        await writer.close()
    return path


async def opened(path: Path, index: int, *keys: RecipientKey) -> OpenedRecord:
    reader = await LogReader.open(path)
    try:
        return await RecordOpener(reader, ORIGIN, keys or (AUDITOR,)).open((await reader.fetch(index, 1))[0])
    finally:
        await reader.close()


def sealed_indexes(path: Path) -> list[int]:
    return [leaf.index for leaf in read_leaves(path) if leaf.segment]


async def test_of_neighbours_those_that_are_wanted_are_opened_alone(
    mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await LogReader.open(mixed)
    opener, tried = RecordOpener(reader, ORIGIN, [AUDITOR]), list[int]()
    whole = await opener.fetch(3, 40)
    key_at = RecordOpener.open_with_key

    async def note(self: RecordOpener, stored: StoredRecord) -> tuple[OpenedRecord, bytes]:
        tried.append(stored.index)
        return await key_at(self, stored)

    monkeypatch.setattr(RecordOpener, "open_with_key", note)
    wanted = {2, 5, 17, 42, 43}
    assert await opener.fetch(3, 40, wanted) == [each for each in whole if each.index in wanted]
    assert tried == [5, 17, 42]
    assert await opener.fetch(3, 40, ()) == []
    await reader.close()


@pytest.mark.parametrize("order", ["forwards", "backwards", "at random", "again and again"])
@pytest.mark.parametrize("holder", [AUDITOR, ESCROW])
async def test_in_any_order(order: str, holder: RecipientKey, mixed: Path) -> None:
    indexes = sealed_indexes(mixed)
    expected = {index: b"%d" % place for place, index in enumerate(indexes)}
    assert len(indexes) == RECORDS
    wanted = {
        "forwards": indexes,
        "backwards": indexes[::-1],
        "at random": random.Random(3).sample(indexes, RECORDS),
        "again and again": [index for index in indexes for _ in range(3)],
    }[order]
    reader = await LogReader.open(mixed)
    opener = RecordOpener(reader, ORIGIN, [STRANGER, holder])
    for index in wanted:
        (record,) = await opener.fetch(index, 1)
        assert (record.index, record.payload, record.fault) == (index, expected[index], "")
        assert record.leaf == record.stored.leaf
    await reader.close()


async def test_more_segments_than_it_keeps_keys_of(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.archive.opener._SEGMENTS_KEPT", 1)
    reader = await LogReader.open(mixed)
    opener = RecordOpener(reader, ORIGIN, [AUDITOR])
    records = [record for record in await opener.fetch(0, 999) if record.leaf.segment]
    assert [record.payload for record in records] == [b"%d" % place for place in range(RECORDS)]
    assert len(opener._ratchets) == 1
    await reader.close()


async def test_bookkeeping_needs_no_key(mixed: Path) -> None:
    reader = await LogReader.open(mixed)
    for index in range(len(read_leaves(mixed))):
        (stored,) = await reader.fetch(index, 1)
        opener = RecordOpener(reader, ORIGIN, [])
        if stored.leaf.segment:
            with pytest.raises(NoKeyError):
                await opener.open(stored)
        else:
            assert (await opener.open(stored)).payload == stored.payload
    await reader.close()


async def test_somebody_elses_key(mixed: Path) -> None:
    with pytest.raises(NoKeyError, match="segment 1 is sealed to auditor, escrow"):
        await opened(mixed, sealed_indexes(mixed)[0], STRANGER)


async def test_a_destroyed_payload(mixed: Path) -> None:
    index = sealed_indexes(mixed)[5]
    tamper(mixed, f"UPDATE record SET payload = NULL WHERE idx = {index}")
    for keys in ((AUDITOR,), (STRANGER,)):
        record = await opened(mixed, index, *keys)
        assert (record.payload, record.fault, record.stored.payload) == (None, "", None)


@pytest.mark.parametrize(
    "change",
    [
        "payload = flip(payload, 0)",
        "payload = flip(payload, -1)",
        "payload = substr(payload, 1, 15)",
        "payload = x''",
        "payload = payload || x'00'",
        *(f"leaf = flip(leaf, {place})" for place in (1, 9, 17, 21, 22, 24, 28, 29, 44)),
    ],
)
async def test_an_altered_record_is_a_fault(change: str, mixed: Path) -> None:
    index = sealed_indexes(mixed)[5]
    tamper(mixed, f"UPDATE record SET {change} WHERE idx = {index}")
    record = await opened(mixed, index)
    assert record.payload is None
    assert record.fault
    assert (await opened(mixed, index + 1)).fault == ""


async def test_a_record_put_in_anothers_place_is_a_fault(mixed: Path) -> None:
    one, other = sealed_indexes(mixed)[5:7]
    tamper(
        mixed,
        f"UPDATE record SET payload = (SELECT payload FROM record WHERE idx = {other}) WHERE idx = {one}",
    )
    assert "does not open" in (await opened(mixed, one)).fault


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE segment SET keys = NULL", "the keys of segment 1 are gone"),
        ("DELETE FROM segment", "the keys of segment 1 are gone"),
        ("UPDATE segment SET keys = x'00'", "malformed"),
        ("UPDATE segment SET keys = (SELECT keys FROM segment WHERE number = 2)", "was altered"),
    ],
)
async def test_keys_that_are_gone_or_altered_are_a_fault(change: str, fault: str, mixed: Path) -> None:
    tamper(mixed, change)
    assert fault in (await opened(mixed, sealed_indexes(mixed)[0])).fault


async def test_a_position_that_no_segment_reaches_is_a_fault(mixed: Path) -> None:
    index = sealed_indexes(mixed)[5]
    tamper(mixed, f"UPDATE record SET leaf = flip(flip(leaf, 23), 24) WHERE idx = {index}")
    assert "does not open" in (await opened(mixed, index)).fault


async def test_another_origin_opens_nothing(mixed: Path) -> None:
    reader = await LogReader.open(mixed)
    opener = RecordOpener(reader, "steelyard.example/audit", [AUDITOR])
    assert "not for this key" in (await opener.fetch(sealed_indexes(mixed)[0], 1))[0].fault
    await reader.close()


@pytest.mark.parametrize("destroyed", [[0], [19], [0, 1, 2], [3, 7, 18], [0, 19], list(range(20))])
async def test_after_an_erasure_all_others_open(destroyed: list[int], mixed: Path) -> None:
    """With single keys before the last that was destroyed, and the chain behind it (section 7)."""
    segment = read_segments(mixed)[0]
    members = [leaf for leaf in read_leaves(mixed) if leaf.segment == segment.number]
    assert len(members) == 20
    assert segment.keys
    keys = open_segment_keys(segment.keys, ORIGIN, segment.number, [AUDITOR])
    envelopes = seal_segment_keys(without(keys, destroyed), ORIGIN, segment.number, RECIPIENTS)
    store = await SqliteStore.open(mixed)
    await store.take_lease()
    gone = Destruction(segment.number, [members[position].index for position in destroyed], envelopes)
    await store.commit(Change(destroyed=[gone]))
    await store.close()

    reader = await LogReader.open(mixed)
    opener = RecordOpener(reader, ORIGIN, [ESCROW])
    for order in (members, members[::-1]):
        for leaf in order:
            (record,) = await opener.fetch(leaf.index, 1)
            place = sealed_indexes(mixed).index(leaf.index)
            assert record.payload == (None if leaf.position in destroyed else b"%d" % place)
            assert record.fault == ""
    await reader.close()


async def test_after_an_erasure_no_key_is_left_for_what_was_destroyed(mixed: Path, tmp_path: Path) -> None:
    """Even whoever kept the sealed payload cannot open it with the new envelopes."""
    segment = read_segments(mixed)[0]
    assert segment.keys
    keys = open_segment_keys(segment.keys, ORIGIN, segment.number, [AUDITOR])
    envelopes = seal_segment_keys(without(keys, [3, 7]), ORIGIN, segment.number, RECIPIENTS)
    tamper(mixed, f"UPDATE segment SET keys = x'{envelopes.hex()}' WHERE number = {segment.number}")
    members = [leaf for leaf in read_leaves(mixed) if leaf.segment == segment.number]
    faults = {leaf.position: (await opened(mixed, leaf.index)).fault for leaf in members}
    assert {position for position, fault in faults.items() if fault} == {3, 7}
    assert faults[3] == "the key of position 3 was destroyed"


def without(keys: SegmentKeys, destroyed: list[int]) -> SegmentKeys:
    chain, single = keys.chain, {}
    for position in range(max(destroyed) + 1):
        record_key, chain = advance(chain)
        if position not in destroyed:
            single[position] = record_key
    return SegmentKeys(max(destroyed) + 1, chain, single)
