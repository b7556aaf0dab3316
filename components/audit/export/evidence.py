"""What proves an export to somebody who has no auditor's key (docs/export.md, section 5).

For each record of a log there are its leaf, its payload as it is sealed, and the key of this record alone. Beside them
lie the log's checkpoint, and the hashes that lead from all these leaves to its root.
"""

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from pathlib import Path

import orjson

from components.archive.durable import PRIVATE
from components.archive.errors import LogDamaged
from components.archive.log.leaf import Leaf, encode_leaf
from components.archive.log.multiproof import absent_spans
from components.archive.log.strict_base64 import encode_base64
from components.archive.log.tile import TileError, hash_spans, tiles_of_spans
from components.archive.store import LogSource

FOLDER = "records"
_SPANS_AT_ONCE = 512


def records_name(log_name: str) -> str:
    """Return the path of the records of a log in an export."""
    return f"{FOLDER}/{log_name}.jsonl"


def proof_name(log_name: str) -> str:
    """Return the path of the hashes that prove the records of a log."""
    return f"{FOLDER}/{log_name}.proof"


def encode_record(leaf: Leaf, sealed: bytes | None, key: bytes) -> bytes:
    """Return the line of a record; what was destroyed has its leaf alone, what does not open has no key."""
    line: dict[str, object] = {"index": leaf.index, "leaf": encode_base64(encode_leaf(leaf))}
    if sealed is not None:
        line["sealed"] = encode_base64(sealed)
    if key:
        line["key"] = encode_base64(key)
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


class EvidenceFile:
    """The records of a log in an export, appended to; what lies behind `size_bytes` is of a run that was stopped.

    It is shorter where payloads were taken out, and a run was stopped before it noted the size: then all of it counts.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE), "r+b")
        size_bytes = min(size_bytes, self._file.seek(0, os.SEEK_END))
        self._file.truncate(size_bytes)
        self._file.seek(size_bytes)

    def append(self, lines: Iterable[bytes]) -> int:
        """Append lines, durable when this returns; return the file's size."""
        self._file.writelines(lines)
        self._file.flush()
        # Killed before the size is noted: the next run cuts these lines off again.
        os.fdatasync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_indexes(path: Path) -> Iterator[int]:
    """Yield the indexes of the records in a file of evidence."""
    with path.open("rb") as file:
        for line in file:
            yield int(orjson.loads(line)["index"])


def without_payloads(path: Path, indexes: set[int]) -> Iterator[bytes]:
    """Yield the lines of a file of evidence, of these records the leaf alone."""
    with path.open("rb") as file:
        for line in file:
            record = orjson.loads(line)
            if record["index"] in indexes:
                kept = {name: record[name] for name in ("index", "leaf")}
                yield orjson.dumps(kept, option=orjson.OPT_APPEND_NEWLINE)
            else:
                yield line


async def prove_records(source: LogSource, indexes: Iterable[int], size: int) -> AsyncIterator[bytes]:
    """Yield the hashes that prove these leaves in a tree of `size`; raises LogUnavailable and LogDamaged."""
    spans = absent_spans(indexes, size)
    while batch := list(islice(spans, _SPANS_AT_ONCE)):
        tiles = await source.fetch_tiles(tiles_of_spans(batch))
        try:
            yield b"".join(hash_spans(batch, tiles))
        except TileError as error:
            raise LogDamaged(f"a tile of the log is missing or cut short: {error}") from error
