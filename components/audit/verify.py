"""Verifies a log: every record against the Merkle tree, the tree against every signed checkpoint.

This file stands alone: it needs Python 3.11 and the package `cryptography`, shares no code with what wrote the
log, and may be handed out together with it:

    python verify.py LOG.db --key LOG.pub [--checkpoint NOTE] [--json]

It follows docs/archive-format.md, and by that RFC 6962 (2.1), C2SP signed-note, tlog-checkpoint and tlog-tiles.
What no log can show by itself is that it was set back as a whole to an earlier state; a checkpoint that was kept
elsewhere (`--checkpoint`) shows it.
"""

import argparse
import base64
import heapq
import json
import re
import sqlite3
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = b"steelyard-log/2"
LEAF = struct.Struct(">BBQQIBHI16s32s")
LEAF_VERSION = 2
HASH_SIZE_BYTES = 32
TILE_WIDTH = 256
MAX_PROBLEMS = 1000
PROGRESS_EVERY_TILES = 64

SELECT_RECORDS = (
    "SELECT idx, coalesce(CAST(leaf AS BLOB), x''), CAST(payload AS BLOB) FROM record"
    " WHERE idx >= ? AND idx < ? ORDER BY idx"
)
SELECT_CHECKPOINTS = "SELECT second, size, coalesce(CAST(note AS BLOB), x'') FROM checkpoint ORDER BY second"

