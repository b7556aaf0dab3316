"""Verifies a log: every record against the Merkle tree, the tree against every signed checkpoint.

This file stands alone: it needs Python 3.11 and the package `cryptography`, shares no code with what wrote the
log, and may be handed out together with it:

    python verify.py LOG.db --key LOG.pub [--checkpoint NOTE] [--witness VKEY] [--approver VKEY] [--json]
    python verify.py --from-url https://logs.example/gate --key LOG.pub

It follows docs/archive-format.md, and by that RFC 6962 (2.1), C2SP signed-note, tlog-checkpoint, tlog-tiles and
tlog-cosignature. It opens nothing that is sealed. What no log can show by itself is that it was set back as a whole
to an earlier state; a checkpoint that was kept elsewhere (`--checkpoint`) shows it.
"""

import argparse
import base64
import heapq
import http.client
import itertools
import json
import re
import sqlite3
import struct
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

FORMAT = b"steelyard-log/2"
LEAF = struct.Struct(">BBQQIBHI16s32s")
LEAF_VERSION = 2
HASH_SIZE_BYTES = 32
TILE_WIDTH = 256
NS_PER_SECOND = 1_000_000_000

ORDER_DETAILS, SEGMENT, MANIFEST, ORDER, TOMBSTONE, LOG_KEY = 6, 64, 65, 66, 67, 68
FIRST_UNSEALED_KIND = 64
PERMANENT_CLASS = 255

MAX_PROBLEMS = 1000
MAX_RANGES = 100_000
MAX_PENDING_NS = 600 * NS_PER_SECOND
PROGRESS_EVERY_TILES = 64
CHUNK_RECORDS = 4096

Progress = Callable[[int, int], None]
Row = tuple[int, bytes, bytes | None]
Fields = tuple[int, int, int, int, int, int, int, int, bytes, bytes]


# 1. What is reported


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `index` is the record that it is about, or begins with."""

    kind: str
    index: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Range:
    """Records that are not simply VALID: `count` of them, all that are of this retention class from first to last.

    `retention_class` is 0 for the log's own records, None where the leaf cannot say; `order` is the id of the order
    by which they are HELD or SHREDDED.
    """

    state: str
    retention_class: int | None
    first: int
    last: int
    count: int
    order: str | None


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a witness cosigned: `count` checkpoints, the last of `size` records at `time_s` (Unix time)."""

    name: str
    count: int
    size: int
    time_s: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified: `size` records under `checkpoint` (the text that was signed), and all that is wrong.

    `pending` records follow that no checkpoint covers yet. `states` counts the records under the checkpoint, and is
    empty where payloads were not there to be seen; `ranges` names those that are not VALID, but for
    `ranges_left_out`. `checkpoints` is how many the log agrees with; `unchecked` says what could not be checked.
    """

    size: int
    checkpoint: str
    problems: tuple[Problem, ...]
    pending: int = 0
    checkpoints: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    ranges: tuple[Range, ...] = ()
    ranges_left_out: int = 0
    witnesses: tuple[Witnessed, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems


class UsageError(Exception):
    """There is no log to verify, it cannot be fetched, or there is no key to verify it by."""


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


@dataclass(slots=True)
class Run:
    """Neighbouring records of one class in the same state; `flaw` is the problem that they share, or empty."""

    state: str
    order: str | None
    flaw: str
    first: int
    last: int
    count: int


FLAWS = {
    "payload-missing": "gone, and no tombstone says so",
    "not-destroyed": "still there in spite of a tombstone",
    "hold-broken": "destroyed in spite of a hold that was in force",
}


class States:
    """Counts records by state, and keeps what is not VALID as runs: a run costs the same however long it is."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.counts = dict.fromkeys(("VALID", "HELD", "SHREDDED", "MISSING", "FORGED"), 0)
        self.ranges: list[Range] = []
        self.left_out = 0
        self._runs: dict[int | None, Run] = {}
        self._recent: dict[int, str] = {}
        self._marked = (dict(self.counts), 0)

    def add_valid(self, classes: Iterable[int], count: int) -> None:
        """Count records of these classes that are VALID."""
        self.counts["VALID"] += count
        if self._runs:
            for retention_class in classes:
                self._close(retention_class)

    def add(
        self, index: int, state: str, retention_class: int | None, order: str | None = None, flaw: str = ""
    ) -> None:
        """Count one record; of what class it is may be unknown."""
        self.counts[state] += 1
        if state != "VALID":
            self._recent[index] = state
        run = self._runs.get(retention_class)
        # Those of a class may lie far apart; of those of no known class, nothing is known of what lies between.
        near = run is not None and (retention_class is not None or index == run.last + 1)
        if run is not None and near and (run.state, run.order, run.flaw) == (state, order, flaw):
            run.last, run.count = index, run.count + 1
            return
        self._close(retention_class)
        if state != "VALID" or flaw:
            self._runs[retention_class] = Run(state, order, flaw, index, index, 1)

    def begin_tile(self) -> None:
        """Forget which records of the tile before were in what state."""
        self._recent.clear()

    def mark(self, size: int, end: int) -> None:
        """Remember what is under a checkpoint of `size` records that fits, when `end` have been counted."""
        counts = dict(self.counts)
        counts["VALID"] -= end - size
        for index, state in self._recent.items():
            if index >= size:
                counts[state] -= 1
                counts["VALID"] += 1
        self._marked = (counts, len(self.ranges))

    def condemn(self, first: int, last: int) -> None:
        """Take back what was said of records since the last mark: no signed root vouches for them."""
        self.close()
        counts, kept = self._marked
        condemned = 0
        for state in ("VALID", "HELD"):
            condemned += self.counts[state] - counts[state]
            self.counts[state] = counts[state]
        self.counts["FORGED"] += condemned
        self.ranges[kept:] = [each for each in self.ranges[kept:] if each.state != "HELD"]
        self._keep(Range("FORGED", None, first, last, condemned, None))

    def close(self) -> None:
        """End every run."""
        for retention_class in list(self._runs):
            self._close(retention_class)

    def _close(self, retention_class: int | None) -> None:
        run = self._runs.pop(retention_class, None)
        if run is None:
            return
        if run.flaw:
            what = (
                "the payload of this record is"
                if run.count == 1
                else f"the payloads of {run.count} records are"
            )
            where = "" if run.count == 1 else f", from this one to {run.last}"
            self._findings.add(run.flaw, run.first, f"{what} {FLAWS[run.flaw]}{where}")
        if run.state != "VALID":
            self._keep(Range(run.state, retention_class, run.first, run.last, run.count, run.order))

    def _keep(self, range_: Range) -> None:
        if len(self.ranges) < MAX_RANGES:
            self.ranges.append(range_)
        else:
            self.left_out += 1


# 2. Signed notes and keys (C2SP signed-note, tlog-cosignature)


class Key(NamedTuple):
    """A name and a public key, out of a C2SP verifier key; `type_` is that of its signatures (1, 4 or 6)."""

    name: str
    key_id: bytes
    type_: int
    public_key: Ed25519PublicKey | MLDSA44PublicKey


class Note(NamedTuple):
    """A signed text, and its signatures as (name, key id, signature); nothing of it has been verified."""

    text: str
    signatures: list[tuple[str, bytes, bytes]]


ED25519, COSIGNATURE, COSIGNATURE_ML_DSA = 1, 4, 6
KEY_SIZES_BYTES = {ED25519: 32, COSIGNATURE: 32, COSIGNATURE_ML_DSA: 1312}


def parse_key(vkey: str, types: Iterable[int] = (ED25519,)) -> Key:
    """Parse a C2SP verifier key of one of these types; raises UsageError."""
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", vkey.strip())
    try:
        raw = decode_base64(match[3]) if match else b""
    except ValueError:
        raw = b""
    if match is None or not raw or raw[0] not in types or len(raw) != 1 + KEY_SIZES_BYTES[raw[0]]:
        raise UsageError("the key is not a verifier key (name+id+base64) of a kind that belongs here")
    key_id = sha256(match[1].encode() + b"\n" + raw).digest()[:4]
    if key_id.hex() != match[2]:
        raise UsageError("the verifier key's id does not match the key")
    kind = MLDSA44PublicKey if raw[0] == COSIGNATURE_ML_DSA else Ed25519PublicKey
    try:
        return Key(match[1], key_id, raw[0], kind.from_public_bytes(raw[1:]))
    except ValueError:
        raise UsageError("the verifier key's public key is none") from None


def parse_keys(text: str, types: Iterable[int] = (ED25519,)) -> list[Key]:
    """Parse verifier keys, one a line; raises UsageError, also when there is none."""
    keys = [parse_key(line, types) for line in text.splitlines() if line.strip()]
    if not keys:
        raise UsageError("there is no verifier key (name+id+base64)")
    return keys


def parse_note(note: bytes) -> Note:
    """Parse a signed note; raises ValueError."""
    text, blank, block = note.decode().rpartition("\n\n")
    lines = block.split("\n")
    if not blank or lines.pop() != "" or not lines or re.search(r"[\x00-\x09\x0b-\x1f]", text):
        raise ValueError("not a signed note")
    signatures = []
    for line in lines:
        match = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        signature = decode_base64(match[2]) if match else b""
        if match is None or len(signature) <= 4:
            raise ValueError("not a signed note")
        signatures.append((match[1], signature[:4], signature[4:]))
    return Note(text + "\n", signatures)


def is_signed(note: Note, key: Key) -> bool:
    """Tell whether this key signed; raises ValueError when a signature of it is wrong."""
    found = [signature for name, key_id, signature in note.signatures if (name, key_id) == key[:2]]
    for signature in found:
        try:
            key.public_key.verify(signature, note.text.encode())
        except InvalidSignature:
            raise ValueError(f"the signature of {key.name} does not fit the text") from None
    return bool(found)


