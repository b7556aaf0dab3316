"""A copy that follows a log: equal to it, whatever is cut, and never what the log has not signed."""

import random
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.backup import CopyError, Piece
from components.archive.bookkeeping import Tombstone
from components.archive.errors import LogDamaged
from components.archive.follow import MAX_DESTROYING, Batch, CopyState, LogForked
from components.archive.follow.copy import LogCopy
from components.archive.follow.encoding import encode_batch, encode_state, parse_batch, parse_state
from components.archive.follow.source import make_batch
from components.archive.log.note import VerifierKey, make_signer
from components.archive.record import RecordKind
from components.archive.seal import SegmentKeys, seal_segment_keys
from components.archive.store import Destruction
from components.archive.store.sqlite import SqliteStore
from components.archive.store.sqlite_source import SqliteSource
from components.archive.writer import Entry, LogWriter
from components.verifier.log import verify_log
from tests.support.archive import (
    ORIGIN,
    RECIPIENTS,
    SIGNER,
    VERIFIER_KEY,
    VKEY,
    copy_log,
    entries,
    open_payloads,
    open_writer,
    tamper,
    ticking,
    write_log,
)
from tests.support.rounds import chance, mostly_slow
from tests.unit.archive.test_destruction import traces

KEYS = [VERIFIER_KEY]


async def follow(log: Path, copy: Path, max_bytes: int = 10**6, rounds: int = 10**6) -> CopyState:
    """Bring a copy up to date, opened anew for each batch as after a kill, and return its state."""
    source = await SqliteSource.open(log)
    try:
        for _ in range(rounds):
            target = await LogCopy.open(copy, KEYS)
            try:
                state = parse_state(encode_state(await target.state()))
                batch = parse_batch(encode_batch(await make_batch(source, state, max_bytes)))
                if not await target.take(batch):
                    return await target.state()
            finally:
                await target.close()
        return state
    finally:
        await source.close()


async def read_rows(path: Path) -> list[object]:
    """What a store has of a log, apart from the writer's own notes."""
    source = await SqliteSource.open(path)
    try:
        tiles = {
            tile: hashes
            for level in range(4)
            for tile, hashes in (await source.fetch_tiles([(level, n) for n in range(40)])).items()  # type: ignore[misc]
        }
        return [
            await source.fetch_rows(0, 10**6),
            await source.fetch_checkpoints(0, 10**6),
            await source.fetch_segments(),
            {tile: hashes.rstrip(b"\0") for tile, hashes in tiles.items()},
        ]
    finally:
        await source.close()


@pytest.mark.parametrize("max_bytes", mostly_slow([3000, 10**6, 1], 2))
async def test_a_copy_is_the_log(tmp_path: Path, max_bytes: int) -> None:
    log, copy = await write_log(tmp_path / "gate.db"), tmp_path / "copy.db"
    state = await follow(log, copy, max_bytes)
    assert (state.records, state.signed, state.destroying) == (600, 600, ())
    assert await read_rows(copy) == await read_rows(log)
    assert await open_payloads(copy) == await open_payloads(log)
    assert verify_log(copy, VKEY).ok


@pytest.mark.slow
async def test_a_copy_follows_a_log_that_grows_by_chance(tmp_path: Path) -> None:
    draw, log, copy = chance(1), tmp_path / "gate.db", tmp_path / "copy.db"
    times = ticking(step_ns=70_000_000)
    writer = await LogWriter.open_on(await SqliteStore.open(log), SIGNER, RECIPIENTS, lambda: next(times))
    for _ in range(60):
        batch = [
            Entry(RecordKind.STANZA, draw.randbytes(draw.choice((0, 5, 900))), draw.choice((1, 2)))
            for _ in range(draw.randrange(1, 40))
        ]
        await writer.append(batch)
        if draw.random() < 0.6:
            await writer.sign()
        if draw.random() < 0.5:
            await follow(log, copy, draw.choice((1, 2000, 10**6)), draw.randrange(1, 6))
            assert verify_log(copy, VKEY).ok
    await writer.close()
    await follow(log, copy)
    assert await read_rows(copy) == await read_rows(log)
    assert verify_log(copy, VKEY).ok


async def test_an_empty_log_has_an_empty_copy(tmp_path: Path) -> None:
    log, copy = await write_log(tmp_path / "gate.db", ()), tmp_path / "copy.db"
    assert await follow(log, copy) == CopyState(0, 0, 1, ())
    assert verify_log(copy, VKEY).ok


