import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.leaf import encode_leaf
from components.archive.log.merkle import ProofError, leaf_hash, verify_consistency, verify_inclusion
from components.archive.log.tile import TileId
from components.archive.reader import LogReader
from components.archive.store.sqlite import SqliteSource
from components.audit.verify import verify_log
from tests.support import rfc6962
from tests.support.archive import (
    SIZES,
    VERIFIER_KEY,
    VKEY,
    entries,
    file_modes,
    open_writer,
    tamper,
    write_log,
)


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
    reader = await LogReader.open(log)
    records = await reader.fetch(first, count)
    assert [(record.index, record.payload) for record in records] == [
        (index, b"record %d" % index) for index in expected
    ]
    await reader.close()


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (2, [598, 599]), (600, range(600)), (999, range(600))]
)
async def test_tail(count: int, expected: object, log: Path) -> None:
    reader = await LogReader.open(log)
    assert [record.index for record in await reader.tail(count)] == list(expected)  # type: ignore[call-overload]
    await reader.close()


async def test_an_empty_log(tmp_path: Path) -> None:
    reader = await LogReader.open(await write_log(tmp_path / "gate.db", ()))
    assert (await reader.size(), await reader.fetch(0, 5), await reader.tail(5)) == (0, [], [])
    with pytest.raises(ProofError):
        await reader.inclusion_proof(0, 0)
    await reader.close()


async def test_every_record_is_proved_at_every_checkpoint(log: Path) -> None:
    reader = await LogReader.open(log)
    checkpoint = verify_checkpoint((await reader.checkpoint()).decode(), VERIFIER_KEY)
    for record in await reader.fetch(0, 600):
        proof = await reader.inclusion_proof(record.index, 600)
        verify_inclusion(record.index, 600, leaf_hash(encode_leaf(record.leaf)), proof, checkpoint.root)
    await reader.close()


async def test_every_size_is_consistent_with_every_checkpoint(log: Path) -> None:
    reader = await LogReader.open(log)
    leaves = [encode_leaf(record.leaf) for record in await reader.fetch(0, 600)]
    for old in (1, 2, 3, 255, 256, 257, 299, 300, 512, 599, 600):
        for new in [size for size in SIZES if size >= old]:
            proof = await reader.consistency_proof(old, new)
            verify_consistency(old, new, rfc6962.mth(leaves[:old]), rfc6962.mth(leaves[:new]), proof)
    await reader.close()


@pytest.mark.parametrize(("index", "size"), [(600, 600), (-1, 600), (0, 601), (5, 5), (0, 0)])
async def test_a_proof_of_what_is_not_there(index: int, size: int, log: Path) -> None:
    reader = await LogReader.open(log)
    with pytest.raises(ProofError):
        await reader.inclusion_proof(index, size)
    await reader.close()


async def test_a_proof_needs_few_tiles_in_a_large_log(tmp_path: Path) -> None:
    log = await write_log(tmp_path / "gate.db", (66_000,))
    reader = await LogReader.open(log)
    asked: list[int] = []
    fetch = reader._source.fetch_tiles

    async def counted(ids: set[object]) -> object:
        asked.append(len(ids))
        return await fetch(ids)  # type: ignore[arg-type]

    reader._source.fetch_tiles = counted  # type: ignore[method-assign, assignment]
    root = verify_checkpoint((await reader.checkpoint()).decode(), VERIFIER_KEY).root
    for index in (0, 255, 256, 40_000, 65_535, 65_536, 65_999):
        (record,) = await reader.fetch(index, 1)
        proof = await reader.inclusion_proof(index, 66_000)
        verify_inclusion(index, 66_000, leaf_hash(encode_leaf(record.leaf)), proof, root)
    assert max(asked) <= 2 * 3
    await reader.close()


async def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable, match="cannot be opened"):
        await LogReader.open(tmp_path / "gate.db")
    assert file_modes(tmp_path) == {}


async def test_it_never_writes(log: Path) -> None:
    reader = await LogReader.open(log)
    with pytest.raises(LogUnavailable, match="read-only"):
        await reader._source._fetch("DELETE FROM record")  # type: ignore[attr-defined]
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
        ("UPDATE record SET payload = NULL WHERE idx = 5", 5),
    ],
)
async def test_what_cannot_be_a_record_is_named(statement: str, index: int, log: Path) -> None:
    tamper(log, statement)
    reader = await LogReader.open(log)
    with pytest.raises(LogDamaged, match=f"record {index}"):
        await reader.fetch(0, 10)
    assert len(await reader.fetch(6, 10)) == 10
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
    assert [record.index for record in await reader.fetch(0, 600) if not record.is_intact()] == [5]
    await reader.close()


@pytest.mark.parametrize("statement", ["DELETE FROM tile", "DELETE FROM checkpoint"])
async def test_a_proof_out_of_a_damaged_log(statement: str, log: Path) -> None:
    tamper(log, statement)
    reader = await LogReader.open(log)
    with pytest.raises(LogDamaged):
        await reader.inclusion_proof(0, 600)
    await reader.close()


async def test_reading_while_it_is_written(tmp_path: Path) -> None:
    """Whatever size a reader sees, all of it is there, intact and proved."""
    writer = await open_writer(tmp_path / "gate.db")
    reader = await LogReader.open(tmp_path / "gate.db")
    counts = random.Random(7).choices(range(1, 400), k=40)

    async def write() -> None:
        for count in counts:
            await writer.append(entries(writer.size, count))

    writing = asyncio.create_task(write())
    looks = 0
    while not writing.done() or not looks:
        checkpoint = verify_checkpoint((await reader.checkpoint()).decode(), VERIFIER_KEY)
        for record in await reader.tail(3):
            assert record.is_intact()
            assert record.payload == b"record %d" % record.index
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
    assert await reader.size() == sum(counts)
    await reader.close()
    await writer.close()


@pytest.mark.parametrize("fetch", ["fetch_newest_checkpoint", "fetch_bounds", "fetch_rows", "fetch_tiles"])
async def test_no_look_goes_through_a_whole_table(fetch: str, log: Path) -> None:
    arguments = {"fetch_rows": (5, 7), "fetch_tiles": ([TileId(0, 1), TileId(1, 0), TileId(0, 2)],)}
    source = await SqliteSource.open(log)
    asked: list[tuple[str, Sequence[object]]] = []
    usual = source._fetch

    async def noting(sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        asked.append((sql, parameters))
        return await usual(sql, parameters)

    source._fetch = noting  # type: ignore[method-assign]
    await getattr(source, fetch)(*arguments.get(fetch, ()))
    ((sql, parameters),) = asked
    plan = [str(step[3]) for step in await usual(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    assert not [step for step in plan if step.startswith("SCAN") and step not in HARMLESS_SCANS]
    await source.close()


# The checkpoint's goes backwards and ends at its first row.
HARMLESS_SCANS = ("SCAN checkpoint", "SCAN CONSTANT ROW")
