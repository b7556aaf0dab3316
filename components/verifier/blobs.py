"""Verifies kept files as they are stored, without keys: each against the record that names it (docs/blobs.md)."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from components.verifier.database import Database
from components.verifier.format import FILE, Leaf, parse_row, read_json
from components.verifier.report import Findings, UsageError
from components.verifier.walk import Progress

BLOB_FORMAT = "steelyard-blob/1"
DATA_NAME = re.compile(r"data/[0-9]{8}/[0-9a-f]{32}")
MARK_SIZE_BYTES = 16
ROWS_AT_ONCE = 1024
READ_SIZE_BYTES = 1 << 20

# The class and the mark of a blob, as leaves have them.
Mark = tuple[int, bytes]


class Blobs:
    """The blobs in a folder, and the records that name them; a mark of each is in memory."""

    def __init__(self, database: Database, folder: Path, findings: Findings) -> None:
        self._database = database
        self._folder = folder
        self._findings = findings
        self._live: dict[Mark, int] = {}
        self._destroyed: dict[Mark, int] = {}

    def verify(self, progress: Progress) -> int:
        """Check all of them, and return how many are as they were put and named by a record."""
        if not self._folder.is_dir():
            raise UsageError(f"{self._folder}: no such folder")
        self._read_records()
        intact, missing, heads = 0, dict(self._live), list(self._list_heads())
        for done, (class_, digest, path) in enumerate(heads, 1):
            mark = (class_, bytes.fromhex(digest)[:MARK_SIZE_BYTES])
            missing.pop(mark, None)
            try:
                intact += self._check(mark, f"{class_}/{digest}", path.read_bytes())
            except (ValueError, OSError) as error:
                self._add("blob-altered", mark, f"blob {class_}/{digest}: {error}")
            progress(done, len(heads))
        for mark in missing:
            self._add("blob-missing", mark, "the file that this record names is not there")
        return intact

    def _read_records(self) -> None:
        (first, last) = self._database.count("coalesce(min(idx), 0), coalesce(max(idx), -1) FROM record")
        for begin in range(first, last + 1, ROWS_AT_ONCE):
            for row in self._database.fetch_rows(begin, begin + ROWS_AT_ONCE):
                leaf = parse_row(row)
                if leaf is not None and leaf.kind == FILE and any(leaf.conversation):
                    kept = self._live if row[2] is not None else self._destroyed
                    kept.setdefault(mark_of(leaf), leaf.record_index)

    def _list_heads(self) -> Iterator[tuple[int, str, Path]]:
        for path in sorted(self._folder.glob("head/*/*/*")):
            class_, digits, digest = path.parts[-3:]
            named = re.fullmatch("[0-9]{1,5}/[0-9a-f]{64}", f"{class_}/{digest}")
            # What is called otherwise is no head.
            if named and digits == digest[:2]:
                yield int(class_), digest, path

    def _check(self, mark: Mark, address: str, content: bytes) -> bool:
        """Check a blob; return whether it is there and a record names it. Raises ValueError for what is altered."""
        head = read_json(content)
        if not isinstance(head, dict) or head.get("format") != BLOB_FORMAT or head.get("address") != address:
            raise ValueError("its head is none, or that of another")
        if not DATA_NAME.fullmatch(str(head.get("data"))):
            raise ValueError("its head names no data")
        data = self._folder / str(head["data"])
        if "destroyed_at_ns" in head:
            if data.exists():
                self._add("blob-not-destroyed", mark, f"blob {address}: its data are still there")
            elif mark in self._live:
                detail = f"blob {address} is destroyed, and this record of it is not"
                self._add("blob-destroyed", mark, detail)
            return False
        if not data.exists():
            self._add("blob-missing", mark, f"the data of blob {address} are gone")
            return False
        check_data(data, head, address)
        if mark in self._destroyed and mark not in self._live:
            detail = f"all records of blob {address} are destroyed, and it is not"
            self._add("blob-not-destroyed", mark, detail)
        return mark in self._live

    def _add(self, kind: str, mark: Mark, detail: str) -> None:
        self._findings.add(kind, self._live.get(mark, self._destroyed.get(mark)), detail)


def check_data(path: Path, head: dict[str, object], address: str) -> None:
    """Check a blob's data against its head, and that they end with its own address; raises ValueError and OSError."""
    digest, size, end = sha256(), 0, b""
    trailer = make_trailer(address)
    with path.open("rb") as file:
        while piece := file.read(READ_SIZE_BYTES):
            digest.update(piece)
            size += len(piece)
            end = (end + piece)[-len(trailer) :]
    if size != head.get("stored_size_bytes"):
        raise ValueError(f"{size:,} bytes are there and not {head.get('stored_size_bytes')}")
    if digest.hexdigest() != head.get("stored_sha256"):
        raise ValueError("its data have another SHA-256")
    if end != trailer:
        raise ValueError("its data are those of another blob")


def make_trailer(address: str) -> bytes:
    """Return the end of a blob's data (docs/blobs.md, section 2)."""
    class_, _, digest = address.partition("/")
    body = int(class_).to_bytes(2, "big") + bytes.fromhex(digest)
    return body + sha256(f"{BLOB_FORMAT}\n".encode() + body).digest()[:8]


def mark_of(leaf: Leaf) -> Mark:
    """Return the mark of the blob that a record of a file names."""
    return leaf.retention_class, leaf.conversation
