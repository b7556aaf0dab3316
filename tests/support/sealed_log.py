"""What a log holds, read as docs/archive-format.md describes it; of the archive's own code only to open records."""

import json
import sqlite3
import struct
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.reader import LogReader
from components.archive.seal import RecipientKey
from components.verifier.log import verify_log
from tests.support.archive import AUDITOR, ESCROW, ORIGIN, VKEY

LEAF = struct.Struct(">BBQQIBHI16s32s")
SEGMENT, MANIFEST = 64, 65


@dataclass(frozen=True, slots=True)
class StoredLeaf:
    """The ten fields of a leaf (section 3)."""

    version: int
    kind: int
    index: int
    time_ns: int
    segment: int
    retention_class: int
    position: int
    size_bytes: int
    conversation: bytes
    payload_sha256: bytes


class StoredSegment(NamedTuple):
    """A row of the segment table (section 8)."""

    number: int
    retention_class: int
    first: int
    manifest: int | None
    keys: bytes | None


def read_leaves(path: Path) -> list[StoredLeaf]:
    """Read the leaves of all records, also of those behind the newest checkpoint."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT leaf FROM record ORDER BY idx").fetchall()
    return [StoredLeaf(*LEAF.unpack(leaf)) for (leaf,) in rows]


def read_payloads(path: Path) -> list[bytes | None]:
    """Read all payloads as they are stored."""
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT payload FROM record ORDER BY idx")]


def read_segments(path: Path) -> list[StoredSegment]:
    """Read the table of segments."""
    sql = "SELECT number, class, first, manifest, keys FROM segment ORDER BY number"
    with closing(sqlite3.connect(path)) as database:
        return [StoredSegment(*row) for row in database.execute(sql)]


def read_checkpoint_sizes(path: Path) -> list[int]:
    """Read the sizes that checkpoints are kept of, in order."""
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT size FROM checkpoint ORDER BY second")]


async def open_records(path: Path, *keys: RecipientKey) -> list[OpenedRecord]:
    """Open every record there is, with the auditor's key unless others are given."""
    reader = await LogReader.open(path)
    try:
        return await RecordOpener(reader, ORIGIN, keys or (AUDITOR,)).fetch(0, len(read_leaves(path)))
    finally:
        await reader.close()


async def open_spoken(path: Path, *keys: RecipientKey) -> list[bytes]:
    """Open all sealed records; each must open. Gives their payloads in order."""
    sealed = [record for record in await open_records(path, *keys) if record.leaf.segment]
    assert [record.fault for record in sealed if record.fault or record.payload is None] == []
    return [record.payload or b"" for record in sealed]


async def assert_whole(path: Path, payloads: Sequence[bytes], *, signed: bool = True) -> None:
    """The log verifies, its segments add up, and it holds just these sealed records, open to both recipients.

    Without `signed` there may be an unsigned tail, and segments that nobody has ended yet.
    """
    report = verify_log(path, VKEY)
    assert report.problems == ()
    assert report.size + report.pending == len(read_leaves(path))
    assert not (signed and report.pending)
    assert_segments_add_up(path, ended=signed)
    for key in (AUDITOR, ESCROW):
        assert await open_spoken(path, key) == list(payloads)


def assert_segments_add_up(path: Path, *, ended: bool = True) -> None:
    """Every segment begins, counts and ends as its leaves do; `ended` says that none may be open."""
    leaves, payloads, segments = read_leaves(path), read_payloads(path), read_segments(path)
    assert [leaf.index for leaf in leaves] == list(range(len(leaves)))
    members = defaultdict(list)
    for leaf in leaves:
        if leaf.kind < SEGMENT:
            members[leaf.segment].append(leaf)
        else:
            assert (leaf.segment, leaf.retention_class, leaf.position) == (0, 0, 0)
            assert leaf.conversation == bytes(16)
    assert [segment.number for segment in segments] == list(range(1, len(segments) + 1))
    assert members.keys() <= {segment.number for segment in segments}
    for segment in segments:
        assert_begins(segment, leaves, payloads)
        assert_ends(segment, members[segment.number], leaves, payloads, must_end=ended)
    manifests = [segment.manifest for segment in segments if segment.manifest is not None]
    assert sorted(manifests) == [leaf.index for leaf in leaves if leaf.kind == MANIFEST]
    assert [segment.first for segment in segments] == [leaf.index for leaf in leaves if leaf.kind == SEGMENT]


def assert_begins(
    segment: StoredSegment, leaves: Sequence[StoredLeaf], payloads: Sequence[bytes | None]
) -> None:
    assert segment.keys is not None
    assert leaves[segment.first].kind == SEGMENT
    assert json.loads(payloads[segment.first] or b"") == {
        "segment": segment.number,
        "retention_class": segment.retention_class,
        "keys_sha256": sha256(segment.keys).hexdigest(),
        "recipients": [envelope["name"] for envelope in json.loads(segment.keys)],
    }


def assert_ends(
    segment: StoredSegment,
    members: Sequence[StoredLeaf],
    leaves: Sequence[StoredLeaf],
    payloads: Sequence[bytes | None],
    *,
    must_end: bool,
) -> None:
    assert [leaf.position for leaf in members] == list(range(len(members)))
    assert {leaf.retention_class for leaf in members} <= {segment.retention_class}
    indexes = [leaf.index for leaf in members]
    assert all(index > segment.first for index in indexes)
    if segment.manifest is None:
        assert not must_end
        return
    assert all(index < segment.manifest for index in indexes)
    assert leaves[segment.manifest].kind == MANIFEST
    assert json.loads(payloads[segment.manifest] or b"") == {
        "segment": segment.number,
        "retention_class": segment.retention_class,
        "count": len(members),
        "first": indexes[0] if indexes else -1,
        "last": indexes[-1] if indexes else -1,
    }