def verify_cosignature(note: Note, head: "Head", witness: Key) -> int | None:
    """Give the Unix time at which a witness cosigned, None when it did not; raises ValueError for a wrong one."""
    time_s = None
    for name, key_id, signature in note.signatures:
        if (name, key_id) != witness[:2]:
            continue
        time_s = int.from_bytes(signature[:8], "big")
        if witness.type_ == COSIGNATURE:
            message = f"cosignature/v1\ntime {time_s}\n{note.text}".encode()
        else:
            message = b"subtree/v1\n\0" + prefixed(name) + signature[:8] + prefixed(head.text.split("\n")[0])
            message += struct.pack(">QQ", 0, head.size) + head.root
        try:
            witness.public_key.verify(signature[8:], message)
        except InvalidSignature:
            raise ValueError(f"the cosignature of {name} does not fit the checkpoint") from None
    return time_s


def prefixed(text: str) -> bytes:
    """Encode a text behind a byte that says its length."""
    data = text.encode()
    return bytes([len(data)]) + data


def decode_base64(text: str) -> bytes:
    """Decode base64 in its one form; raises ValueError."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 with bits left over")
    return data


# 3. Checkpoints (C2SP tlog-checkpoint), by the log's keys one after the other


class Head(NamedTuple):
    """A checkpoint whose signature is right; `label` names it in a report.

    It is kept under the `second` of its last record's time; one that was kept elsewhere has none.
    """

    size: int
    root: bytes
    text: str
    label: str
    second: int | None = None


class KeyChain:
    """The keys of a log, the first to the last; a log key record hands over from one to the next.

    Whoever knows a key can follow to those after it, but not back: checkpoints of an earlier key that was not given
    are passed over and counted in `unknown`. With `any_key`, where log key records cannot be read, each of the given
    keys may have signed any checkpoint.
    """

    def __init__(self, keys: Sequence[Key], *, any_key: bool = False) -> None:
        self.origin = keys[0].name
        self.unknown = 0
        self._given = list(keys)
        self._any_key = any_key
        self._handed_over: list[tuple[int, Note, Key]] = []
        self._successions: list[tuple[int, Key]] = []
        self._first: Key | None = keys[0]

    def add(self, index: int, payload: bytes) -> None:
        """Take up a log key record of the tree; raises ValueError when it hands nothing over."""
        note = parse_note(payload)
        match = re.fullmatch(r"steelyard-log-key/1\n([^\n]+)\n([^\n]+)\n", note.text)
        if match is None or match[1] != self.origin:
            raise ValueError("not a log key record of this log")
        try:
            key = parse_key(match[2])
        except UsageError as error:
            raise ValueError(str(error)) from None
        if key.name != self.origin or not is_signed(note, key):
            raise ValueError("the new key is not the log's, or did not sign")
        self._handed_over.append((index, note, key))

    def settle(self, findings: Findings) -> None:
        """Put the keys in order, when all records have been taken up."""
        later = {key[:3] for _, _, key in self._handed_over}
        self._first = before = next((key for key in self._given if key[:3] not in later), None)
        for index, note, key in self._handed_over:
            try:
                followed = before is None or is_signed(note, before)
            except ValueError:
                followed = False
            if not followed:
                findings.add("log-key-invalid", index, "the key before did not sign")
                continue
            self._successions.append((index, key))
            before = key

    def parse_head(self, note: bytes, label: str, second: int | None = None) -> Head | None:
        """Parse a checkpoint and verify its signature; raises ValueError. Gives None where the key is unknown."""
        parsed = parse_note(note)
        match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n(?:[^\n]+\n)*", parsed.text)
        root = decode_base64(match[3]) if match else b""
        if match is None or len(root) != HASH_SIZE_BYTES:
            raise ValueError("not a checkpoint")
        if match[1] != self.origin:
            raise ValueError(f"a checkpoint of {match[1]!r}")
        head = Head(int(match[2]), root, parsed.text, label, second)
        known = [*self._given, *(key for _, key in self._successions)]
        signers = {key[:3] for key in known if is_signed(parsed, key)}
        key = self._key_at(head.size)
        if key is None and not self._any_key:
            self.unknown += 1
            return None
        if not signers or (key is not None and key[:3] not in signers and not self._any_key):
            raise ValueError("not signed by the log's key")
        return head

    def _key_at(self, size: int) -> Key | None:
        covered = [key for index, key in self._successions if index < size]
        return covered[-1] if covered else self._first


class Witnesses:
    """Which witnesses cosigned what; one may have several keys under its name."""

    def __init__(self, keys: Sequence[Key], findings: Findings) -> None:
        self._keys = keys
        self._findings = findings
        self._seen = {key.name: Witnessed(key.name, 0, 0, 0) for key in keys}

    def look_at(self, note: bytes, head: Head) -> None:
        """Verify the cosignatures on a checkpoint."""
        if not self._keys:
            return
        parsed = parse_note(note)
        times_s: dict[str, int] = {}
        for key in self._keys:
            try:
                time_s = verify_cosignature(parsed, head, key)
            except ValueError as error:
                self._findings.add("cosignature-wrong", None, f"{head.label}: {error}")
                continue
            if time_s is not None:
                times_s[key.name] = max(time_s, times_s.get(key.name, 0))
        for name, time_s in times_s.items():
            seen = self._seen[name]
            newest = max((seen.size, seen.time_s), (head.size, time_s))
            self._seen[name] = Witnessed(name, seen.count + 1, *newest)

    def finish(self, *, may_be_missing: bool) -> tuple[Witnessed, ...]:
        """Say what each cosigned."""
        for seen in self._seen.values():
            if not seen.count and not may_be_missing:
                detail = f"no checkpoint has a right cosignature of {seen.name}"
                self._findings.add("cosignature-missing", None, detail)
        return tuple(self._seen.values())


# 4. The tree (RFC 6962, 2.1), a tile of 256 leaves at a time


class Tree:
    """An RFC 6962 tree that grows by whole tiles; the last one may be shorter.

    `nodes` are the roots of the perfect subtrees of whole tiles, the tallest first; `upper[l]` gathers the hashes of
    tile level `l + 1`.
    """

    def __init__(self) -> None:
        self.upper: list[list[bytes]] = []
        self._nodes: list[bytes] = []
        self._tiles = 0
        self._before: list[bytes] = []
        self._rows: list[list[bytes]] = [[]]

    def add_tile(self, hashes: list[bytes]) -> None:
        """Add the leaf hashes of the next tile."""
        self._before, self._rows = list(self._nodes), build_rows(hashes)
        if len(hashes) < TILE_WIDTH:
            return
        node, height, carry = self._rows[8][0], 8, self._tiles
        self._gather(0, node)
        while carry & 1:
            node = sha256(b"\x01" + self._nodes.pop() + node).digest()
            carry >>= 1
            height += 1
            if height % 8 == 0:
                self._gather(height // 8 - 1, node)
        self._nodes.append(node)
        self._tiles += 1

    def root_at(self, width: int) -> bytes:
        """Give the root when the last tile added had its first `width` hashes only."""
        return join_nodes([*self._before, *nodes_of(self._rows, width)])

    def root_with(self, hashes: list[bytes]) -> bytes:
        """Give the root that the tree would have with these hashes as its next tile."""
        return join_nodes([*self._nodes, *nodes_of(build_rows(hashes), len(hashes))])

    def _gather(self, level: int, node: bytes) -> None:
        if level == len(self.upper):
            self.upper.append([])
        self.upper[level].append(node)


def build_rows(hashes: list[bytes]) -> list[list[bytes]]:
    """Hash leaf hashes into pairs, pairs into fours and so on; an odd one at the right stays below."""
    rows = [hashes]
    while len(rows[-1]) > 1:
        data = b"".join(rows[-1])
        ends = range(64, len(data) + 1, 64)
        rows.append([sha256(b"\x01" + data[end - 64 : end]).digest() for end in ends])
    return rows


def nodes_of(rows: list[list[bytes]], width: int) -> list[bytes]:
    """Give the roots of the perfect subtrees over the first `width` hashes, the tallest first."""
    nodes, start = [], 0
    for height in range(width.bit_length() - 1, -1, -1):
        if width >> height & 1:
            nodes.append(rows[height][start >> height])
            start += 1 << height
    return nodes


def join_nodes(nodes: list[bytes]) -> bytes:
    """Join the roots of perfect subtrees from the right into the tree's root."""
    if not nodes:
        return sha256(b"").digest()
    root = nodes[-1]
    for node in nodes[-2::-1]:
        root = sha256(b"\x01" + node + root).digest()
    return root


def hash_leaf(leaf: bytes) -> bytes:
    """Hash a leaf."""
    return sha256(b"\x00" + leaf).digest()


def split_hashes(tile: bytes) -> list[bytes]:
    """Split a tile into its hashes."""
    return [tile[start : start + HASH_SIZE_BYTES] for start in range(0, len(tile), HASH_SIZE_BYTES)]