async def test_what_no_checkpoint_covers_is_not_copied(tmp_path: Path) -> None:
    log, copy = tmp_path / "gate.db", tmp_path / "copy.db"
    writer = await open_writer(log)
    await writer.append(entries(0, 3))
    assert (await follow(log, copy)).records == 0
    await writer.sign()
    assert (await follow(log, copy)).records == 4
    await writer.close()


async def destroy(writer: LogWriter, segment: int, indexes: list[int], positions: tuple[int, ...]) -> bytes:
    """Destroy records of a segment by hand, the tombstone with the first of them, and return its new envelopes."""
    keys = seal_segment_keys(SegmentKeys(2, bytes(32), {0: bytes(32)}), ORIGIN, segment, RECIPIENTS)
    digest = sha256(keys).hexdigest()
    tombstone = Tombstone(segment, "order-1", len(indexes), positions, digest)
    await writer.destroy(Destruction(segment, indexes[:1], keys), tombstone)
    return keys


async def test_what_is_destroyed_leaves_the_copy_also_between_its_pieces(tmp_path: Path) -> None:
    log, copy = tmp_path / "gate.db", tmp_path / "copy.db"
    writer = await open_writer(log)
    await writer.append([Entry(RecordKind.STANZA, b"secret of %d " % number * 5) for number in range(6)])
    await writer.sign()
    await follow(log, copy)
    before = {row.index: row.payload for row in (await read_rows(copy))[0]}  # type: ignore[attr-defined]
    gone, positions = [2, 4, 5], (1, 3, 4)
    keys = await destroy(writer, 1, gone, positions)
    await writer.sign()
    # The tombstone is there, and of the payloads only the first is gone.
    state = await follow(log, copy, rounds=4)
    assert state.destroying == (1,)
    assert traces(copy, [before[index] for index in gone]) == [1, 2]
    await writer.destroy(Destruction(1, gone[1:], keys), None)
    await writer.close()
    state = await follow(log, copy)
    assert state.destroying == ()
    assert traces(copy, [before[index] for index in gone]) == []
    assert await read_rows(copy) == await read_rows(log)


async def test_a_copy_loses_nothing_that_no_tombstone_names(tmp_path: Path) -> None:
    """Who serves the log cannot take evidence out of a copy, or exchange the keys of its segments."""
    log, copy = await write_log(tmp_path / "gate.db"), tmp_path / "copy.db"
    state = await follow(log, copy)
    before = await read_rows(copy)
    source, target = await SqliteSource.open(log), await LogCopy.open(copy, KEYS)
    batch = await make_batch(source, state)
    segment = (await source.fetch_segments())[0]
    await target.take(replace(batch, destroyed=[5, 7], segments=[replace(segment, keys=b"[]")]))
    await target.take(replace(batch, segments=[replace(segment, keys=None)]))
    await target.close()
    await source.close()
    assert await read_rows(copy) == before


async def forked(tmp_path: Path, second: int) -> tuple[Path, Path]:
    """Return a log and the copy of another that begins with the same records."""
    log, copy = tmp_path / "gate.db", tmp_path / "copy.db"
    writer = await open_writer(log)
    await writer.append(entries(0, 300))
    await writer.close()
    other = copy_log(log, tmp_path / "other.db")
    for path, said in ((log, b"one"), (other, b"other")):
        writer = await open_writer(path, ticking(1_800_000_000))
        await writer.append([Entry(RecordKind.STANZA, said)] * (5 if path == log else second))
        await writer.close()
    await follow(log, copy)
    return other, copy


@pytest.mark.parametrize("second", [4, 5, 6, 400])
async def test_a_fork_is_named(tmp_path: Path, second: int) -> None:
    other, copy = await forked(tmp_path, second)
    before = await read_rows(copy)
    with pytest.raises(LogForked, match="set back" if second < 5 else "rewritten"):
        await follow(other, copy)
    assert await read_rows(copy) == before
    assert verify_log(copy, VKEY).ok


async def test_a_log_of_another_key_or_name_is_refused(tmp_path: Path) -> None:
    log = await write_log(tmp_path / "gate.db", (3,))
    source = await SqliteSource.open(log)
    batch = await make_batch(source, CopyState())
    await source.close()
    for name, problem in ((ORIGIN, "not signed"), ("steelyard.example/audit", "not '")):
        key = make_signer(name, Ed25519PrivateKey.from_private_bytes(bytes([9] * 32)))
        target = await LogCopy.open(tmp_path / f"{key.verifier_key.key_id.hex()}.db", [key.verifier_key])
        with pytest.raises(CopyError, match=problem):
            await target.take(batch)
        await target.close()


