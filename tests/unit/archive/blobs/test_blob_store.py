"""Blobs in a directory and in S3: one contract for both."""

import asyncio
import itertools
import time
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from components.archive.blobs.address import BlobAddress, parse_address
from components.archive.blobs.errors import (
    BlobDamaged,
    BlobDestroyed,
    BlobMissing,
    BlobRenewed,
    BlobUnavailable,
    VersionConflict,
)
from components.archive.blobs.head import BlobHead, BlobTombstone
from components.archive.blobs.objects import ObjectStore
from components.archive.blobs.reader import BlobState
from components.archive.blobs.stream import CHUNK_SIZE_BYTES
from components.archive.blobs.sweep import sweep
from components.archive.seal import NoKeyError, RecipientKey
from tests.support.archive import AUDITOR, ESCROW
from tests.support.blobs import (
    ADDRESS_KEY,
    DAY_S,
    NOW_NS,
    content,
    names,
    of,
    open_reader,
    open_store,
    pieces,
)
from tests.support.rounds import examples

STRANGER = RecipientKey("stranger", X25519PrivateKey.from_private_bytes(bytes([9] * 32)))
BIG = 9 * CHUNK_SIZE_BYTES * 20 + 1234  # more than one part of an upload


async def read(objects: ObjectStore, address: BlobAddress, start: int = 0, end: int | None = None) -> bytes:
    blob = await open_reader(objects).open(address)
    return b"".join([piece async for piece in blob.read(start, end)])


@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE_BYTES, CHUNK_SIZE_BYTES + 1, BIG])
async def test_what_was_put_is_read(size: int, objects: ObjectStore) -> None:
    data = content(size)
    blob = await open_store(objects).put(pieces(data), 1)
    assert (blob.size_bytes, blob.sha256, blob.is_new) == (size, sha256(data).digest(), True)
    assert await read(objects, blob.address) == data
    opened = await open_reader(objects, ESCROW).open(parse_address(str(blob.address)))
    assert (opened.size_bytes, opened.sha256) == (size, sha256(data).digest())


async def test_nothing_of_it_lies_in_the_clear(objects: ObjectStore) -> None:
    data = b"copper cathodes " * 20_000
    await open_store(objects).put(pieces(data), 1)
    for name in await names(objects):
        stored = await objects.read_range(name, 0, 10**7)
        assert b"cathodes" not in stored
        assert sha256(data).digest() not in stored
        assert sha256(data).hexdigest().encode() not in stored


async def test_parts_are_read_by_themselves(objects: ObjectStore) -> None:
    data = content(40 * CHUNK_SIZE_BYTES + 77)
    address = (await open_store(objects).put(pieces(data), 1)).address
    for start, end in [
        (0, 1),
        (0, CHUNK_SIZE_BYTES),
        (CHUNK_SIZE_BYTES - 1, CHUNK_SIZE_BYTES + 1),
        (5 * CHUNK_SIZE_BYTES, 30 * CHUNK_SIZE_BYTES),
        (len(data) - 1, len(data)),
        (len(data) - 5, len(data) + 100),
        (len(data), len(data) + 1),
        (7, 7),
        (9, 3),
    ]:
        assert await read(objects, address, start, end) == data[start:end], (start, end)


async def test_equal_files_are_kept_once_in_a_class(objects: ObjectStore) -> None:
    store, data = open_store(objects), content(200_000)
    first = await store.put(pieces(data), 1)
    before = await names(objects)
    again = await store.put(pieces(data, 777), 1)
    assert (again.address, again.is_new) == (first.address, False)
    assert await names(objects) == before


async def test_equal_files_of_two_enterprises_have_nothing_in_common(objects: ObjectStore) -> None:
    store, data = open_store(objects), content(200_000)
    blobs = [await store.put(pieces(data), 1, enterprise=firm) for firm in ("metals", "grain", "metals")]
    assert [blob.is_new for blob in blobs] == [True, True, False]
    assert blobs[0].address == blobs[2].address
    assert blobs[0].address.digest != blobs[1].address.digest
    await store.destroy(blobs[1].address, "order-1")
    assert await read(objects, blobs[0].address) == data


async def test_each_put_counts_as_later_also_when_the_clock_was_set_back(objects: ObjectStore) -> None:
    times = iter([NOW_NS, NOW_NS, NOW_NS - 10**9, NOW_NS - 10**9, NOW_NS - 2 * 10**9])
    store = open_store(objects, clock_ns=lambda: next(times))
    address = (await store.put(pieces(b"tin"), 1)).address
    before = await store.find(address)
    assert isinstance(before, BlobHead)
    await store.put(pieces(b"tin"), 1)
    with pytest.raises(BlobRenewed):
        await store.destroy(address, "order-1", put_before_ns=before.renewed_at_ns + 1)