# 5. Orders and tombstones (docs/archive-format.md, section 7)


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was found right, at its `index` in the log."""

    index: int
    id: str
    act: str
    segments: tuple[int, ...]
    conversations: frozenset[bytes]
    indexes: frozenset[int]
    hold: str
    considered: tuple[str, ...]
    keys: Mapping[int, str]

    def holds(self, index: int, segment: int, conversation: bytes) -> bool:
        """Tell whether this hold is about a record: one of `indexes`, or else of its segments; or of a conversation."""
        named = index in self.indexes if self.indexes else segment in self.segments
        return named or conversation in self.conversations


@dataclass(slots=True)
class Shredding:
    """What tombstones say of a segment; `keys` are the digests of its envelopes since, the newest last.

    `expired` is the first tombstone of an expiry as (index, order id), `single` has those of erased positions.
    """

    expired: tuple[int, str] | None = None
    expired_count: int = 0
    single: dict[int, tuple[int, str]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def find(self, position: int) -> tuple[int, str] | None:
        """Give the tombstone (index, order id) of a position."""
        return self.single.get(position) or self.expired


ORDER_LINES = {
    "hold": ("segments", "conversations?", "indexes?"),
    "release": ("hold",),
    "expire": ("segments", "considered"),
    "erase": ("segments", "indexes", "considered", "keys*"),
}


def parse_order(text: str, index: int, origin: str) -> Order:
    """Parse the text of an order; raises ValueError."""
    first, *lines = text.removesuffix("\n").split("\n")
    if first != "steelyard-order/1" or any(line.endswith(" ") for line in lines):
        raise ValueError("not an order")
    words = [line.partition(" ")[::2] for line in lines]
    head, rest = dict(words[:3]), dict(words[3:])
    if [word for word, _ in words[:3]] != ["log", "id", "act"] or head["act"] not in ORDER_LINES:
        raise ValueError("it does not begin with log, id and act")
    if head["log"] != origin or not re.fullmatch(r"\S+", head["id"]):
        raise ValueError("it is of another log, or has no id")
    act = head["act"]
    expected = "".join(expected_line(name) for name in (*ORDER_LINES[act], "details"))
    if not re.fullmatch(expected, "".join(f"{word}\n" for word, _ in words[3:])):
        raise ValueError(f"its lines are not those of this act ({act})")
    if not re.fullmatch(r"[0-9a-f]{64}", rest["details"]):
        raise ValueError("the digest of its details is none")
    segments = parse_ascending(rest.get("segments", ""))
    indexes = parse_ascending(rest.get("indexes", ""))
    keys = parse_order_keys([rest for word, rest in words if word == "keys"])
    if act in ("expire", "erase") and not segments:
        raise ValueError("it names no segment")
    if act == "erase" and (not indexes or tuple(keys) != segments):
        raise ValueError("it names no record, or not the keys of just its segments")
    held = parse_conversations(rest.get("conversations"))
    hold, considered = rest.get("hold", ""), tuple(rest.get("considered", "").split())
    return Order(index, head["id"], act, segments, held, frozenset(indexes), hold, considered, keys)


def parse_conversations(text: str | None) -> frozenset[bytes]:
    """Parse keyed hashes, of which there are some if the line is there at all; raises ValueError."""
    hashes = text.split(" ") if text is not None else []
    if any(not re.fullmatch(r"[0-9a-f]{32}", each) for each in hashes):
        raise ValueError("a conversation is no keyed hash")
    return frozenset(map(bytes.fromhex, hashes))


def expected_line(name: str) -> str:
    """Give the pattern of a line's word: may be absent with `?`, more than one with `*`."""
    return f"(?:{name[:-1]}\n){name[-1]}" if name[-1] in "?*" else f"{name}\n"


def parse_ascending(text: str) -> tuple[int, ...]:
    """Parse numbers with one space between; raises ValueError unless they ascend."""
    words = text.split(" ") if text else []
    if any(not re.fullmatch(r"0|[1-9][0-9]{0,18}", word) for word in words):
        raise ValueError("a number is none")
    numbers = tuple(map(int, words))
    if any(one >= next_ for one, next_ in itertools.pairwise(numbers)):
        raise ValueError("its numbers do not ascend")
    return numbers


def parse_order_keys(lines: Sequence[str]) -> dict[int, str]:
    """Parse the lines of an erasure that name new envelopes; raises ValueError."""
    keys = {}
    for line in lines:
        match = re.fullmatch(r"([1-9][0-9]{0,9}) ([0-9a-f]{64})", line)
        if match is None or int(match[1]) in keys:
            raise ValueError("it names keys wrongly")
        keys[int(match[1])] = match[2]
    return keys


def parse_object(payload: bytes, types: Mapping[str, type]) -> dict[str, object] | None:
    """Parse a JSON object in its one encoding; gives None when it is not that."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or list(value) != list(types):
        return None
    if any(type(value[name]) is not type_ for name, type_ in types.items()):
        return None
    try:
        encoded = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return None
    return value if encoded == payload else None


class Ledger:
    """What the log says about itself that must be known before records are judged: orders, tombstones, keys.

    It is read from the whole log beforehand: a tombstone stands behind the records that it is about. Once it is
    `incomplete`, it cannot be said which holds were in force.
    """

    def __init__(
        self,
        chain: KeyChain,
        approvers: Sequence[Key],
        find_leaf: Callable[[int], Fields | None],
        findings: Findings,
    ) -> None:
        self._chain = chain
        self._approvers = approvers
        self._find_leaf = find_leaf
        self._findings = findings
        self._orders: dict[str, Order] = {}
        self._holds: dict[int, list[Order]] = {}
        self._ends: dict[str, int] = {}
        self._positions: dict[str, dict[int, set[int]]] = {}
        self.shreddings: dict[int, Shredding] = {}
        self.orders_unchecked = 0
        self.incomplete = False
        self._in_force: list[Order] = []
        self._held_segments: set[int] = set()
        self._held_indexes: list[int] = []
        self._held_conversations: set[bytes] = set()

    def add(self, index: int, kind: int, payload: bytes) -> None:
        """Take up a record of the tree: an order, a tombstone or a log key."""
        name = "log-key-invalid" if kind == LOG_KEY else "order-invalid"
        try:
            if kind == ORDER:
                self._add_order(index, payload)
            elif kind == TOMBSTONE:
                self._add_tombstone(index, payload)
            else:
                self._chain.add(index, payload)
        except ValueError as error:
            detail = "no text" if isinstance(error, UnicodeDecodeError) else str(error)
            self._findings.add(name, index, detail)

    def finish(self) -> None:
        """Say which keys the log had, and what is held in the end."""
        self._chain.settle(self._findings)
        self._in_force = self._holds_at(sys.maxsize)
        for hold in self._in_force:
            self._held_conversations |= hold.conversations
            self._held_indexes += hold.indexes
            if not hold.indexes:
                self._held_segments.update(hold.segments)
        self._held_indexes.sort()

    def touches(self, first: int, end: int, segments: set[int], conversations: Sequence[bytes]) -> bool:
        """Tell whether any of these records may be held or destroyed."""
        if not self._in_force:
            return not self.shreddings.keys().isdisjoint(segments)
        place = bisect_left(self._held_indexes, first)
        return (
            not self.shreddings.keys().isdisjoint(segments)
            or not self._held_segments.isdisjoint(segments)
            or not self._held_conversations.isdisjoint(conversations)
            or (place < len(self._held_indexes) and self._held_indexes[place] < end)
        )

    def find_hold(self, index: int, segment: int, conversation: bytes) -> str | None:
        """Give the id of a hold in force on a record, or None."""
        held = (hold.id for hold in self._in_force if hold.holds(index, segment, conversation))
        return next(held, None)

    def was_held(self, at_index: int, index: int, segment: int, conversation: bytes) -> bool:
        """Tell whether a hold was in force on a record when the log had come to `at_index`."""
        if at_index not in self._holds:
            self._holds[at_index] = self._holds_at(at_index)
        return any(hold.holds(index, segment, conversation) for hold in self._holds[at_index])

    def _holds_at(self, index: int) -> list[Order]:
        return [
            order
            for order in self._orders.values()
            if order.act == "hold" and order.index < index < self._ends.get(order.id, sys.maxsize + 1)
        ]

    def _add_order(self, index: int, payload: bytes) -> None:
        note = parse_note(payload)
        order = parse_order(note.text, index, self._chain.origin)
        self._verify_approvals(note)
        if order.id in self._orders:
            raise ValueError("an order of this id was there before")
        details = self._find_leaf(index + 1)
        if details is None or (details[1], details[5]) != (ORDER_DETAILS, PERMANENT_CLASS):
            raise ValueError("its details do not follow it")
        in_force = {hold.id for hold in self._holds_at(index)}
        considered_all = self.incomplete or sorted(order.considered) == sorted(in_force)
        if order.act in ("expire", "erase") and not considered_all:
            raise ValueError("the holds that it considered are not all those in force")
        if order.act == "release":
            if order.hold not in in_force and not self.incomplete:
                raise ValueError("there is no such hold in force to release")
            self._ends[order.hold] = index
        if order.act == "erase":
            self._positions[order.id] = self._place(order)
        self._orders[order.id] = order

    def _place(self, order: Order) -> dict[int, set[int]]:
        """Find which positions of which segments an erasure is about."""
        positions: dict[int, set[int]] = {segment: set() for segment in order.segments}
        for index in order.indexes:
            leaf = self._find_leaf(index)
            if leaf is None or leaf[4] not in positions:
                raise ValueError(f"record {index} is in none of its segments")
            positions[leaf[4]].add(leaf[6])
        return positions

    def _verify_approvals(self, note: Note) -> None:
        names = {name for name, _, _ in note.signatures}
        if not self._approvers:
            self.orders_unchecked += 1
            if len(names) < 2:
                raise ValueError("fewer than two approvers signed it")
            return
        signed = [key for key in self._approvers if is_signed(note, key)]
        raw = {key.public_key.public_bytes_raw() for key in signed}
        if len(raw) < 2 or len({key.name for key in signed}) < 2:
            raise ValueError("fewer than two approvers that are known here signed it")

    def _add_tombstone(self, index: int, payload: bytes) -> None:
        types = {"segment": int, "order": str, "count": int, "positions": list, "keys_sha256": str}
        stone = parse_object(payload, types)
        if stone is None:
            raise ValueError("not a tombstone")
        segment, count, order_id = int(str(stone["segment"])), int(str(stone["count"])), str(stone["order"])
        order = self._orders.get(order_id)
        if order is None or order.act not in ("expire", "erase") or segment not in order.segments:
            raise ValueError("a tombstone without an order to destroy that")
        shredding = self.shreddings.get(segment, Shredding())
        mark = (index, order_id)
        if order.act == "expire":
            if stone["positions"] or stone["keys_sha256"]:
                raise ValueError("a tombstone of an expiry names positions or keys")
            shredding.expired = shredding.expired or mark
            shredding.expired_count += count
        else:
            positions = stone["positions"]
            wanted = self._positions[order_id][segment]
            if not isinstance(positions, list) or not is_erasure_of(positions, count, wanted, shredding):
                raise ValueError("a tombstone of other records than the erasure's")
            if stone["keys_sha256"] != order.keys[segment]:
                raise ValueError("a tombstone of other keys than the erasure's")
            shredding.single |= dict.fromkeys(positions, mark)
            shredding.keys.append(order.keys[segment])
        self.shreddings[segment] = shredding


def is_erasure_of(positions: list[object], count: int, wanted: set[int], shredding: Shredding) -> bool:
    """Tell whether a tombstone's positions are the ones ordered; those destroyed before need not be among them."""
    named = {position for position in positions if type(position) is int}
    left = {position for position in wanted if shredding.find(position) is None}
    return len(named) == len(positions) == count and sorted(named) == positions and left <= named <= wanted


