"""What every store of a log must do: the same tests on SQLite and on PostgreSQL."""

import asyncio
from pathlib import Path

import pytest

from components.archive.errors import LogBusy, LogFenced, LogUnavailable
from components.archive.log.tile import TILE_SIZE_BYTES, Tile, TileId
from components.archive.store import (
    Change,
    CheckpointRow,
    Destruction,
    LogStore,
    MemoRow,
    RecordRow,
    Rows,
    SegmentRow,
)
from components.archive.store.open import StoreName, log_name, open_source, open_store
from tests.support.stores import EMPTY, META, leaf, make_store, records

NOTE = "origin\n1\nroot\n\n— origin sig\n"


async def test_a_new_store_holds_nothing_and_a_made_one_its_meta(store_name: StoreName) -> None:
    store = await open_store(store_name)
    assert await store.fetch_meta() == {}
    await store.create(META, EMPTY)
    assert await store.fetch_meta() == META
    assert await store.fetch_newest_checkpoint() == EMPTY
    assert (await store.fetch_bounds(), await store.fetch_last_segment()) == (None, 0)
    assert (await store.fetch_rows(0, 10), await store.fetch_leaves(0, 10)) == ([], [])
    assert await store.fetch_tiles([TileId(0, 0)]) == await store.fetch_tiles([]) == {}
    assert await store.fetch_segments() == await store.fetch_open_segments() == []
    assert await store.fetch_memos(9) == []
    await store.close()
    assert log_name(store_name) == "gate"


async def test_a_log_is_made_once(store_name: StoreName) -> None:
    store = await make_store(store_name)
    with pytest.raises(LogUnavailable):
        await store.create(META, EMPTY)
    await store.commit(records(0, [b"goes on"]))
    await store.close()


async def test_what_was_committed_is_there_after_closing(store_name: StoreName) -> None:
    store = await make_store(store_name)
    for first, count in ((0, 1), (1, 2), (3, 1025), (1028, 3000)):
        await store.commit(records(first, [b"record %d" % index for index in range(first, first + count)]))
    await store.close()

    source = await open_source(store_name)
    rows = await source.fetch_rows(0, 10_000)
    assert rows == [RecordRow(i, leaf(i, b"record %d" % i), b"record %d" % i) for i in range(4028)]
    assert await source.fetch_rows(5, 7) == rows[5:7]
    assert await source.fetch_leaves(4000, 9999) == [row.leaf for row in rows[4000:]]
    assert await source.fetch_bounds() == (0, 4027)
    await source.close()


async def test_payloads_of_every_length(store_name: StoreName) -> None:
    payloads = [b"", b"\0", bytes(range(256)) * 20, b"\xff" * 3_000_000]
    store = await make_store(store_name)
    await store.commit(records(0, payloads))
    assert [row.payload for row in await store.fetch_rows(0, 4)] == payloads
    await store.close()


async def test_a_change_is_kept_as_a_whole(store_name: StoreName) -> None:
    store = await make_store(store_name)
    await store.commit(await _everything(store))
    await store.close()
    source = await open_source(store_name)
    assert await source.fetch_bounds() == (0, 1)
    assert await source.fetch_segments() == [
        SegmentRow(1, 3, 0, 17, None, b"keys"),
        SegmentRow(2, 4, 1, 18, 1, None),
    ]
    assert await source.fetch_segments(2, 3) == [SegmentRow(2, 4, 1, 18, 1, None)]
    assert await source.fetch_open_segments() == [SegmentRow(1, 3, 0, 17, None, b"keys")]
    assert await source.fetch_last_segment() == 2
    assert await source.fetch_memos(9) == [MemoRow(1, b"memo")]
    tiles = await source.fetch_tiles([TileId(0, 0), TileId(1, 0), TileId(9, 9)])
    assert {tile: hashes.rstrip(b"\0") for tile, hashes in tiles.items()} == {TileId(0, 0): b"a" * 64}
    assert await source.fetch_newest_checkpoint() == CheckpointRow(7, 2, NOTE)
    await source.close()


async def test_a_change_that_fails_leaves_nothing(store_name: StoreName) -> None:
    store = await make_store(store_name)
    await store.commit(records(0, [b"one", b"two"]))
    everything = await _everything(store)
    with pytest.raises(LogUnavailable):  # record 1 is there already
        await store.commit(
            Change(
                **{name: getattr(everything, name) for name in ("opened", "memo", "tiles", "checkpoint")},
                first=1,
                leaves=everything.leaves,
                payloads=everything.payloads,
                destroyed=[Destruction(1, [0], None)],
            )
        )
    await store.reopen()
    assert [row.payload for row in await store.fetch_rows(0, 9)] == [b"one", b"two"]
    assert (await store.fetch_segments(), await store.fetch_memos(9)) == ([], [])
    assert await store.fetch_tiles([TileId(0, 0)]) == {}
    assert await store.fetch_newest_checkpoint() == EMPTY
    await store.commit(records(2, [b"three"]))
    assert await store.fetch_bounds() == (0, 2)
    await store.close()