async def test_what_an_interrupted_destruction_left_goes_when_the_content_comes_again(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise BlobUnavailable("killed")

    store = open_store(objects)
    address = (await store.put(pieces(b"tin"), 1)).address
    with monkeypatch.context() as broken:
        broken.setattr(type(objects), "delete", fail)
        with pytest.raises(BlobUnavailable):
            await store.destroy(address, "order-1")
    assert len(await names(objects)) == 2
    assert (await store.put(pieces(b"tin"), 1)).is_new
    assert len(await names(objects)) == 2
    assert await read(objects, address) == b"tin"


async def test_equal_files_of_another_class_site_key_or_recipient_have_nothing_in_common(
    objects: ObjectStore,
) -> None:
    data = content(200_000)
    stores = [
        (open_store(objects), 1),
        (open_store(objects), 2),
        (open_store(objects, site="steelyard.example/other"), 1),
        (open_store(objects, key=bytes(32)), 1),
        (open_store(objects, recipients=(AUDITOR.recipient,)), 1),
    ]
    blobs = [await store.put(pieces(data), klass) for store, klass in stores]
    assert len({blob.address.digest for blob in blobs}) == len(blobs)
    assert all(blob.is_new for blob in blobs)
    stored = {await objects.read_range(name, 0, 10**6) for name in await names(objects) if "data" in name}
    assert len(stored) == len(blobs)


async def test_the_order_of_recipients_does_not_matter(objects: ObjectStore) -> None:
    first = await open_store(objects).put(pieces(b"tin"), 1)
    turned = await open_store(objects, recipients=(ESCROW.recipient, AUDITOR.recipient)).put(
        pieces(b"tin"), 1
    )
    assert turned.address == first.address


async def test_others_cannot_open(objects: ObjectStore) -> None:
    address = (await open_store(objects).put(pieces(b"tin"), 1)).address
    with pytest.raises(NoKeyError, match="sealed to auditor, escrow"):
        await open_reader(objects, STRANGER).open(address)
    fake = RecipientKey("auditor", STRANGER.private_key)
    with pytest.raises(NoKeyError):
        await open_reader(objects, fake).open(address)


async def test_a_source_that_fails_leaves_nothing(objects: ObjectStore) -> None:
    class ConnectionLostError(ConnectionResetError):
        pass

    async def broken() -> "object":
        for _ in range(300):
            yield content(CHUNK_SIZE_BYTES)
        raise ConnectionLostError

    with pytest.raises(ConnectionLostError):
        await open_store(objects).put(broken(), 1)  # type: ignore[arg-type]
    assert await names(objects) == []


async def test_a_put_that_is_cancelled_leaves_nothing(objects: ObjectStore) -> None:
    begun = asyncio.Event()

    async def endless() -> "object":
        for number in itertools.count():
            yield content(CHUNK_SIZE_BYTES)
            if number == 200:
                begun.set()
            await asyncio.sleep(0)

    task = asyncio.create_task(open_store(objects).put(endless(), 1))  # type: ignore[arg-type]
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(objects) == []


async def test_many_put_the_same_at_once(objects: ObjectStore) -> None:
    store, data = open_store(objects), content(100_000)
    blobs = await asyncio.gather(*(store.put(pieces(data), 1) for _ in range(8)))
    assert len({blob.address for blob in blobs}) == 1
    assert sum(blob.is_new for blob in blobs) == 1
    assert len(await names(objects)) == 2
    assert await read(objects, blobs[0].address) == data


async def test_putting_again_renews(objects: ObjectStore) -> None:
    times = iter((NOW_NS, NOW_NS, NOW_NS + 5, NOW_NS + 6, NOW_NS + 7))
    store = open_store(objects, clock_ns=lambda: next(times))
    address = (await store.put(pieces(b"tin"), 1)).address
    await store.put(pieces(b"tin"), 1)
    entry = await store.find(address)
    assert isinstance(entry, BlobHead)
    assert entry.stored_at_ns == NOW_NS
    assert entry.renewed_at_ns > NOW_NS
    with pytest.raises(BlobRenewed):
        await store.destroy(address, "order-1", put_before_ns=entry.renewed_at_ns)
    assert await read(objects, address) == b"tin"
    await store.destroy(address, "order-1", put_before_ns=entry.renewed_at_ns + 1)


async def test_a_blob_is_destroyed(objects: ObjectStore) -> None:
    store, data = open_store(objects), content(100_000)
    other = await store.put(pieces(b"another"), 1)
    address = (await store.put(pieces(data), 1)).address
    head = await store.find(address)
    assert isinstance(head, BlobHead)
    tombstone = await store.destroy(address, "20261124T101500Z-3f2a")
    assert tombstone == BlobTombstone(address, head.data, NOW_NS, "20261124T101500Z-3f2a")
    assert await objects.size(head.data) is None
    found = await objects.read(address.head_name)
    assert found is not None
    assert b"sealed" not in found.content
    with pytest.raises(BlobDestroyed, match="3f2a"):
        await read(objects, address)
    assert await store.destroy(address, "another order") == tombstone
    assert (await open_reader(objects).check(address)).state is BlobState.DESTROYED
    assert await read(objects, other.address) == b"another"


async def test_what_was_destroyed_may_come_again(objects: ObjectStore) -> None:
    store = open_store(objects)
    address = (await store.put(pieces(b"tin"), 1)).address
    await store.destroy(address, "order")
    again = await store.put(pieces(b"tin"), 1)
    assert (again.address, again.is_new) == (address, True)
    assert await read(objects, address) == b"tin"


async def test_put_and_destroy_at_once_end_in_one_of_the_two(objects: ObjectStore) -> None:
    store = open_store(objects)
    address = (await store.put(pieces(b"tin"), 1)).address
    for _ in range(5):
        await asyncio.gather(store.put(pieces(b"tin"), 1), store.destroy(address, "order"))
        entry = await store.find(address)
        if isinstance(entry, BlobHead):
            assert await read(objects, address) == b"tin"
        else:
            assert await objects.size(entry.data) is None


async def test_a_blob_whose_data_are_gone_is_missing_and_can_be_put_anew(objects: ObjectStore) -> None:
    store = open_store(objects)
    address = (await store.put(pieces(b"tin"), 1)).address
    head = await store.find(address)
    await objects.delete(head.data)
    assert (await open_reader(objects).check(address)).state is BlobState.MISSING
    with pytest.raises(BlobMissing):
        await read(objects, address)
    assert (await store.put(pieces(b"tin"), 1)).is_new  # else what is sent now would not be kept
    assert await read(objects, address) == b"tin"


async def test_there_is_no_such_blob(objects: ObjectStore) -> None:
    address = BlobAddress(1, bytes(32))
    for attempt in (open_reader(objects).open(address), open_store(objects).find(address)):
        with pytest.raises(BlobMissing):
            await attempt
    with pytest.raises(BlobMissing):
        await open_store(objects).destroy(address, "order")
    assert (await open_reader(objects).check(address)).state is BlobState.MISSING


async def test_all_blobs_are_listed(objects: ObjectStore) -> None:
    store = open_store(objects)
    one = {(await store.put(of([b"%d" % number]), 1)).address for number in range(12)}
    two = {(await store.put(of([b"%d" % number]), 2)).address for number in range(3)}
    gone = sorted(one)[4]
    await store.destroy(gone, "order")
    assert {address async for address in store.list(1)} == one
    assert {address async for address in store.list(2)} == two
    assert {address async for address in store.list()} == one | two
    assert [address async for address in store.list(3)] == []


async def test_a_version_is_replaced_once(objects: ObjectStore) -> None:
    await objects.swap("head/1/aa/x", b"one", None)
    with pytest.raises(VersionConflict):
        await objects.swap("head/1/aa/x", b"two", None)
    first = await objects.read("head/1/aa/x")
    assert first is not None
    await objects.swap("head/1/aa/x", b"two", first.version)
    with pytest.raises(VersionConflict):
        await objects.swap("head/1/aa/x", b"three", first.version)
    with pytest.raises(VersionConflict):
        await objects.swap("head/1/aa/y", b"three", first.version)
    second = await objects.read("head/1/aa/x")
    assert second is not None
    assert second.content == b"two"


async def test_check_needs_no_key_for_what_is_stored(objects: ObjectStore) -> None:
    address = (await open_store(objects).put(pieces(content(300_000)), 1)).address
    keyless = open_reader(objects)
    keyless._keys = ()
    assert (await keyless.check(address)).state is BlobState.INTACT
    assert (await open_reader(objects).check(address)).state is BlobState.INTACT


async def _rewrite(objects: ObjectStore, name: str, data: bytes) -> None:
    await objects.delete(name)
    await objects.write(name, pieces(data))


@examples(25, HealthCheck.function_scoped_fixture)
@given(bit=st.integers(0, 10**7))
async def test_any_flipped_bit_of_the_data_is_found(bit: int, objects: ObjectStore) -> None:
    store, data = open_store(objects), content(2 * CHUNK_SIZE_BYTES + 9)
    address = (await store.put(pieces(data), 1)).address
    head = await store.find(address)
    assert isinstance(head, BlobHead)
    stored = await objects.read_range(head.data, 0, head.stored_size_bytes)
    damaged = bytearray(stored)
    place = bit % (8 * len(stored))
    damaged[place // 8] ^= 1 << place % 8
    await _rewrite(objects, head.data, bytes(damaged))
    check = await open_reader(objects).check(address)
    assert check.state is BlobState.ALTERED
    if place // 8 < len(stored) - 42:  # in the chunks, not in the trailer behind them
        blob = await open_reader(objects).open(address)
        with pytest.raises(BlobDamaged):
            async for _ in blob.read():
                pass
    await _rewrite(objects, head.data, stored)
    assert (await open_reader(objects).check(address)).state is BlobState.INTACT


async def test_a_head_that_was_altered_is_found(objects: ObjectStore) -> None:
    store = open_store(objects)
    address = (await store.put(pieces(content(150_000)), 1)).address
    other = (await store.put(pieces(content(150_000, seed=1)), 1)).address
    found, others = await objects.read(address.head_name), await objects.read(other.head_name)
    assert found is not None
    assert others is not None
    head, foreign = await store.find(address), await store.find(other)
    swaps = {
        "another's head": others.content,
        "another's data": found.content.replace(head.data.encode(), foreign.data.encode()),
        "another length": found.content.replace(b'"stored_size_bytes":', b'"stored_size_bytes":1'),
        "no length": found.content.replace(b'"stored_size_bytes":', b'"size":'),
        "a name outside": found.content.replace(head.data.encode(), b"../../etc/passwd"),
        "another's envelopes": found.content.split(b'"envelopes"')[0]
        + b'"envelopes"'
        + others.content.split(b'"envelopes"')[1],
        "no JSON": b"\xff" + found.content,
        "a list": b"[]",
        "nothing": b"",
    }
    for name, altered in swaps.items():
        current = await objects.read(address.head_name)
        assert current is not None
        assert altered != found.content, name
        await objects.swap(address.head_name, altered, current.version)
        assert (await open_reader(objects).check(address)).state is BlobState.ALTERED, name
    current = await objects.read(address.head_name)
    assert current is not None
    assert (await store.put(pieces(content(150_000)), 1)).is_new  # what cannot be read is put anew


async def test_a_sweep_removes_what_no_head_names(objects: ObjectStore) -> None:
    store = open_store(objects, clock_ns=time.time_ns)
    address = (await store.put(pieces(b"kept"), 1)).address
    head = await store.find(address)
    left = (await store.put(pieces(b"left"), 1)).address
    orphan = (await store.find(left)).data
    await objects.delete(left.head_name)  # as if the put had been killed before it
    assert (await sweep(objects, time.time() + DAY_S / 2)).removed == ()
    swept = await sweep(objects, time.time() + 2 * DAY_S)
    assert swept.removed == (orphan,)
    assert swept.doubtful == ()
    assert await names(objects) == [address.head_name, head.data]


async def test_a_sweep_leaves_alone_what_it_does_not_understand(objects: ObjectStore) -> None:
    store = open_store(objects, clock_ns=time.time_ns)
    address = (await store.put(pieces(b"kept"), 1)).address
    head = await store.find(address)
    assert isinstance(head, BlobHead)
    stored = await objects.read_range(head.data, 0, head.stored_size_bytes)
    await _rewrite(objects, head.data, stored[:-1] + bytes([stored[-1] ^ 1]))
    swept = await sweep(objects, time.time() + 2 * DAY_S)
    assert (swept.removed, swept.doubtful) == ((), (head.data,))
    assert await read(objects, address) == b"kept"  # its chunks are what they were


async def test_too_large_a_blob_is_refused(objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.archive.blobs.sealing.MAX_SIZE_BYTES", 100_000)
    with pytest.raises(ValueError, match="at most 100,000 bytes"):
        await open_store(objects).put(pieces(content(100_001)), 1)
    assert await names(objects) == []
    assert (await open_store(objects).put(pieces(content(100_000)), 1)).is_new


def test_a_store_without_recipients_is_refused(objects: ObjectStore) -> None:
    with pytest.raises(ValueError, match="needs a recipient"):
        open_store(objects, key=ADDRESS_KEY, recipients=())