# 6. Segments (docs/archive-format.md, section 5)


class SegmentRow(NamedTuple):
    """What the database keeps of a segment beside the log."""

    retention_class: object
    first: object
    opened_at_ns: object
    manifest: object
    keys: bytes | None


@dataclass(slots=True)
class Segment:
    """A segment that has begun and not ended; nothing is said about one that is `doubtful`."""

    number: int
    retention_class: int
    doubtful: bool = False
    count: int = 0
    first: int = -1
    last: int = -1
    manifest: object = None


class Segments:
    """Follows every segment from its beginning to its end; `rows` finds what the database keeps of one.

    Without `rows`, where only leaves can be read, a segment begins with its first record.
    """

    def __init__(
        self, ledger: Ledger, rows: Callable[[int], SegmentRow | None] | None, findings: Findings
    ) -> None:
        self._ledger = ledger
        self._rows = rows
        self._findings = findings
        self._open: dict[int, Segment] = {}
        self._newest: dict[int, int] = {}
        self._last = 0
        self._lost = False
        self.kept = 0

    def add(self, number: int, retention_class: int, position: int, index: int, count: int = 1) -> None:
        """Take up sealed records at neighbouring positions and indexes."""
        segment = self._open.get(number) or self._imply(number, retention_class, position, index)
        found, expected = (retention_class, position), (segment.retention_class, segment.count)
        if found != expected and not segment.doubtful:
            detail = (
                f"it says that it is number {position} of segment {number}, which has {segment.count} by now"
            )
            self._findings.add("segment-altered", index, detail)
            segment.doubtful = True
        segment.first = index if segment.count == 0 else segment.first
        segment.last = index + count - 1
        segment.count += count

    def add_own(self, kind: int, index: int, time_ns: int, payload: bytes | None) -> None:
        """Take up a record of the log's own; without its payload, what it says is unknown."""
        if kind not in (SEGMENT, MANIFEST) or self._rows is None:
            return
        if payload is None:
            self.doubt()
        elif kind == SEGMENT:
            self._begin(index, time_ns, payload)
        else:
            self._end(index, payload)

    def doubt(self) -> None:
        """Say no more about segments that a record which cannot be read may have been part of."""
        self._lost = True
        for segment in self._open.values():
            segment.doubtful = True

    def finish(self) -> None:
        """Check those that are open when the log ends."""
        for segment in self._open.values():
            if segment.manifest is not None and not segment.doubtful:
                detail = f"segment {segment.number} has ended, says the database, but not in the log"
                self._findings.add("segment-altered", None, detail)
            self._check_expiry(segment)

    def count_rows(self, found: int) -> None:
        """Compare how many segments the database keeps."""
        if found != self.kept and not self._lost:
            detail = f"the database keeps {found} segments, {self.kept} of which are in the log"
            self._findings.add("segment-altered", None, detail)

    def _imply(self, number: int, retention_class: int, position: int, index: int) -> Segment:
        if self._rows is not None and not self._lost:
            detail = f"its segment {number} has not begun, or has ended before"
            self._findings.add("segment-altered", index, detail)
        begins = self._rows is None and position == 0 and number > self._newest.get(retention_class, 0)
        if begins:
            self._open.pop(self._newest.get(retention_class, 0), None)
            self._newest[retention_class] = number
        elif self._rows is None and not self._lost:
            detail = f"it is number {position} of segment {number}, whose first record is not before it"
            self._findings.add("segment-altered", index, detail)
        self._open[number] = Segment(number, retention_class, doubtful=not begins)
        return self._open[number]

    def _begin(self, index: int, time_ns: int, payload: bytes) -> None:
        types = {"segment": int, "retention_class": int, "keys_sha256": str, "recipients": list}
        opened = parse_object(payload, types)
        number = int(str(opened["segment"])) if opened else 0
        if opened is None or (number != self._last + 1 and not self._lost):
            self._findings.add("segment-altered", index, "not the beginning of the next segment")
            self.doubt()
            return
        segment = Segment(number, int(str(opened["retention_class"])))
        self._end_silently(self._newest.get(segment.retention_class, 0), index)
        self._last = max(self._last, number)
        self._newest[segment.retention_class] = number
        self._open[number] = segment
        self._check_row(segment, index, time_ns, str(opened["keys_sha256"]))

    def _end_silently(self, number: int, index: int) -> None:
        segment = self._open.pop(number, None)
        if segment is not None and not segment.doubtful:
            detail = f"segment {number} has no end, though a later one of its class begins here"
            self._findings.add("segment-altered", index, detail)

    def _end(self, index: int, payload: bytes) -> None:
        names = ("segment", "retention_class", "count", "first", "last")
        manifest = parse_object(payload, dict.fromkeys(names, int))
        segment = self._open.pop(int(str(manifest["segment"])), None) if manifest else None
        if manifest is None or segment is None:
            if not self._lost:
                self._findings.add("segment-altered", index, "a manifest of no segment that is open")
            return
        found = (segment.number, segment.retention_class, segment.count, segment.first, segment.last)
        if segment.doubtful:
            return
        if found != tuple(manifest.values()):
            detail = f"the records of segment {segment.number} are not those of its manifest"
            self._findings.add("segment-altered", index, detail)
        elif segment.manifest != index:
            detail = f"the end of segment {segment.number} is record {segment.manifest}, says the database"
            self._findings.add("segment-altered", index, detail)
        self._check_expiry(segment)

    def _check_row(self, segment: Segment, index: int, time_ns: int, keys_sha256: str) -> None:
        row = self._rows(segment.number) if self._rows is not None else None
        if row is None:
            self._findings.add(
                "keys-missing", index, f"the database keeps nothing of segment {segment.number}"
            )
            segment.doubtful = True
            return
        self.kept += 1
        segment.manifest = row.manifest
        if row[:3] != (segment.retention_class, index, time_ns):
            detail = (
                f"the database says otherwise where and when segment {segment.number} begins, or its class"
            )
            self._findings.add("segment-altered", index, detail)
        self._check_keys(segment.number, index, row.keys, keys_sha256)

    def _check_keys(self, number: int, index: int, keys: bytes | None, keys_sha256: str) -> None:
        shredding = self._ledger.shreddings.get(number, Shredding())
        digests = [keys_sha256, *shredding.keys]
        found = sha256(keys).hexdigest() if keys is not None else None
        name = f"the envelopes of segment {number} are"
        if shredding.expired is not None:
            if found is not None:
                self._findings.add("not-destroyed", index, f"{name} still there, though it has expired")
        elif found is None:
            self._findings.add("keys-missing", index, f"{name} gone, and no tombstone says so")
        elif found != digests[-1]:
            if found in digests:
                self._findings.add("not-destroyed", index, f"{name} those from before an erasure")
            else:
                self._findings.add("keys-altered", index, f"{name} not the ones that the log names")

    def _check_expiry(self, segment: Segment) -> None:
        shredding = self._ledger.shreddings.get(segment.number)
        if shredding is None or shredding.expired is None or segment.doubtful:
            return
        destroyed = segment.count - len(shredding.single)
        if shredding.expired_count != destroyed:
            detail = f"of segment {segment.number}, {destroyed} payloads were there to be destroyed"
            found = f"the tombstones say {shredding.expired_count}"
            self._findings.add("order-invalid", shredding.expired[0], f"{detail}; {found}")


# 7. The pass over all records


class Source(Protocol):
    """Where a log is read from."""

    has_payloads: bool

    def fetch_rows(self, first: int, end: int) -> list[Row]:
        """Give the records `first <= index < end`, those that there are, in order."""

    def fetch_tile(self, level: int, n: int, width: int) -> bytes:
        """Give the first `width` hashes of a tile, or what there is of them."""