async def _everything(_store: LogStore) -> Change:
    change = records(0, [b"one", b"two"])
    return Change(
        first=0,
        leaves=change.leaves,
        payloads=change.payloads,
        memo=MemoRow(1, b"memo"),
        opened=[SegmentRow(1, 3, 0, 17, None, b"keys"), SegmentRow(2, 4, 1, 18, None, None)],
        closed=[(2, 1)],
        tiles=[Tile(TileId(0, 0), b"a" * 64)],
        checkpoint=CheckpointRow(7, 2, NOTE),
    )


async def test_memos_are_forgotten(store_name: StoreName) -> None:
    store = await make_store(store_name)
    for first in (0, 10, 20, 30):
        await store.commit(Change(memo=MemoRow(first, b"memo %d" % first)))
    assert [memo.first for memo in await store.fetch_memos(2)] == [30, 20]
    assert [memo.first for memo in await store.fetch_memos(9, before=20)] == [10, 0]
    await store.commit(Change(memo=MemoRow(40, b""), forget_memos_before=20))
    assert await store.fetch_memos(9) == [MemoRow(40, b""), MemoRow(30, b"memo 30"), MemoRow(20, b"memo 20")]
    await store.close()


async def test_one_checkpoint_is_kept_of_each_second(store_name: StoreName) -> None:
    store = await make_store(store_name)
    for second, size in ((5, 1), (5, 2), (6, 2), (9, 400)):
        await store.commit(Change(checkpoint=CheckpointRow(second, size, f"note {second} {size}\n")))
    kept = [CheckpointRow(s, n, f"note {s} {n}\n") for s, n in ((5, 2), (6, 2), (9, 400))]
    assert await store.fetch_newest_checkpoint() == kept[-1]
    assert await store.fetch_checkpoints(1, 9) == kept
    assert await store.fetch_checkpoints(3, 9) == kept[-1:]
    assert await store.fetch_checkpoints(0, 2) == [EMPTY, kept[0]]
    assert await store.fetch_checkpoints_after(-1, 9) == [EMPTY, *kept]
    assert await store.fetch_checkpoints_after(5, 1) == kept[1:2]
    await store.close()


async def test_a_tile_grows(store_name: StoreName) -> None:
    store = await make_store(store_name)
    for width in (1, 2, 255, 256):
        await store.commit(
            Change(tiles=[Tile(TileId(0, 3), b"h" * 32 * width), Tile(TileId(1, 0), b"g" * 32)])
        )
        tiles = await store.fetch_tiles([TileId(0, 3), TileId(1, 0), TileId(3, 0)])
        assert tiles.keys() == {TileId(0, 3), TileId(1, 0)}
        hashes = tiles[TileId(0, 3)]
        assert hashes[: 32 * width] == b"h" * 32 * width
        assert not hashes[32 * width :].strip(b"\0")
        assert len(hashes) <= TILE_SIZE_BYTES
    await store.close()


async def test_what_is_destroyed_is_gone_and_the_rest_stays(store_name: StoreName) -> None:
    store = await make_store(store_name)
    segments = [SegmentRow(number, 1, 0, 0, None, b"keys of %d" % number) for number in (1, 2)]
    change = records(0, [b"record %d" % index for index in range(10)])
    await store.commit(Change(leaves=change.leaves, payloads=change.payloads, opened=segments))
    await store.commit(Change(destroyed=[Destruction(1, [2, 3, 9], None), Destruction(2, [], b"other keys")]))
    await store.purge()
    rows = await store.fetch_rows(0, 10)
    assert [row.index for row in rows if row.payload is None] == [2, 3, 9]
    assert [row.leaf for row in rows] == list(change.leaves)
    assert [row.keys for row in await store.fetch_segments()] == [None, b"other keys"]
    await store.commit(records(10, [b"goes on"]))
    await store.close()