async def test_a_copy_follows_the_log_to_its_next_keys(tmp_path: Path) -> None:
    """A copy that knew the first key knows those to which it was handed, and only those."""
    log, copy = tmp_path / "gate.db", tmp_path / "copy.db"
    known: list[VerifierKey] = list(KEYS)
    writer = await open_writer(log)
    source = await SqliteSource.open(log)

    async def catch_up() -> None:
        target = await LogCopy.open(copy, list(known), lambda keys: known.__setitem__(slice(None), keys))
        try:
            while await target.take(await make_batch(source, await target.state())):
                pass
        finally:
            await target.close()

    for number in range(3):
        await writer.append(entries(writer.size, 5))
        await writer.sign()
        await catch_up()
        await writer.rotate_key(
            make_signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([20 + number] * 32)))
        )
        await writer.append(entries(writer.size, 5))
        await writer.sign()
        await catch_up()
    assert known[-1] == writer.verifier_key
    assert len(known) == 4
    await writer.close()
    await source.close()
    assert verify_log(copy, VKEY).ok


async def test_a_log_of_its_own_is_not_taken_for_a_copy(tmp_path: Path) -> None:
    log = await write_log(tmp_path / "gate.db", (3,))
    with pytest.raises(CopyError, match="no copy"):
        await LogCopy.open(log, KEYS)
    # Nor did that take the lease of its writer.
    writer = await open_writer(log, ticking(1_800_000_000))
    await writer.append(entries(0, 1))
    await writer.close()


async def test_altered_records_are_refused_as_a_whole(tmp_path: Path) -> None:
    log, copy = await write_log(tmp_path / "gate.db", (5, 3)), tmp_path / "copy.db"
    source = await SqliteSource.open(log)
    batch = await make_batch(source, CopyState())
    await source.close()
    rows = list(batch.piece.records)
    changed: list[Batch] = []
    for place in range(len(rows)):
        row = rows[place]
        leaf = row.leaf[:-1] + bytes([row.leaf[-1] ^ 1])
        for other in (
            [replace(row, leaf=leaf)],
            [replace(row, payload=b"x")],
            [replace(row, index=row.index + 1)],
            [],
            [row, row],
        ):
            piece = Piece(0, [*rows[:place], *other, *rows[place + 1 :]], batch.piece.checkpoints)
            changed.append(replace(batch, piece=piece))
    changed.append(replace(batch, piece=Piece(0, rows[::-1], batch.piece.checkpoints)))
    no_beginning = replace(batch, piece=Piece(0, rows, batch.piece.checkpoints[1:]))
    for each in (no_beginning, *changed):
        target = await LogCopy.open(copy, KEYS)
        with pytest.raises(CopyError):
            await target.take(each)
        assert (await target.state()).records == 0
        await target.close()
    target = await LogCopy.open(copy, KEYS)
    await target.take(batch)
    assert (await target.state()).records == len(rows)
    await target.close()


async def test_a_batch_twice_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    log, copy = await write_log(tmp_path / "gate.db", (5,)), tmp_path / "copy.db"
    source = await SqliteSource.open(log)
    batch = await make_batch(source, CopyState())
    await source.close()
    await follow(log, copy)
    before = await read_rows(copy)
    target = await LogCopy.open(copy, KEYS)
    with pytest.raises(CopyError):
        await target.take(batch)
    await target.close()
    assert await read_rows(copy) == before


def test_cut_and_altered_bytes_are_no_batch() -> None:
    draw = random.Random(3)
    with pytest.raises(CopyError):
        parse_batch(b"")
    for _ in range(200):
        with pytest.raises(CopyError):
            parse_batch(draw.randbytes(draw.randrange(60)) + b"\n" + draw.randbytes(20))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"records": "x", "signed": "0", "segment": "1", "destroying": ""},
        {"records": "-1", "signed": "0", "segment": "1", "destroying": ""},
        {"records": "1", "signed": "-2", "segment": "1", "destroying": ""},
        {"records": "1", "signed": "0", "segment": str(2**63), "destroying": ""},
        {"records": "1", "signed": "0", "segment": "1", "destroying": "1,-3"},
    ],
)
def test_what_is_no_state_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(CopyError):
        parse_state(said)


def test_a_state_names_a_bounded_number_of_segments() -> None:
    state = CopyState(10, 9, 3, tuple(range(50)))
    assert len(parse_state(encode_state(state)).destroying) == MAX_DESTROYING


async def test_a_log_without_checkpoint_is_damaged(tmp_path: Path) -> None:
    log = await write_log(tmp_path / "gate.db", (3,))
    tamper(log, "DELETE FROM checkpoint")
    source = await SqliteSource.open(log)
    with pytest.raises(LogDamaged):
        await make_batch(source, CopyState())
    await source.close()