class Verification:
    """One pass over the records under `head`, a tile (256 records) at a time."""

    def __init__(
        self,
        source: Source,
        head: Head,
        heads: Iterator[Head],
        ledger: Ledger,
        segments: Segments,
        findings: Findings,
    ) -> None:
        self._source = source
        self._head = head
        self._heads = heads
        self._next_head = next(heads, None)
        self._ledger = ledger
        self._segments = segments
        self._findings = findings
        self.states = States(findings)
        self._tree = Tree()
        self.time_ns = 0
        self._times_ns: dict[int, int] = {}
        self.found = 0
        self.agreeing = 0
        self._gap_start: int | None = None
        self._fitting_size = 0
        self._unfit: list[Head] = []

    def run(self, progress: Progress) -> None:
        """Check everything under the head."""
        size = self._head.size
        self._compare_heads(0, 0)
        for n in range(-(-size // TILE_WIDTH)):
            first, end = n * TILE_WIDTH, min(size, (n + 1) * TILE_WIDTH)
            self._tree.add_tile(self._check_tile(n, first, end))
            self._compare_heads(first, end)
            self._check_upper_tiles(end, last=end == size)
            if n % PROGRESS_EVERY_TILES == 0:
                progress(end, size)
        progress(size, size)
        self._close_gap(size)
        self.states.close()
        self._report_unfit()
        while self._next_head is not None:
            detail = f"{self._next_head.label} is of {self._next_head.size} records, this log of {size}"
            self._findings.add("log-truncated", size, detail)
            self._next_head = next(self._heads, None)

    @property
    def size(self) -> int:
        """Count the records under the head."""
        return self._head.size

    def follow(self, index: int, fields: Fields, payload: bytes | None) -> None:
        """Take up a record behind the head that follows as it should."""
        _version, kind, _index, self.time_ns, segment, retention_class, position, *_rest = fields
        self._follow_segments(index, [(kind, self.time_ns, segment, retention_class, position)], [payload])

    # 7.1 Checkpoints: each is compared when the tree has just its size.

    def _compare_heads(self, first: int, end: int) -> None:
        while self._next_head is not None and self._next_head.size <= end:
            head = self._next_head
            self._check_second(head)
            if head.root != self._tree.root_at(head.size - first):
                self._unfit.append(head)
                del self._unfit[1:-1]
            else:
                self._report_forked()
                self._unfit, self._fitting_size = [], head.size
                self.agreeing += 1
                self.states.mark(head.size, end)
            self._next_head = next(self._heads, None)

    def _check_second(self, head: Head) -> None:
        time_ns = self._times_ns.get(head.size - 1) if head.size else 0
        if head.second is None or time_ns is None:  # kept elsewhere, or its record is gone
            return
        if head.second != time_ns // NS_PER_SECOND:
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
            self.states.condemn(self._fitting_size, self._head.size - 1)

    # 7.2 Leaf against tile.

    def _check_tile(self, n: int, first: int, end: int) -> list[bytes]:
        """Check the records of one tile; gives the hashes that the tree goes on with."""
        rows = self._source.fetch_rows(first, end)
        self.found += len(rows)
        self._times_ns.clear()
        self.states.begin_tile()
        leaf_hashes = [sha256(b"\x00" + leaf).digest() for _index, leaf, _payload in rows]
        tile = self._source.fetch_tile(0, n, end - first)
        in_place = [row[0] for row in rows] == list(range(first, end))
        if in_place and b"".join(leaf_hashes) == tile:
            self._close_gap(first)
            self._check_records(first, end, rows)
            return leaf_hashes
        by_index = {row[0]: row for row in rows}
        if len(by_index) != len(rows):
            self._findings.add("database-damaged", first, f"records of tile 0/{n} are there more than once")
        places = {row[0]: leaf_hash for row, leaf_hash in zip(rows, leaf_hashes, strict=True)}
        hashes, altered, doubtful = self._arbitrate(n, first, end, places, tile)
        for index in range(first, end):
            self._check_present(index, by_index.get(index), altered, doubtful)
        return hashes

    def _check_present(self, index: int, row: Row | None, altered: set[int], doubtful: set[int]) -> None:
        if row is None:
            self._gap_start = index if self._gap_start is None else self._gap_start
            self._count_lost(index, "MISSING")
            return
        self._close_gap(index)
        if index in altered:
            self._name_altered_leaf(index, row[1])
            self._count_lost(index, "FORGED")
        elif index in doubtful:
            self._count_lost(index, "FORGED")
        else:
            self._check_record(*row)

    def _count_lost(self, index: int, state: str) -> None:
        self.states.add(index, state, None)
        self._segments.doubt()

    def _arbitrate(
        self, n: int, first: int, end: int, places: dict[int, bytes], tile: bytes
    ) -> tuple[list[bytes], set[int], set[int]]:
        """Find out whether records or tile were altered where they differ.

        Gives the hashes to go on with, altered records, and those of which it cannot be said. The judge is what lies
        above in the tree: the parent of a full tile, the signed root of the last one.
        """
        if len(tile) != (end - first) * HASH_SIZE_BYTES:
            self._findings.add("tile-altered", first, f"tile 0/{n} is missing or cut short")
            return [places.get(index, bytes(HASH_SIZE_BYTES)) for index in range(first, end)], set(), set()
        stored = split_hashes(tile)
        computed = [places.get(index, stored[index - first]) for index in range(first, end)]
        pairs = enumerate(zip(stored, computed, strict=True))
        differing = [first + place for place, pair in pairs if pair[0] != pair[1]]
        if not differing or self._fits_above(n, stored):
            return stored, set(differing), set()
        kind, detail = "tile-altered", "tile 0/{} does not hold the hash of this record's leaf"
        fits = self._fits_above(n, computed)
        if not fits:
            kind, detail = "leaf-or-tile-altered", "the leaf and tile 0/{} differ, and neither fits the tree"
        for index in differing:
            self._findings.add(kind, index, detail.format(n))
        return computed, set(), set() if fits else set(differing)

    def _fits_above(self, n: int, hashes: list[bytes]) -> bool:
        if len(hashes) < TILE_WIDTH:
            return self._tree.root_with(hashes) == self._head.root
        return build_rows(hashes)[8][0] == self._find_hash(1, n)

    def _name_altered_leaf(self, index: int, leaf: bytes) -> None:
        if len(leaf) == LEAF.size:
            other = LEAF.unpack(leaf)[2]
            if other != index and hash_leaf(leaf) == self._find_hash(0, other):
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

    # 7.3 What leaves say, the leaves being the ones in the tree; payload against leaf.

    def _check_records(self, first: int, end: int, rows: list[Row]) -> None:
        """Check the records of a tile: all at once where nothing is out of the ordinary, else one by one."""
        leaves = [row[1] for row in rows]
        payloads = [row[2] for row in rows]
        if {*map(len, leaves)} == {LEAF.size}:
            columns = list(zip(*LEAF.iter_unpack(b"".join(leaves)), strict=True))
            versions, kinds, indexes, times, segments, classes, positions, sizes, conversations, digests = (
                columns
            )
            if (
                {*versions} == {LEAF_VERSION}
                and indexes == tuple(range(first, end))
                and self.time_ns <= times[0]
                and list(times) == sorted(times)
                and self._are_payloads_right(payloads, sizes, digests)
                and not self._ledger.touches(first, end, {*segments}, conversations)
            ):
                self.time_ns = times[-1]
                self._times_ns = dict(zip(indexes, times, strict=True))
                self.states.add_valid({*classes}, end - first)
                self._follow_segments(
                    first, list(zip(kinds, times, segments, classes, positions, strict=True)), payloads
                )
                return
        for row in rows:
            self._check_record(*row)

    def _are_payloads_right(
        self, payloads: Sequence[bytes | None], sizes: tuple[int, ...], digests: tuple[bytes, ...]
    ) -> bool:
        if not self._source.has_payloads:
            return True
        there = [payload for payload in payloads if payload is not None]
        return tuple(map(len, there)) == sizes and tuple([sha256(each).digest() for each in there]) == digests

    def _follow_segments(
        self, first: int, places: list[tuple[int, int, int, int, int]], payloads: Sequence[bytes | None]
    ) -> None:
        """Take records to their segments: those at neighbouring places of one segment together."""
        start, count = 0, len(places)
        while start < count:
            kind, time_ns, *place = places[start]
            end = start + 1
            if kind < FIRST_UNSEALED_KIND:
                while end < count and places[end][0] < FIRST_UNSEALED_KIND:
                    place[2] += 1
                    if list(places[end][2:]) != place:
                        break
                    end += 1
            self._follow_segment(first + start, kind, places[start][2:], end - start)
            if kind >= FIRST_UNSEALED_KIND:
                self._segments.add_own(kind, first + start, time_ns, payloads[start])
            start = end

    def _follow_segment(self, index: int, kind: int, place: tuple[int, int, int], count: int) -> None:
        if (kind < FIRST_UNSEALED_KIND) == (place[0] == 0):
            detail = "a sealed record of no segment, or one in the clear of one"
            self._findings.add("segment-altered", index, detail)
        elif place[0]:
            self._segments.add(*place, index, count)

    def _check_record(self, index: int, leaf: bytes, payload: bytes | None) -> None:
        """Check what a leaf says, the leaf being the one in the tree."""
        if len(leaf) != LEAF.size or leaf[0] != LEAF_VERSION:
            self._findings.add("leaf-unknown", index, f"not a leaf of version {LEAF_VERSION}")
            self._count_lost(index, "FORGED")
            return
        fields = LEAF.unpack(leaf)
        _version, kind, leaf_index, time_ns, segment, retention_class, position, *_rest = fields
        if leaf_index != index:
            self._findings.add("record-misplaced", index, f"the leaf says that it is record {leaf_index}")
        if time_ns < self.time_ns:
            self._findings.add("time-backwards", index, "recorded at an earlier time than the record before")
        self.time_ns = self._times_ns[index] = time_ns
        intact = is_payload_of(fields, payload)
        if self._source.has_payloads:
            self._judge(index, fields, payload is not None, intact)
        else:
            self.states.add_valid((), 1)
        own = payload if intact else None
        self._follow_segments(index, [(kind, time_ns, segment, retention_class, position)], [own])

    def _judge(self, index: int, fields: Fields, present: bool, intact: bool) -> None:
        """Say in what state a record is whose leaf is the one in the tree."""
        segment, retention_class, position, conversation = *fields[4:7], fields[8]
        shredding = self._ledger.shreddings.get(segment) if segment else None
        tombstone = shredding.find(position) if shredding else None
        hold = self._ledger.find_hold(index, segment, conversation) if segment else None
        if present and not intact:
            self._findings.add("payload-altered", index, "the payload is not the one that its leaf names")
            self.states.add(index, "FORGED", retention_class)
        elif present:
            # A large segment is destroyed in pieces behind its tombstone; under a checkpoint that is over.
            late = tombstone is not None and tombstone[0] < self._head.size
            flaw = "not-destroyed" if late else ""
            self.states.add(index, "HELD" if hold else "VALID", retention_class, hold, flaw)
        elif tombstone:
            broken = self._ledger.was_held(tombstone[0], index, segment, conversation)
            flaw = "hold-broken" if broken else ""
            self.states.add(index, "SHREDDED", retention_class, tombstone[1], flaw)
        else:
            self.states.add(index, "MISSING", retention_class, flaw="payload-missing")

    # 7.4 Tiles above the leaves'.

    def _check_upper_tiles(self, size: int, *, last: bool) -> None:
        for level, row in enumerate(self._tree.upper, 1):
            if len(row) == TILE_WIDTH or (last and row):
                end = size // 256**level
                self._compare_upper_tile(level, (end - 1) // TILE_WIDTH, row)
                row.clear()

    def _compare_upper_tile(self, level: int, n: int, row: list[bytes]) -> None:
        tile = self._source.fetch_tile(level, n, len(row))
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

    def _find_hash(self, level: int, place: int) -> bytes:
        n, offset = divmod(place, TILE_WIDTH)
        width = min(TILE_WIDTH, self._head.size // 256**level - n * TILE_WIDTH)
        tile = self._source.fetch_tile(level, n, width) if width > offset else b""
        return tile[offset * HASH_SIZE_BYTES : (offset + 1) * HASH_SIZE_BYTES]


def is_payload_of(fields: Fields, payload: bytes | None) -> bool:
    """Tell whether this is the payload that a leaf names."""
    return payload is not None and len(payload) == fields[7] and sha256(payload).digest() == fields[9]


# 8. A log in its database (docs/archive-format.md, section 8)

SELECT_RECORDS = (
    "SELECT idx, coalesce(CAST(leaf AS BLOB), x''), CAST(payload AS BLOB) FROM record"
    " WHERE idx >= ? AND idx < ? ORDER BY idx"
)
SELECT_LEDGER = (
    "SELECT idx, CAST(leaf AS BLOB), CAST(payload AS BLOB) FROM record"
    " WHERE substr(CAST(leaf AS BLOB), 2, 1) IN (x'42', x'43', x'44') ORDER BY idx"
)
SELECT_SEGMENT = (
    "SELECT class, first, opened_at_ns, manifest, CAST(keys AS BLOB) FROM segment WHERE number = ?"
)
SELECT_CHECKPOINTS = "SELECT second, size, coalesce(CAST(note AS BLOB), x'') FROM checkpoint"


class Database:
    """A log's tables, as one snapshot (Source).

    `surplus` names tiles that hold more than was asked for; `lost_ledger` says that a record about the log itself
    could not be read.
    """

    has_payloads = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.surplus: list[str] = []
        self.lost_ledger = False
        connection.execute("BEGIN")

    def fetch_rows(self, first: int, end: int) -> list[Row]:
        """See Source."""
        return self._connection.execute(SELECT_RECORDS, (first, end)).fetchall()

    def fetch_tile(self, level: int, n: int, width: int) -> bytes:
        """See Source."""
        sql = "SELECT CAST(hashes AS BLOB) FROM tile WHERE level = ? AND n = ?"
        row = self._connection.execute(sql, (level, n)).fetchone()
        tile = bytes(row[0] or b"") if row else b""
        if tile[width * HASH_SIZE_BYTES :].strip(b"\0"):
            self.surplus.append(f"{level}/{n}")
        return tile[: width * HASH_SIZE_BYTES]

    def fetch_meta(self) -> dict[bytes, bytes]:
        """Give what the database says it is."""
        return dict(self._connection.execute("SELECT key, value FROM meta"))

    def fetch_checkpoints(self, order: str = "second") -> Iterator[tuple[int, int, bytes]]:
        """Give the kept checkpoints as (second, size, note)."""
        return self._connection.execute(f"{SELECT_CHECKPOINTS} ORDER BY {order}")

    def fetch_segment(self, number: int) -> SegmentRow | None:
        """Give what is kept of a segment."""
        row = self._connection.execute(SELECT_SEGMENT, (number,)).fetchone()
        return SegmentRow(*row) if row else None

    def find_leaf(self, index: int) -> Fields | None:
        """Give the fields of a leaf, None if there is no such leaf."""
        rows = self.fetch_rows(index, index + 1)
        return parse_own_leaf(rows[0]) if rows else None

    def read_ledger(self) -> Iterator[tuple[int, int, bytes]]:
        """Give orders, tombstones and log keys as (index, kind, payload): those that the tiles know."""
        for row in self._connection.execute(SELECT_LEDGER):
            fields, payload = parse_own_leaf(row), row[2]
            if fields is None or payload is None or not is_payload_of(fields, payload):
                self.lost_ledger = True
                continue
            tile = self.fetch_tile(0, row[0] // TILE_WIDTH, TILE_WIDTH)
            place = row[0] % TILE_WIDTH * HASH_SIZE_BYTES
            stored = tile[place : place + HASH_SIZE_BYTES]
            if not any(stored) or stored == hash_leaf(row[1]):
                yield row[0], fields[1], payload
            else:
                self.lost_ledger = True

    def count(self, what: str) -> tuple[int, ...]:
        """Give numbers out of one row."""
        return tuple(self._connection.execute(f"SELECT {what}").fetchone())

    def check_surplus(self, size: int, findings: Findings) -> None:
        """Name tiles that a tree of `size` records does not have."""
        for level, n in self._connection.execute("SELECT CAST(level AS INT), CAST(n AS INT) FROM tile"):
            if not 0 <= level <= 7 or not 0 <= n * TILE_WIDTH < size // 256**level:
                self.surplus.append(f"{level}/{n}")
            del self.surplus[3:]
        if self.surplus:
            detail = f"there are hashes of more than {size} records, as in tile {', '.join(self.surplus)}"
            findings.add("tile-unsigned", None, detail)


def parse_own_leaf(row: Row) -> Fields | None:
    """Parse a leaf, unless it is of another version or says that it is of another place."""
    index, leaf, _payload = row
    if not isinstance(leaf, bytes) or len(leaf) != LEAF.size or leaf[0] != LEAF_VERSION:
        return None
    fields = LEAF.unpack(leaf)
    return fields if fields[2] == index else None


def verify_log(
    path: str | Path,
    public_key_vkeys: str,
    progress: Progress | None = None,
    known_checkpoints: Sequence[str] = (),
    witness_vkeys: Sequence[str] = (),
    approver_vkeys: Sequence[str] = (),
    witnesses_may_be_missing: bool = False,
) -> Report:
    """Verify the log in the SQLite database `path`, one snapshot of it if it is being written to.

    `public_key_vkeys` are C2SP verifier keys of the log, one a line: the first one that it had, or, to leave earlier
    checkpoints unchecked, a later one. `progress(done, total)` is told counts of records; `known_checkpoints` are
    signed notes that were kept elsewhere. Each of the witnesses must have cosigned one of the checkpoints, unless
    they may be missing. Without `approver_vkeys` the signatures of orders are not checked. Memory does not grow with
    the log. Raises UsageError if there is no such file or no such key; all else that is wrong
    stands in the report.
    """
    chain = KeyChain(parse_log_keys(public_key_vkeys))
    findings = Findings()
    witnesses = Witnesses(parse_witnesses(witness_vkeys), findings)
    approvers = [key for vkeys in approver_vkeys for key in parse_keys(vkeys)]
    outcome = Outcome(witnesses_may_be_missing=witnesses_may_be_missing)
    try:
        with closing(open_database(Path(path))) as connection:
            database = Database(connection)
            check_meta(database, chain.origin, findings)
            ledger = Ledger(chain, approvers, database.find_leaf, findings)
            for record in database.read_ledger():
                ledger.incomplete = database.lost_ledger
                ledger.add(*record)
            ledger.finish()
            database.surplus.clear()
            known = parse_known(known_checkpoints, chain, witnesses, findings)
            verify_database(database, ledger, chain, witnesses, known, findings, progress or ignore, outcome)
    except (sqlite3.Error, UnicodeDecodeError) as error:  # some of SQLite's messages quote damaged bytes
        findings.add("database-damaged", None, f"the database cannot be read on: {error}")
    return outcome.report(findings, witnesses)


@dataclass(slots=True)
class Outcome:
    """What has come out so far; what is wrong is in the findings."""

    head: Head = field(default_factory=lambda: Head(0, b"", "", ""))
    pending: int = 0
    verification: Verification | None = None
    unchecked: list[str] = field(default_factory=list)
    sees_payloads: bool = True
    witnesses_may_be_missing: bool = False

    def report(self, findings: Findings, witnesses: Witnesses) -> Report:
        """Make the report."""
        witnessed = witnesses.finish(may_be_missing=self.witnesses_may_be_missing)
        verification = self.verification
        if verification is None:
            return Report(0, "", findings.problems(), witnesses=witnessed, unchecked=tuple(self.unchecked))
        verification.states.close()
        return Report(
            self.head.size,
            self.head.text,
            findings.problems(),
            self.pending,
            verification.agreeing,
            verification.states.counts if self.sees_payloads else {},
            tuple(verification.states.ranges),
            verification.states.left_out,
            witnessed,
            tuple(self.unchecked),
        )


def verify_database(
    database: Database,
    ledger: Ledger,
    chain: KeyChain,
    witnesses: Witnesses,
    known: list[Head],
    findings: Findings,
    progress: Progress,
    outcome: Outcome,
) -> None:
    """Go through all that the database holds."""
    newest = find_newest_head(database, chain)
    if newest is None:
        findings.add("checkpoint-missing", None, f"no checkpoint is signed by {chain.origin}")
    outcome.head = head = newest or outcome.head
    chain.unknown = 0
    stored = read_heads(database, chain, witnesses, findings) if newest else iter(())
    heads = heapq.merge(stored, known, key=lambda each: each.size)
    segments = Segments(ledger, database.fetch_segment, findings)
    outcome.verification = verification = Verification(database, head, heads, ledger, segments, findings)
    verification.run(progress)
    outcome.pending = check_pending(database, verification, ledger, segments, findings)
    segments.finish()
    segments.count_rows(*database.count("count(*) FROM segment"))
    check_beyond(database, head.size, verification.found, findings)
    if chain.unknown:
        outcome.unchecked.append(
            f"{chain.unknown} checkpoints of an earlier key of the log, which was not given"
        )
    if ledger.orders_unchecked:
        signatures = f"the signatures of {ledger.orders_unchecked} orders"
        outcome.unchecked.append(f"{signatures}, as no approver's key was given")


def check_meta(database: Database, origin: str, findings: Findings) -> None:
    """Check that the database says it is this log, in a format that is known here."""
    meta = database.fetch_meta()
    for name, expected in ((b"format", FORMAT), (b"origin", origin.encode())):
        if meta.get(name) != expected:
            detail = f"{name.decode()} is {meta.get(name)!r}, not {expected!r}"
            findings.add("meta-altered", None, detail)


def find_newest_head(database: Database, chain: KeyChain) -> Head | None:
    """Find the newest checkpoint with a right signature: of most records, should one be out of its place."""
    found = [
        find_first_head(database.fetch_checkpoints(order), chain) for order in ("second DESC", "size DESC")
    ]
    heads = [head for head in found if head is not None]
    return max(heads, key=lambda head: head.size, default=None)


def find_first_head(rows: Iterable[tuple[int, int, bytes]], chain: KeyChain) -> Head | None:
    """Find the first checkpoint with a right signature."""
    for second, _size, note in rows:
        try:
            head = chain.parse_head(note, f"the checkpoint of second {second}", second)
        except ValueError:  # named by read_heads
            continue
        if head is not None:
            return head
    return None


def read_heads(
    database: Database, chain: KeyChain, witnesses: Witnesses, findings: Findings
) -> Iterator[Head]:
    """Read the kept checkpoints in order, naming those that are not right by themselves."""
    last_size = 0
    for second, size, note in database.fetch_checkpoints():
        label = f"the checkpoint of second {second}"
        try:
            head = chain.parse_head(note, label, second)
        except ValueError as error:
            findings.add("checkpoint-altered", None, f"{label}: {error}")
            continue
        if head is None:
            continue
        if type(second) is not int:
            findings.add("checkpoint-altered", None, f"{label}: the second is no number")
        if size != head.size:
            findings.add("checkpoint-altered", None, f"{label}: of {head.size} records, kept as of {size}")
        if head.size < last_size:
            findings.add("checkpoint-order", None, f"{label} is of fewer records than one before it")
            continue
        last_size = head.size
        witnesses.look_at(note, head)
        yield head


def parse_known(
    notes: Sequence[str], chain: KeyChain, witnesses: Witnesses, findings: Findings
) -> list[Head]:
    """Parse the checkpoints that were kept elsewhere; gives them by size."""
    heads = []
    for number, text in enumerate(notes, 1):
        label, note = f"known checkpoint {number}", text.encode()
        try:
            head = chain.parse_head(note, label)
        except ValueError as error:
            findings.add("checkpoint-altered", None, f"{label}: {error}")
            continue
        if head is not None:
            witnesses.look_at(note, head)
            heads.append(head)
    return sorted(heads, key=lambda head: head.size)


def check_pending(
    database: Database, verification: Verification, ledger: Ledger, segments: Segments, findings: Findings
) -> int:
    """Check the records behind the newest checkpoint; gives how many there are that follow as they should."""
    first_index = index = verification.size
    first_time_ns = None
    while rows := database.fetch_rows(index, index + CHUNK_RECORDS):
        for row in rows:
            fields = parse_own_leaf(row) if row[0] == index else None
            if fields is None or not is_next(fields, row[2], verification.time_ns, ledger):
                detail = "this record and those after it are under no checkpoint, and do not follow it"
                findings.add("record-unsigned", index, detail)
                segments.doubt()
                return index - first_index
            verification.follow(index, fields, row[2])
            first_time_ns = fields[3] if first_time_ns is None else first_time_ns
            index += 1
    if first_time_ns is not None and verification.time_ns - first_time_ns > MAX_PENDING_NS:
        detail = f"{index - first_index} records of more than ten minutes are under no checkpoint"
        findings.add("record-unsigned", first_index, detail)
    return index - first_index


def is_next(fields: Fields, payload: bytes | None, time_ns: int, ledger: Ledger) -> bool:
    """Tell whether a record may follow one of `time_ns`: its time, and its payload unless that was destroyed."""
    if payload is None:
        shredding = ledger.shreddings.get(fields[4]) if fields[4] else None
        return shredding is not None and shredding.find(fields[6]) is not None
    return fields[3] >= time_ns and is_payload_of(fields, payload)


def check_beyond(database: Database, size: int, found: int, findings: Findings) -> None:
    """Look for what is beyond the records, at both ends."""
    (before, lowest) = database.count("count(*), min(idx) FROM record WHERE idx < 0")
    if before:
        findings.add("record-unsigned", lowest, f"{before} records are before the first")
    (behind,) = database.count(f"count(*) FROM record WHERE idx >= {size}")
    (total,) = database.count("count(*) FROM record")
    if total != found + before + behind:
        detail = f"going through the records gives {total}, looking them up {found + before + behind}"
        findings.add("database-damaged", None, detail)
    database.check_surplus(size, findings)


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


def parse_log_keys(vkeys: str) -> list[Key]:
    """Parse the log's keys, one a line, all of one name; raises UsageError."""
    keys = parse_keys(vkeys)
    if len({key.name for key in keys}) > 1:
        raise UsageError("the verifier keys are of more than one log")
    return keys


def parse_witnesses(vkeys: Sequence[str]) -> list[Key]:
    """Parse the keys of witnesses; raises UsageError."""
    return [key for text in vkeys for key in parse_keys(text, (COSIGNATURE, COSIGNATURE_ML_DSA))]


def ignore(_done: int, _total: int) -> None:
    """Take no notice of progress."""


# 9. A log's tiles, on a web server or in a folder (C2SP tlog-tiles)

MAX_CHECKPOINT_BYTES = 1 << 20
MAX_TILE_BYTES = TILE_WIDTH * (2 + 65_535)
PARALLEL_REQUESTS = 4
TILES_AHEAD = 16
ATTEMPTS = 4
FIRST_PAUSE_S = 0.25
TIMEOUT_S = 30.0

Fetch = Callable[[str], bytes | None]


class Tiles:
    """A log's tiles and entries (Source), fetched some tiles ahead; payloads are not among them."""

    has_payloads = False

    def __init__(self, fetch: Fetch, pool: ThreadPoolExecutor, findings: Findings, size: int) -> None:
        self._fetch = fetch
        self._pool = pool
        self._findings = findings
        self._size = size
        self._ahead: dict[tuple[str, int], Future[bytes]] = {}
        self._asked = 0

    def fetch_rows(self, first: int, end: int) -> list[Row]:
        """See Source."""
        n = first // TILE_WIDTH
        self._ask(n)
        bundle = self._take("entries", n, end - first)
        leaves = split_bundle(bundle, end - first)
        if sum(2 + len(leaf) for leaf in leaves) != len(bundle):
            detail = f"the entries of tile {n} are cut short, or go on beyond the checkpoint"
            self._findings.add("record-unsigned", first + len(leaves), detail)
        return [(first + place, leaf, None) for place, leaf in enumerate(leaves)]

    def fetch_tile(self, level: int, n: int, width: int) -> bytes:
        """See Source."""
        tile = self._take(str(level), n, width)
        if len(tile) > width * HASH_SIZE_BYTES:
            self._findings.add("tile-unsigned", None, f"tile {level}/{n} is longer than it should be")
        return tile[: width * HASH_SIZE_BYTES]

    def _ask(self, n: int) -> None:
        """Send for what the next tiles will need."""
        self._asked = max(self._asked, n)
        while self._asked < min(n + TILES_AHEAD, -(-self._size // TILE_WIDTH)):
            width = min(TILE_WIDTH, self._size - self._asked * TILE_WIDTH)
            for kind in ("entries", "0"):
                asked = self._pool.submit(self._fetch_now, kind, self._asked, width)
                self._ahead[kind, self._asked] = asked
            self._asked += 1

    def _take(self, kind: str, n: int, width: int) -> bytes:
        asked = self._ahead.pop((kind, n), None)
        return asked.result() if asked is not None else self._fetch_now(kind, n, width)

    def _fetch_now(self, kind: str, n: int, width: int) -> bytes:
        """Fetch a tile or a bundle; the full one, cut, when a partial one is not kept any more."""
        path = tile_path(kind, n)
        found = self._fetch(path if width == TILE_WIDTH else f"{path}.p/{width}")
        if found is not None or width == TILE_WIDTH:
            return found or b""
        full = self._fetch(path) or b""
        if kind != "entries":
            return full[: width * HASH_SIZE_BYTES]
        return b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in split_bundle(full, width))


def tile_path(kind: str, n: int) -> str:
    """Give a tile's path: its number in groups of three digits, all but the last with an x."""
    digits = str(n)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    return "/".join(["tile", kind, *(f"x{group}" for group in groups[:-1]), groups[-1]])


def split_bundle(bundle: bytes, count: int) -> list[bytes]:
    """Split entries, each behind two bytes with its length: the first `count`, or those that are whole."""
    leaves: list[bytes] = []
    start = 0
    while len(leaves) < count and start + 2 <= len(bundle):
        end = start + 2 + int.from_bytes(bundle[start : start + 2], "big")
        if end > len(bundle):
            break
        leaves.append(bundle[start + 2 : end])
        start = end
    return leaves


def verify_tiles(
    place: str | Path,
    public_key_vkeys: str,
    progress: Progress | None = None,
    known_checkpoints: Sequence[str] = (),
    witness_vkeys: Sequence[str] = (),
    witnesses_may_be_missing: bool = False,
) -> Report:
    """Verify a log from its tiles alone: `place` is an http(s) URL, or a folder with the same files.

    Entries are checked against tiles, tiles against the checkpoint, and that against the ones that were kept
    elsewhere. Raises UsageError as verify_log does, and when something cannot be fetched.
    """
    chain = KeyChain(parse_log_keys(public_key_vkeys), any_key=True)
    findings = Findings()
    witnesses = Witnesses(parse_witnesses(witness_vkeys), findings)
    fetch = make_fetch(place)
    note = fetch("checkpoint")
    if note is None:
        raise UsageError(f"{place}: there is no checkpoint")
    outcome = Outcome(sees_payloads=False, witnesses_may_be_missing=witnesses_may_be_missing)
    outcome.unchecked.append("payloads, the envelopes and counts of segments, orders: tiles hold leaves only")
    known = parse_known(known_checkpoints, chain, witnesses, findings)
    try:
        head = chain.parse_head(note, "the checkpoint")
    except ValueError as error:
        findings.add("checkpoint-altered", None, f"the checkpoint: {error}")
        head = None
    if head is not None:
        witnesses.look_at(note, head)
        outcome.head = head
        go_through_tiles(fetch, chain, known, findings, progress or ignore, outcome)
    return outcome.report(findings, witnesses)


def go_through_tiles(
    fetch: Fetch,
    chain: KeyChain,
    known: list[Head],
    findings: Findings,
    progress: Progress,
    outcome: Outcome,
) -> None:
    """Go through all tiles and entries under the outcome's head."""
    head = outcome.head
    ledger = Ledger(chain, (), lambda _index: None, findings)
    segments = Segments(ledger, None, findings)
    heads = heapq.merge(iter([head]), known, key=lambda each: each.size)
    pool = ThreadPoolExecutor(PARALLEL_REQUESTS)
    try:
        tiles = Tiles(fetch, pool, findings, head.size)
        outcome.verification = Verification(tiles, head, heads, ledger, segments, findings)
        outcome.verification.run(progress)
    finally:
        pool.shutdown(cancel_futures=True)


def make_fetch(place: str | Path) -> Fetch:
    """Say how the files of a log's tiles are got: by HTTP, or out of a folder."""
    if isinstance(place, str) and re.match(r"https?://", place):
        prefix = place.rstrip("/")
        return lambda path: fetch_url(f"{prefix}/{path}")
    folder = Path(place)
    if not folder.is_dir():
        raise UsageError(f"{place}: neither an http(s) URL nor a folder")
    return lambda path: read_file(folder / path)


def read_file(path: Path) -> bytes | None:
    """Read a file, None if there is none; raises UsageError."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def fetch_url(url: str) -> bytes | None:
    """Fetch a file, None if the server has none, trying again a few times; raises UsageError."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip, identity"})  # noqa: S310 - http(s)
    pause_s = FIRST_PAUSE_S
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                limit = MAX_CHECKPOINT_BYTES if url.endswith("/checkpoint") else MAX_TILE_BYTES
                return unpack(response.read(limit + 1), response.headers.get("Content-Encoding"), limit, url)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return None
            reason = f"status {error.code}"
            final = error.code < 500 and error.code not in (408, 429)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason, final = str(getattr(error, "reason", error)) or type(error).__name__, False
        if final or attempt == ATTEMPTS:
            raise UsageError(f"{url}: cannot be fetched ({reason})")
        time.sleep(pause_s)
        pause_s *= 2
    return None


def unpack(data: bytes, encoding: str | None, limit: int, url: str) -> bytes:
    """Undo the compression of a response; raises UsageError if it is another, or the result too long."""
    if encoding == "gzip":
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, limit + 1)
        except zlib.error:
            raise UsageError(f"{url}: came damaged") from None
    elif encoding not in (None, "", "identity"):
        raise UsageError(f"{url}: came in an encoding that was not asked for")
    if len(data) > limit:
        raise UsageError(f"{url}: is too long to be what it should be")
    return data


# 10. The command


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; gives 0 when all is right, 1 when something is wrong, 2 when called wrongly."""
    options = make_parser().parse_args(argv)
    place = options.from_url or options.from_dir
    if (options.log is None) == (place is None):
        print("verify.py: name one of LOG, --from-url and --from-dir", file=sys.stderr)
        return 2
    progress = show_progress if sys.stderr.isatty() else None
    try:
        keys = "\n".join(path.read_text("utf-8") for path in options.key)
        known = [note for path in options.checkpoint for note in read_notes(path)]
        witnesses = [read_vkeys(each) for each in options.witness]
        approvers = [read_vkeys(each) for each in options.approver]
        if place is not None:
            report = verify_tiles(place, keys, progress, known, witnesses)
        else:
            report = verify_log(options.log, keys, progress, known, witnesses, approvers)
    except (UsageError, OSError, UnicodeDecodeError) as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"ok": report.ok, **asdict(report)}, indent=2) if options.json else render(report))
    return 0 if report.ok else 1


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a Steelyard log.")
    parser.add_argument("log", type=Path, nargs="?", help="the log's database, e.g. gate.db")
    parser.add_argument("--from-url", help="verify from the tiles at this http(s) URL instead")
    parser.add_argument("--from-dir", type=Path, help="verify from the tiles in this folder instead")
    repeated = (
        ("--key", Path, "file with the log's verifier key (.pub), the first that it had"),
        ("--checkpoint", Path, "a checkpoint kept elsewhere, or a folder of them"),
        ("--witness", str, "verifier key of a witness, or a file with it"),
        ("--approver", str, "verifier key of an approver of orders, or a file with it"),
    )
    for name, type_, text in repeated:
        parser.add_argument(
            name, type=type_, action="append", default=[], required=name == "--key", help=text
        )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def read_vkeys(place: str) -> str:
    """Give a verifier key as it is, or read it from a file."""
    return place if re.match(r"[^\s+]+\+[0-9a-f]{8}\+\S+$", place) else Path(place).read_text("utf-8")


def read_notes(path: Path) -> list[str]:
    """Read a checkpoint, or those in a folder and the folders below.

    That is every file there whose name does not begin with a dot or end in `.tsr` (a time stamp).
    """
    if not path.is_dir():
        return [path.read_text("utf-8")]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return [file.read_text("utf-8") for file in files if file.name[0] != "." and file.suffix != ".tsr"]


def show_progress(done: int, total: int) -> None:
    """Show how far it is, on a terminal."""
    print(f"\r{done:,} of {total:,} records", end="\n" if done == total else "", file=sys.stderr, flush=True)


def render(report: Report) -> str:
    """Render a report for people."""
    lines = [f"{report.size:,} records under this checkpoint:"]
    lines += [f"  {line}" for line in report.checkpoint.splitlines()] or ["  none"]
    lines += describe_report(report)
    for problem in report.problems:
        about = "" if problem.index is None else f"record {problem.index}: "
        lines.append(f"{problem.kind}: {about}{problem.detail}")
    lines.append(f"{len(report.problems)} problems" if report.problems else "All of it verified.")
    return "\n".join(lines)


def describe_report(report: Report) -> list[str]:
    """Say in lines what was found beside problems: states, checkpoints, witnesses, what was left unchecked."""
    lines = []
    if report.states:
        lines.append(
            ", ".join(f"{count:,} {state}" for state, count in report.states.items() if count) or "no records"
        )
    for each in report.ranges[:10]:
        span = (
            f"record {each.first}"
            if each.count == 1
            else f"{each.count:,} records from {each.first} to {each.last}"
        )
        lines.append(f"{each.state}: {span}" + (f", by order {each.order}" if each.order else ""))
    left_out = len(report.ranges) - 10 + report.ranges_left_out
    if left_out > 0:
        lines.append(f"and {left_out:,} ranges more (--json names {len(report.ranges):,})")
    lines.append(f"It agrees with {report.checkpoints:,} checkpoints.")
    if report.pending:
        lines.append(f"{report.pending:,} records follow that no checkpoint covers yet.")
    for witness in report.witnesses:
        cosigned = f"cosigned {witness.count:,} checkpoints, the last of {witness.size:,} records"
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(witness.time_s))
        lines.append(
            f"{witness.name} {cosigned} ({when})" if witness.count else f"{witness.name} cosigned nothing"
        )
    lines += [f"Not checked: {each}." for each in report.unchecked]
    return lines


if __name__ == "__main__":
    sys.exit(main())