async def test_only_one_writer(store_name: StoreName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.archive.store.postgres.LOCK_TIMEOUT_S", 0.2)
    store = await make_store(store_name)
    with pytest.raises(LogBusy, match="writing this log; stop it first"):
        await open_store(store_name)
    await store.commit(records(0, [b"undisturbed"]))
    await store.close()
    second = await open_store(store_name)
    await second.take_lease()
    await second.commit(records(1, [b"next"]))
    await second.close()


async def test_two_writers_that_open_at_once(store_name: StoreName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.archive.store.postgres.LOCK_TIMEOUT_S", 0.2)
    await (await make_store(store_name)).close()
    opened = await asyncio.gather(*(open_store(store_name) for _ in range(4)), return_exceptions=True)
    stores = [store for store in opened if not isinstance(store, BaseException)]
    assert len(stores) == 1
    assert sum(isinstance(error, LogBusy) for error in opened) == 3
    await stores[0].close()


async def test_a_lease_that_was_taken_over_fences_the_writer_off(store_name: StoreName) -> None:
    """As it is when a lock was lost: the lease decides."""
    store, second = await make_store(store_name), await make_lockless(store_name)
    await store.commit(records(0, [b"one"]))
    await second.take_lease()
    for change in (records(1, [b"two"]), Change(checkpoint=CheckpointRow(9, 1, NOTE))):
        with pytest.raises(LogFenced):
            await store.commit(change)
    with pytest.raises(LogFenced):
        await store.load(Rows(meta={"format": "x"}))
    assert await second.fetch_bounds() == (0, 0)
    await second.commit(records(1, [b"mine"]))
    await store.close()
    await second.close()


async def make_lockless(name: StoreName) -> LogStore:
    """A second store on the same log, past the lock."""
    if isinstance(name, Path):
        name.with_name(name.name + ".lock").unlink()
        return await open_store(name)
    from components.archive.store.postgres import PostgresStore
    from components.archive.store.postgres_url import parse_postgres_url

    store = PostgresStore(parse_postgres_url(name))
    await store._connect()
    return store


async def test_rows_of_another_copy_are_kept_as_they_are(store_name: StoreName) -> None:
    store = await make_store(store_name)
    rows = [RecordRow(i, leaf(i, b"%d" % i), None if i % 3 == 0 else b"%d" % i) for i in range(3000)]
    segments = [SegmentRow(1, 1, 0, 5, None, b"keys"), SegmentRow(2, 1, 9, 6, 11, None)]
    checkpoints = [CheckpointRow(second, second * 10, f"{second}\n") for second in range(1, 40)]
    tiles = [Tile(TileId(0, n), bytes([n]) * TILE_SIZE_BYTES) for n in range(12)]
    await store.load(Rows(records=rows[:1000], memos=[MemoRow(0, b"old")], segments=segments))
    await store.load(
        Rows(
            records=rows[1000:],
            shredded=[1, 2],
            segments=[SegmentRow(1, 1, 0, 5, 8, None)],
            memos=[MemoRow(7, b"seven"), MemoRow(8, b"eight")],
            tiles=tiles,
            checkpoints=checkpoints,
            meta={"format": "another"},
        )
    )
    await store.close()
    source = await open_source(store_name)
    shredded = [RecordRow(row.index, row.leaf, None) if row.index in (1, 2) else row for row in rows]
    assert await source.fetch_rows(0, 9999) == shredded
    assert await source.fetch_segments() == [SegmentRow(1, 1, 0, 5, 8, None), segments[1]]
    assert await source.fetch_memos(9) == [MemoRow(8, b"eight"), MemoRow(7, b"seven")]
    assert await source.fetch_tiles([tile.id for tile in tiles]) == {tile.id: tile.hashes for tile in tiles}
    assert await source.fetch_checkpoints(1, 99) == checkpoints
    assert await source.fetch_meta() == {**META, "format": "another"}
    await source.close()


async def test_many_may_read_at_once_while_one_writes(store_name: StoreName) -> None:
    store = await make_store(store_name)
    source = await open_source(store_name)

    async def read() -> None:
        for _ in range(20):
            rows = await source.fetch_rows(0, 999)
            assert [row.payload for row in rows] == [b"%d" % index for index in range(len(rows))]
            assert len(rows) % 5 == 0  # whole commits only

    async def write() -> None:
        for first in range(0, 100, 5):
            await store.commit(records(first, [b"%d" % index for index in range(first, first + 5)]))

    await asyncio.gather(write(), *(read() for _ in range(3)))
    assert await source.fetch_bounds() == (0, 99)
    await source.close()
    await store.close()


async def test_there_is_nothing_to_read_where_no_log_is(store_name: StoreName) -> None:
    with pytest.raises(LogUnavailable):
        await open_source(store_name)


async def test_a_closed_store_says_so(store_name: StoreName) -> None:
    store = await make_store(store_name)
    await store.close()
    await store.close()
    with pytest.raises(LogUnavailable, match=r"not open|broke"):
        await store.fetch_meta()
    with pytest.raises(LogUnavailable, match=r"not open|broke"):
        await store.commit(records(0, [b"x"]))


async def test_a_store_that_is_there_is_present(store_name: StoreName) -> None:
    store = await make_store(store_name)
    await store.commit(records(0, [b"said"]))
    store.require_present()
    await store.reopen()
    store.require_present()
    await store.commit(records(1, [b"more"]))
    store.require_present()
    await store.close()