Row = tuple[int, bytes, bytes | None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `index` is the record that it is about, or begins with."""

    kind: str
    index: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified: `size` records under `checkpoint` (the text that was signed), and all that is wrong."""

    size: int
    checkpoint: str
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems


class UsageError(Exception):
    """There is no log to verify, or no key to verify it by."""


class Key(NamedTuple):
    """The log's name and public key, out of a C2SP verifier key."""

    name: str
    key_id: bytes
    public_key: Ed25519PublicKey


class Head(NamedTuple):
    """A checkpoint whose signature is right; `label` names it in a report.

    It is kept under the `second` of its last record's time; one that was kept elsewhere has none.
    """

    size: int
    root: bytes
    text: str
    label: str
    second: int | None = None


class Findings:
    """The problems found so far; those beyond a thousand are only counted."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._uncounted = 0

    def add(self, kind: str, index: int | None, detail: str) -> None:
        """Note a problem."""
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(kind, index, detail))
        else:
            self._uncounted += 1

    def problems(self) -> tuple[Problem, ...]:
        """Give the problems in the order in which they were found."""
        if not self._uncounted:
            return tuple(self._problems)
        return (*self._problems, Problem("more", None, f"and {self._uncounted} more problems"))


class Tree:
    """An RFC 6962 tree that grows at its right edge; `upper[l]` gathers the hashes of tile level `l + 1`."""

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.nodes = list(nodes)
        self.upper: list[list[bytes]] = []

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaves."""
        nodes = self.nodes
        for leaf_hash in leaf_hashes:
            node, height, carry = leaf_hash, 0, self.size
            while carry & 1:
                node = sha256(b"\x01" + nodes.pop() + node).digest()
                carry >>= 1
                height += 1
                if height % 8 == 0:
                    self._gather(height // 8 - 1, node)
            nodes.append(node)
            self.size += 1

    def root(self) -> bytes:
        """Give the root: the perfect subtrees joined from the right."""
        if not self.nodes:
            return sha256(b"").digest()
        root = self.nodes[-1]
        for node in self.nodes[-2::-1]:
            root = sha256(b"\x01" + node + root).digest()
        return root

    def _gather(self, level: int, node: bytes) -> None:
        if level == len(self.upper):
            self.upper.append([])
        self.upper[level].append(node)


def verify_log(
    path: str | Path,
    public_key_vkey: str,
    progress: Progress | None = None,
    known_checkpoints: Sequence[str] = (),
) -> Report:
    """Verify the log in the SQLite database `path`, one snapshot of it if it is being written to.

    `public_key_vkey` is the log's C2SP verifier key; `progress(done, total)` is told counts of records;
    `known_checkpoints` are signed notes that were kept elsewhere. Memory does not grow with the log.
    Raises UsageError if there is no such file or no such key; all else that is wrong stands in the report.
    """
    key = parse_key(public_key_vkey)
    findings = Findings()
    head = Head(0, Tree().root(), "", "")
    try:
        with closing(open_database(Path(path))) as database:
            database.execute("BEGIN")
            check_meta(database, key, findings)
            newest = find_newest_head(database, key)
            head = newest or head
            if newest is None:
                findings.add("checkpoint-missing", None, f"no checkpoint is signed by {key.name}")
            stored = read_heads(database, key, findings) if newest else iter(())
            known = parse_known(known_checkpoints, key, findings)
            heads = heapq.merge(stored, known, key=lambda known_head: known_head.size)
            Verification(database, head, heads, findings).run(progress or (lambda _done, _total: None))
    except (sqlite3.Error, UnicodeDecodeError) as error:  # some of SQLite's messages quote damaged bytes
        findings.add("database-damaged", None, f"the database cannot be read on: {error}")
    return Report(head.size, head.text, findings.problems())


class Verification:
    """One pass over the records under `head`, a tile (256 records) at a time."""

    def __init__(
        self, database: sqlite3.Connection, head: Head, heads: Iterator[Head], findings: Findings
    ) -> None:
        self._database = database
        self._head = head
        self._heads = heads
        self._next_head = next(heads, None)
        self._findings = findings
        self._tree = Tree()
        self._time_ns = 0
        self._tile_times_ns: dict[int, int] = {}
        self._found = 0
        self._gap_start: int | None = None
        self._fitting_size = 0
        self._unfit: list[Head] = []
        self._surplus: list[str] = []

    def run(self, progress: Progress) -> None:
        """Check everything."""
        size = self._head.size
        self._check_heads()
        for n in range(-(-size // TILE_WIDTH)):
            first, end = n * TILE_WIDTH, min(size, (n + 1) * TILE_WIDTH)
            self._grow(self._check_tile(n, first, end))
            self._check_upper_tiles(last=end == size)
            if n % PROGRESS_EVERY_TILES == 0:
                progress(end, size)
        progress(size, size)
        self._close_gap(size)
        self._report_unfit()
        self._check_beyond()

    # Checkpoints: each is compared when the tree has just its size.

    def _grow(self, leaf_hashes: Sequence[bytes]) -> None:
        added = 0
        while added < len(leaf_hashes):
            stop = len(leaf_hashes)
            if self._next_head is not None:
                stop = min(stop, added + self._next_head.size - self._tree.size)
            self._tree.extend(leaf_hashes[added:stop])
            added = stop
            self._check_heads()

    def _check_heads(self) -> None:
        while self._next_head is not None and self._next_head.size == self._tree.size:
            head = self._next_head
            self._check_second(head)
            if head.root != self._tree.root():
                self._unfit.append(head)
                del self._unfit[1:-1]
            else:
                self._report_forked()
                self._unfit, self._fitting_size = [], head.size
            self._next_head = next(self._heads, None)

    def _check_second(self, head: Head) -> None:
        time_ns = self._tile_times_ns.get(head.size - 1) if head.size else 0
        if head.second is None or time_ns is None:  # kept elsewhere, or its record is gone
            return
        if head.second != time_ns // 1_000_000_000:
            detail = f"{head.label} is not of the second of its last record"
            self._findings.add("checkpoint-altered", None, detail)

    def _report_forked(self) -> None:
        if self._unfit:
            labels = " to ".join(dict.fromkeys(head.label for head in self._unfit))
            detail = f"{labels}: signed, but of other records than those that later checkpoints cover"
            self._findings.add("checkpoint-forked", None, detail)

    def _report_unfit(self) -> None:
        if self._unfit and self._unfit[0].size == self._fitting_size:
            self._report_forked()
        elif self._unfit:
            first = self._unfit[0]
            span = f"records {self._fitting_size} to {first.size - 1}"
            detail = f"{span} do not give the root of {first.label}, nor of those after it"
            self._findings.add("root-mismatch", self._fitting_size, detail)

    # Records: leaf against tile, payload against leaf.

    def _check_tile(self, n: int, first: int, end: int) -> list[bytes]:
        """Check the records of one tile; gives the hashes that the tree goes on with."""
        rows = self._database.execute(SELECT_RECORDS, (first, end)).fetchall()
        self._found += len(rows)
        self._tile_times_ns.clear()
        leaf_hashes = [sha256(b"\x00" + leaf).digest() for _index, leaf, _payload in rows]
        tile = self._fetch_tile(0, n, end - first)
        if len(rows) == end - first and b"".join(leaf_hashes) == tile:
            self._close_gap(first)
            for row in rows:
                self._check_record(*row)
            return leaf_hashes
        by_index = {row[0]: row for row in rows}
        if len(by_index) != len(rows):
            self._findings.add("database-damaged", first, f"records of tile 0/{n} are there more than once")
        places = {row[0]: leaf_hash for row, leaf_hash in zip(rows, leaf_hashes, strict=True)}
        hashes, altered = self._arbitrate(n, first, end, places, tile)
        for index in range(first, end):
            self._check_present(index, by_index.get(index), altered)
        return hashes

    def _check_present(self, index: int, row: Row | None, altered: set[int]) -> None:
        if row is None:
            self._gap_start = index if self._gap_start is None else self._gap_start
            return
        self._close_gap(index)
        if index in altered:
            self._name_altered_leaf(index, row[1])
        else:
            self._check_record(*row)

    def _check_record(self, index: int, leaf: bytes, payload: bytes | None) -> None:
        """Check what a leaf says, the leaf being the one in the tree."""
        if len(leaf) != LEAF.size or leaf[0] != LEAF_VERSION:
            self._findings.add("leaf-unknown", index, f"not a leaf of version {LEAF_VERSION}")
            return
        _version, _kind, leaf_index, time_ns, *_segment, size_bytes, _conversation, payload_sha256 = (
            LEAF.unpack(leaf)
        )
        if leaf_index != index:
            self._findings.add("record-misplaced", index, f"the leaf says that it is record {leaf_index}")
        if time_ns < self._time_ns:
            self._findings.add("time-backwards", index, "recorded at an earlier time than the record before")
        self._time_ns = self._tile_times_ns[index] = time_ns
        if payload is None:
            self._findings.add("payload-missing", index, "the payload is gone")
        elif len(payload) != size_bytes or sha256(payload).digest() != payload_sha256:
            self._findings.add("payload-altered", index, "the payload is not the one that its leaf names")

    def _arbitrate(
        self, n: int, first: int, end: int, places: dict[int, bytes], tile: bytes
    ) -> tuple[list[bytes], set[int]]:
        """Find out whether records or tile were altered where they differ; gives hashes and altered records.

        The judge is what lies above in the tree: the parent of a full tile, the signed root of the last one.
        """
        if len(tile) != (end - first) * HASH_SIZE_BYTES:
            self._findings.add("tile-altered", first, f"tile 0/{n} is missing or cut short")
            return [places.get(index, bytes(HASH_SIZE_BYTES)) for index in range(first, end)], set()
        stored = split_hashes(tile)
        computed = [places.get(index, stored[index - first]) for index in range(first, end)]
        differing = [
            first + place
            for place, pair in enumerate(zip(stored, computed, strict=True))
            if pair[0] != pair[1]
        ]
        if not differing or self._fits_above(n, stored):
            return stored, set(differing)
        kind, detail = "tile-altered", "tile 0/{} does not hold the hash of this record's leaf"
        if not self._fits_above(n, computed):
            kind, detail = "leaf-or-tile-altered", "the leaf and tile 0/{} differ, and neither fits the tree"
        for index in differing:
            self._findings.add(kind, index, detail.format(n))
        return computed, set()

    def _fits_above(self, n: int, hashes: list[bytes]) -> bool:
        if len(hashes) < TILE_WIDTH:
            tree = Tree(self._tree.size, self._tree.nodes)
            tree.extend(hashes)
            return tree.root() == self._head.root
        tree = Tree()
        tree.extend(hashes)
        return tree.root() == self._stored_hash(1, n)

    def _name_altered_leaf(self, index: int, leaf: bytes) -> None:
        if len(leaf) == LEAF.size:
            other = LEAF.unpack(leaf)[2]
            if other != index and sha256(b"\x00" + leaf).digest() == self._stored_hash(0, other):
                self._findings.add("record-swapped", index, f"in its place is record {other}")
                return
        self._findings.add("leaf-altered", index, "the leaf is not the one in the tree")

    def _close_gap(self, end: int) -> None:
        if self._gap_start is not None:
            start, self._gap_start = self._gap_start, None
            if end == self._head.size:
                kind, detail = "log-truncated", "are missing: the log ends before its checkpoint does"
            else:
                kind, detail = "record-missing", "are missing"
            self._findings.add(kind, start, f"records {start} to {end - 1} {detail}")

    # Tiles above the leaves', and what no checkpoint covers.

    def _check_upper_tiles(self, *, last: bool) -> None:
        for level, row in enumerate(self._tree.upper, 1):
            if len(row) == TILE_WIDTH or (last and row):
                width = 256**level
                end = self._tree.size // width
                n = (end - 1) // TILE_WIDTH
                self._compare_upper_tile(level, n, row)
                row.clear()

    def _compare_upper_tile(self, level: int, n: int, row: list[bytes]) -> None:
        tile = self._fetch_tile(level, n, len(row))
        if tile == b"".join(row):
            return
        if len(tile) != len(row) * HASH_SIZE_BYTES:
            detail = f"tile {level}/{n} is missing or cut short"
            self._findings.add("tile-altered", n * TILE_WIDTH * 256**level, detail)
            return
        for place, (stored, computed) in enumerate(zip(split_hashes(tile), row, strict=True)):
            if stored != computed:
                start = (n * TILE_WIDTH + place) * 256**level
                detail = f"tile {level}/{n} does not hold the hash over records {start} to {start + 256**level - 1}"
                self._findings.add("tile-altered", start, detail)

    def _check_beyond(self) -> None:
        size = self._head.size
        while self._next_head is not None:
            detail = f"{self._next_head.label} is of {self._next_head.size} records, this log of {size}"
            self._findings.add("log-truncated", size, detail)
            self._next_head = next(self._heads, None)
        sql = "SELECT count(*), min(idx), max(idx) FROM record WHERE idx < 0 OR idx >= ?"
        count, lowest, highest = self._database.execute(sql, (size,)).fetchone()
        if count:
            detail = f"{count} records, {lowest} to {highest}, are under no signed checkpoint"
            self._findings.add("record-unsigned", lowest, detail)
        (total,) = self._database.execute("SELECT count(*) FROM record").fetchone()
        if total != self._found + count:
            detail = f"going through the records gives {total}, looking them up {self._found + count}"
            self._findings.add("database-damaged", None, detail)
        for level, n in self._database.execute("SELECT CAST(level AS INT), CAST(n AS INT) FROM tile"):
            if not 0 <= level <= 7 or not 0 <= n * TILE_WIDTH < size // 256**level:
                self._surplus.append(f"{level}/{n}")
                del self._surplus[3:]
        if self._surplus:
            detail = f"there are hashes of more than {size} records, as in tile {', '.join(self._surplus)}"
            self._findings.add("tile-unsigned", None, detail)

    def _fetch_tile(self, level: int, n: int, width: int = TILE_WIDTH) -> bytes:
        """Fetch the first `width` hashes of a tile, or what there is of them."""
        sql = "SELECT CAST(hashes AS BLOB) FROM tile WHERE level = ? AND n = ?"
        row = self._database.execute(sql, (level, n)).fetchone()
        tile = bytes(row[0] or b"") if row else b""
        if tile[width * HASH_SIZE_BYTES :].strip(b"\0"):
            self._surplus.append(f"{level}/{n}")
        return tile[: width * HASH_SIZE_BYTES]

    def _stored_hash(self, level: int, place: int) -> bytes:
        n, offset = divmod(place, TILE_WIDTH)
        return self._fetch_tile(level, n)[offset * HASH_SIZE_BYTES : (offset + 1) * HASH_SIZE_BYTES]


def split_hashes(tile: bytes) -> list[bytes]:
    """Split a tile into its hashes."""
    return [tile[start : start + HASH_SIZE_BYTES] for start in range(0, len(tile), HASH_SIZE_BYTES)]


def check_meta(database: sqlite3.Connection, key: Key, findings: Findings) -> None:
    """Check that the database says it is this log, in a format that is known here."""
    meta = dict(database.execute("SELECT key, value FROM meta"))
    for name, expected in ((b"format", FORMAT), (b"origin", key.name.encode())):
        if meta.get(name) != expected:
            detail = f"{name.decode()} is {meta.get(name)!r}, not {expected!r}"
            findings.add("meta-altered", None, detail)


def find_newest_head(database: sqlite3.Connection, key: Key) -> Head | None:
    """Find the newest checkpoint with a right signature."""
    for second, _size, note in database.execute(f"{SELECT_CHECKPOINTS} DESC"):
        try:
            return parse_head(note, key, f"the checkpoint of second {second}", second)
        except ValueError:  # named by read_heads
            continue
    return None


def read_heads(database: sqlite3.Connection, key: Key, findings: Findings) -> Iterator[Head]:
    """Read the kept checkpoints in order, naming those that are not right by themselves."""
    last_size = 0
    for second, size, note in database.execute(SELECT_CHECKPOINTS):
        label = f"the checkpoint of second {second}"
        try:
            head = parse_head(note, key, label, second)
        except ValueError as error:
            findings.add("checkpoint-altered", None, f"{label}: {error}")
            continue
        if size != head.size:
            findings.add("checkpoint-altered", None, f"{label}: of {head.size} records, kept as of {size}")
        if head.size < last_size:
            findings.add("checkpoint-order", None, f"{label} is of fewer records than one before it")
            continue
        last_size = head.size
        yield head


def parse_known(notes: Sequence[str], key: Key, findings: Findings) -> list[Head]:
    """Parse the checkpoints that were kept elsewhere; gives them by size."""
    heads = []
    for number, note in enumerate(notes, 1):
        label = f"known checkpoint {number}"
        try:
            heads.append(parse_head(note.encode(), key, label))
        except ValueError as error:
            findings.add("checkpoint-altered", None, f"{label}: {error}")
    return sorted(heads, key=lambda head: head.size)


def parse_head(note: bytes, key: Key, label: str, second: int | None = None) -> Head:
    """Parse a checkpoint and verify its signature (C2SP signed-note, tlog-checkpoint); raises ValueError."""
    text, _, signatures = note.decode().rpartition("\n\n")
    text += "\n"
    verify_signature(text, signatures, key)
    match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n(?:[^\n]+\n)*", text)
    root = decode_base64(match[3]) if match else b""
    if match is None or len(root) != HASH_SIZE_BYTES:
        raise ValueError("not a checkpoint")
    if match[1] != key.name:
        raise ValueError(f"a checkpoint of {match[1]!r}")
    return Head(int(match[2]), root, text, label, second)


def verify_signature(text: str, signatures: str, key: Key) -> None:
    """Verify the signature of `key` among a note's signature lines; raises ValueError."""
    verified = False
    for line in signatures.removesuffix("\n").split("\n"):
        match = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        signature = decode_base64(match[2]) if match else b""
        if match is None or not signatures.endswith("\n"):
            raise ValueError("not a signed note")
        if (match[1], signature[:4]) == (key.name, key.key_id):
            try:
                key.public_key.verify(signature[4:], text.encode())
            except InvalidSignature:
                raise ValueError("the signature does not fit the text") from None
            verified = True
    if not verified:
        raise ValueError("not signed by this key")


def parse_key(vkey: str) -> Key:
    """Parse a C2SP verifier key of type Ed25519; raises UsageError."""
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", vkey.strip())
    try:
        raw = decode_base64(match[3]) if match else b""
    except ValueError:
        raw = b""
    if match is None or len(raw) != 33 or raw[0] != 1:
        raise UsageError("the key is not a verifier key: name+id+base64")
    key_id = sha256(match[1].encode() + b"\n" + raw).digest()[:4]
    if key_id.hex() != match[2]:
        raise UsageError("the verifier key's id does not match the key")
    return Key(match[1], key_id, Ed25519PublicKey.from_public_bytes(raw[1:]))


def decode_base64(text: str) -> bytes:
    """Decode base64 in its one form; raises ValueError."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 with bits left over")
    return data


def open_database(path: Path) -> sqlite3.Connection:
    """Open for reading only; raises UsageError, or sqlite3.Error when it is no database."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    uri = path.absolute().as_uri()
    try:
        return connect(f"{uri}?mode=ro")
    except sqlite3.OperationalError as error:
        # Beside a database in WAL mode SQLite makes two files. Where nothing can be written, nobody else writes
        # either, and if the write-ahead log is empty the database is whole without it.
        wal = path.with_name(path.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            raise UsageError(f"{path}: cannot be opened here ({error}); copy it with its -wal file") from None
        return connect(f"{uri}?immutable=1")


def connect(uri: str) -> sqlite3.Connection:
    """Connect, and read something, for SQLite opens its files only then."""
    database = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        database.close()
        raise
    database.text_factory = bytes
    return database


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; gives 0 when all is right, 1 when something is wrong, 2 when called wrongly."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a Steelyard log.")
    parser.add_argument("log", type=Path, help="the log's database, e.g. gate.db")
    parser.add_argument("--key", type=Path, required=True, help="file with the log's verifier key (.pub)")
    parser.add_argument(
        "--checkpoint", type=Path, action="append", default=[], help="a checkpoint kept elsewhere"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(argv)
    try:
        known = [path.read_text("utf-8") for path in options.checkpoint]
        progress = show_progress if sys.stderr.isatty() else None
        report = verify_log(options.log, options.key.read_text("utf-8"), progress, known)
    except (UsageError, OSError, UnicodeDecodeError) as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"ok": report.ok, **asdict(report)}, indent=2) if options.json else render(report))
    return 0 if report.ok else 1


def show_progress(done: int, total: int) -> None:
    """Show how far it is, on a terminal."""
    print(f"\r{done:,} of {total:,} records", end="\n" if done == total else "", file=sys.stderr, flush=True)


def render(report: Report) -> str:
    """Render a report for people."""
    lines = [f"{report.size:,} records under this checkpoint:"]
    lines += [f"  {line}" for line in report.checkpoint.splitlines()] or ["  none"]
    for problem in report.problems:
        about = "" if problem.index is None else f"record {problem.index}: "
        lines.append(f"{problem.kind}: {about}{problem.detail}")
    lines.append(f"{len(report.problems)} problems" if report.problems else "All of it verified.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
