import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.leaf import encode_leaf
from components.archive.log.merkle import ProofError, leaf_hash, verify_consistency, verify_inclusion
from components.archive.log.tile import TileId
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.store.sqlite_source import SqliteSource
from components.verifier.log import verify_log
from tests.support import rfc6962
from tests.support.archive import (
    AUDITOR,
    ORIGIN,
    SIZES,
    VERIFIER_KEY,
    VKEY,
    entries,
    file_modes,
    open_writer,
    tamper,
    write_log,
)
from tests.support.rounds import chance
from tests.support.sealed_log import (
    assert_whole,
    read_checkpoint_sizes,
    read_leaves,
    read_payloads,
    read_segments,
)

SIZE = SIZES[-1]


@pytest.mark.parametrize(
    ("first", "count", "expected"),
    [
        (0, 3, range(0, 3)),
        (598, 10, range(598, 600)),
        (600, 10, range(0)),
        (10**12, 10, range(0)),
        (0, 0, range(0)),
        (5, -1, range(0)),
    ],
)
async def test_fetch(first: int, count: int, expected: range, log: Path) -> None:
    """Records come as they are stored: sealed."""
    stored = read_payloads(log)
    reader = await LogReader.open(log)
    records = await reader.fetch(first, count)
    assert [(record.index, record.payload) for record in records] == [
        (index, stored[index]) for index in expected
    ]
    assert all(record.is_intact() for record in records)
    await reader.close()


async def test_what_was_sealed_opens(log: Path) -> None:
    reader = await LogReader.open(log)
    records = await RecordOpener(reader, ORIGIN, [AUDITOR]).fetch(2, 597)
    assert [(record.index, record.payload) for record in records] == [
        (index, b"record %d" % index) for index in range(2, 599)
    ]
    await reader.close()


async def test_what_no_checkpoint_covers_is_there_and_not_counted(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, 5))
    await writer.sign()
    await writer.append(entries(5, 5))
    reader = await LogReader.open(tmp_path / "gate.db")
    assert await reader.size() == 6
    assert [record.index for record in await reader.fetch(0, 99)] == list(range(11))
    with pytest.raises(ProofError, match="6 records under its checkpoint"):
        await reader.inclusion_proof(8, 11)
    await writer.sign()
    assert await reader.size() == 11
    assert await reader.inclusion_proof(8, 11)
    await reader.close()
    await writer.close()


async def test_an_empty_log(tmp_path: Path) -> None:
    reader = await LogReader.open(await write_log(tmp_path / "gate.db", ()))
    assert (await reader.size(), await reader.fetch(0, 5)) == (0, [])
    with pytest.raises(ProofError):
        await reader.inclusion_proof(0, 0)
    await reader.close()


@pytest.mark.slow
async def test_every_record_is_proved_at_every_checkpoint(log: Path) -> None:
    reader = await LogReader.open(log)
    records = await reader.fetch(0, SIZE)
    assert len(records) == SIZE
    checkpoints = await reader.source.fetch_checkpoints(1, 99)
    assert [row.size for row in checkpoints] == list(SIZES[1:])
    for row in checkpoints:
        checkpoint = verify_checkpoint(row.note, VERIFIER_KEY)
        for record in records[: checkpoint.size]:
            proof = await reader.inclusion_proof(record.index, checkpoint.size)
            leaf = leaf_hash(encode_leaf(record.leaf))
            verify_inclusion(record.index, checkpoint.size, leaf, proof, checkpoint.root)
    await reader.close()


async def test_every_size_is_consistent_with_every_checkpoint(log: Path) -> None:
    reader = await LogReader.open(log)
    leaves = [encode_leaf(record.leaf) for record in await reader.fetch(0, SIZE)]
    for old in (1, 2, 3, 4, 255, 256, 257, 299, 300, 512, 599, 600):
        for new in [size for size in read_checkpoint_sizes(log) if size >= old]:
            proof = await reader.consistency_proof(old, new)
            verify_consistency(old, new, rfc6962.mth(leaves[:old]), rfc6962.mth(leaves[:new]), proof)
    await reader.close()


@pytest.mark.parametrize(("index", "size"), [(600, 600), (-1, 600), (0, 601), (5, 5), (0, 0)])
async def test_a_proof_of_what_is_not_there(index: int, size: int, log: Path) -> None:
    reader = await LogReader.open(log)
    with pytest.raises(ProofError):
        await reader.inclusion_proof(index, size)
    await reader.close()


@pytest.mark.slow
async def test_a_proof_needs_few_tiles_in_a_large_log(tmp_path: Path) -> None:
    log = await write_log(tmp_path / "gate.db", (65_000, 998))
    size = 66_002  # two segments, each with its beginning and its end
    reader = await LogReader.open(log)
    asked: list[int] = []
    fetch = reader.source.fetch_tiles

    async def counted(ids: set[object]) -> object:
        asked.append(len(ids))
        return await fetch(ids)  # type: ignore[arg-type]

    reader.source.fetch_tiles = counted  # type: ignore[method-assign, assignment]
    root = verify_checkpoint((await reader.checkpoint()).decode(), VERIFIER_KEY).root
    for index in (0, 255, 256, 40_000, 65_535, 65_536, 66_001):
        (record,) = await reader.fetch(index, 1)
        proof = await reader.inclusion_proof(index, size)
        verify_inclusion(index, size, leaf_hash(encode_leaf(record.leaf)), proof, root)
    assert max(asked) <= 2 * 3
    await reader.close()


async def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable, match="there is no log"):
        await LogReader.open(tmp_path / "gate.db")
    assert file_modes(tmp_path) == {}


async def test_it_never_writes(log: Path) -> None:
    reader = await LogReader.open(log)
    with pytest.raises(LogUnavailable, match="read-only"):
        await reader.source._fetch("DELETE FROM record")  # type: ignore[attr-defined]
    await reader.close()


async def test_a_closed_reader_says_so(log: Path) -> None:
    reader = await LogReader.open(log)
    await reader.close()
    await reader.close()
    with pytest.raises(LogUnavailable, match="not open"):
        await reader.size()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("UPDATE record SET leaf = flip(leaf, 0) WHERE idx = 5", 5),
        ("UPDATE record SET leaf = x'' WHERE idx = 5", 5),
        ("UPDATE record SET leaf = substr(leaf, 1, 54) WHERE idx = 5", 5),
    ],
)
async def test_what_cannot_be_a_record_is_named(statement: str, index: int, log: Path) -> None:
    tamper(log, statement)
    reader = await LogReader.open(log)
    with pytest.raises(LogDamaged, match=f"record {index}"):
        await reader.fetch(0, 10)
    assert len(await reader.fetch(6, 10)) == 10
    await reader.close()


async def test_a_payload_that_was_destroyed(log: Path) -> None:
    tamper(log, "UPDATE record SET payload = NULL WHERE idx = 5")
    reader = await LogReader.open(log)
    (record,) = await reader.fetch(5, 1)
    assert (record.payload, record.is_intact()) == (
        None,
        True,
    )  # what remains of it: whether it may be gone is
    assert record.leaf.segment == 1  # for the verifier, by its tombstone
    await reader.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET payload = flip(payload, 0) WHERE idx = 5",
        "UPDATE record SET payload = 'text' WHERE idx = 5",
        "UPDATE record SET leaf = flip(leaf, -1) WHERE idx = 5",
        "UPDATE record SET leaf = flip(leaf, 9) WHERE idx = 5",
    ],
)
async def test_a_record_that_was_altered_is_not_intact(statement: str, log: Path) -> None:
    tamper(log, statement)
    reader = await LogReader.open(log)
    assert [record.index for record in await reader.fetch(0, SIZE) if not record.is_intact()] == [5]
    await reader.close()


@pytest.mark.parametrize("statement", ["DELETE FROM tile", "DELETE FROM checkpoint"])
async def test_a_proof_out_of_a_damaged_log(statement: str, log: Path) -> None:
    tamper(log, statement)
    reader = await LogReader.open(log)
    with pytest.raises(LogDamaged):
        await reader.inclusion_proof(0, SIZE)
    await reader.close()


@pytest.mark.slow
@pytest.mark.fuzz
async def test_reading_while_it_is_written(tmp_path: Path) -> None:
    """Whatever size a reader sees, all of it is there, intact, open to the auditor, and proved."""
    writer = await open_writer(tmp_path / "gate.db")
    reader = await LogReader.open(tmp_path / "gate.db")
    opener = RecordOpener(reader, ORIGIN, [AUDITOR])
    draw = chance("batches")
    said = 0

    async def write() -> None:
        nonlocal said
        for count in draw.choices(range(1, 400), k=40):
            await writer.append(entries(said, count))
            said += count
            if draw.random() < 0.5:
                await writer.sign()
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    looks = 0
    while not writing.done() or not looks:
        checkpoint = verify_checkpoint((await reader.checkpoint()).decode(), VERIFIER_KEY)
        for record in await reader.fetch(max(0, checkpoint.size - 3), min(3, checkpoint.size)):
            assert record.is_intact()
            opened = await opener.open(record)
            assert opened.payload is not None
            assert opened.payload.startswith(b"record " if record.leaf.segment else b'{"segment":')
        if checkpoint.size:
            index = checkpoint.size - 1
            (record,) = await reader.fetch(index, 1)
            proof = await reader.inclusion_proof(index, checkpoint.size)
            leaf = leaf_hash(encode_leaf(record.leaf))
            verify_inclusion(index, checkpoint.size, leaf, proof, checkpoint.root)
        report = await asyncio.to_thread(verify_log, tmp_path / "gate.db", VKEY)
        assert report.problems == ()
        assert checkpoint.size <= report.size
        looks += 1
    await writing
    await writer.close()
    assert (
        await reader.size()
        == len(read_leaves(tmp_path / "gate.db"))
        == said + 2 * len(read_segments(tmp_path / "gate.db"))
    )
    await reader.close()
    await assert_whole(tmp_path / "gate.db", [entry.payload for entry in entries(0, said)])


ARGUMENTS: dict[str, tuple[object, ...]] = {
    "fetch_rows": (5, 7),
    "fetch_leaves": (5, 7),
    "fetch_tiles": ([TileId(0, 1), TileId(1, 0), TileId(0, 2)],),
    "fetch_segments": (1, 2),
    "fetch_memos": (5,),
}
WITHOUT_ARGUMENTS = ("fetch_newest_checkpoint", "fetch_bounds", "fetch_last_segment")


@pytest.mark.parametrize("fetch", [*ARGUMENTS, *WITHOUT_ARGUMENTS])
async def test_no_look_goes_through_a_whole_table(fetch: str, log: Path) -> None:
    source = await SqliteSource.open(log)
    asked: list[tuple[str, Sequence[object]]] = []
    usual = source._fetch

    async def noting(sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        asked.append((sql, parameters))
        return await usual(sql, parameters)

    source._fetch = noting  # type: ignore[method-assign]
    await getattr(source, fetch)(*ARGUMENTS.get(fetch, ()))
    ((sql, parameters),) = asked
    plan = [str(step[3]) for step in await usual(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    assert not [step for step in plan if step.startswith("SCAN") and step not in HARMLESS_SCANS]
    await source.close()


# The checkpoint's goes backwards and ends at its first row.
HARMLESS_SCANS = ("SCAN checkpoint", "SCAN CONSTANT ROW")
