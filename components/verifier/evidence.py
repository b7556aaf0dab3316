"""The records of an export: each opens with its own key, and all are leaves of a signed tree."""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from components.verifier.checkpoint import Head, KeyChain
from components.verifier.format import HASH_SIZE_BYTES, NS_PER_SECOND, Leaf, parse_leaf, read_json
from components.verifier.note import Key, decode_base64
from components.verifier.report import Findings, explain_fault
from components.verifier.tree import hash_leaf

STANZA, SESSION, ACCESS = 1, 2, 4
HEADER_SIZE_BYTES = 45
NO_NONCE = bytes(12)
COMPLETE = "export complete"


@dataclass(slots=True)
class ProvedLog:
    """A log's part of an export: of the records that were `read` so many are `proved`, under the checkpoint.

    Of each record that opens, by its index, `said` has the SHA-256 of what it says, `times` when it was received or,
    if it is not a submission, recorded (nanoseconds since 1970).
    """

    checkpoint: str = ""
    read: int = 0
    proved: int = 0
    said: dict[int, bytes] = field(default_factory=dict)
    times: dict[int, int] = field(default_factory=dict)


class LeafProof:
    """Computes a tree's root from some of its leaves, ascending, and the hashes of all that lies between."""

    def __init__(self, leaves: Iterator[tuple[int, bytes]], hashes: bytes) -> None:
        self._leaves = leaves
        self._next = next(leaves, None)
        self._hashes = hashes
        self._place = 0

    def root_of(self, start: int, end: int) -> bytes:
        """Return the hash of the leaves from `start` to `end`; raises ValueError if there are too few hashes."""
        if self._next is None or self._next[0] >= end:
            self._place += HASH_SIZE_BYTES
            if self._place > len(self._hashes):
                raise ValueError("hashes are missing from the proof")
            return self._hashes[self._place - HASH_SIZE_BYTES : self._place]
        if end - start == 1:
            leaf_hash = self._next[1]
            self._next = next(self._leaves, None)
            return leaf_hash
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        left = self.root_of(start, middle)
        return sha256(b"\x01" + left + self.root_of(middle, end)).digest()

    @property
    def is_used_up(self) -> bool:
        """Whether all leaves and all hashes were needed."""
        return self._next is None and self._place == len(self._hashes)


def open_record(line: bytes) -> tuple[Leaf, bytes | None]:
    """Return the leaf of a record's line and its payload in the clear, if it is there; raises ValueError."""
    leaf, _, payload = read_record(line)
    return leaf, payload


def read_record(line: bytes) -> tuple[Leaf, bytes, bytes | None]:
    """Return a record's leaf, its hash, and its payload in the clear, if it is there; raises ValueError."""
    try:
        record = read_json(line)
        leaf_bytes = decode_base64(record["leaf"])
        leaf = parse_leaf(leaf_bytes)
        if leaf is None or leaf.record_index != record["index"]:
            raise ValueError("its leaf is none, or that of another record")
        if "sealed" not in record:
            return leaf, hash_leaf(leaf_bytes), None
        sealed = decode_base64(record["sealed"])
        if not leaf.names(sealed):
            raise ValueError("its payload is not the one that its leaf names")
        if "key" not in record:
            return leaf, hash_leaf(leaf_bytes), None
        key = AESGCM(decode_base64(record["key"]))
        return leaf, hash_leaf(leaf_bytes), key.decrypt(NO_NONCE, sealed, leaf_bytes[:HEADER_SIZE_BYTES])
    except InvalidTag:
        raise ValueError("its payload does not open with its key") from None
    except (KeyError, TypeError, AttributeError):
        raise ValueError("it is not a record of an export") from None


def verify_records(
    folder: Path, log: Mapping[str, Any], keys: Sequence[Key], findings: Findings
) -> ProvedLog:
    """Verify the records of a log in an export, and that its checkpoint covers them."""
    found, name = ProvedLog(), str(log["name"])
    leaves = read_leaves(folder / str(log["records"]), name, found, findings)
    try:
        if not keys:
            raise ValueError(f"no key of {log['origin']} was given")
        head = read_head(str(log["checkpoint"]).encode(), keys)
        proof = LeafProof(leaves, (folder / str(log["proof"])).read_bytes())
        root = proof.root_of(0, head.size) if head.size else sha256(b"").digest()
        if root != head.root or not proof.is_used_up:
            raise ValueError("its records are not those of its checkpoint")
        found.checkpoint, found.proved = head.text, found.read
    except (ValueError, OSError, KeyError) as error:
        findings.add("not-proved", None, f"{name}: {explain_fault(error)}")
    try:
        # Those behind a fault: they are not proved, and are there.
        deque(leaves, maxlen=0)
    except (ValueError, OSError):
        found.proved = 0
    return found


def read_head(note: bytes, keys: Sequence[Key]) -> Head:
    """Return a checkpoint that one of a log's keys signed; raises ValueError."""
    head = KeyChain(keys, any_key=True).parse_head(note, "its checkpoint")
    if head is None:
        raise ValueError("its checkpoint is signed by a key that was not given")
    return head


def read_leaves(path: Path, name: str, found: ProvedLog, findings: Findings) -> Iterator[tuple[int, bytes]]:
    """Yield the index and the leaf hash of each record in a file; note what is wrong with any."""
    last = -1
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                leaf, leaf_hash, payload = read_record(line)
            except ValueError as error:
                findings.add("record-altered", None, f"{path.name}, line {number}: {error}")
                continue
            if leaf.record_index <= last:
                raise ValueError(f"its records are not in order at {name}/{leaf.record_index}")
            last = leaf.record_index
            found.read += 1
            if payload is not None:
                said = read_said(leaf.kind, payload)
                found.said[last] = sha256(said.encode()).digest()
                found.times[last] = read_time_ns(leaf, payload)
            yield last, leaf_hash


def read_said(kind: int, payload: bytes) -> str:
    """Return what a record says: of a stanza what was carried out, of any other record all of it."""
    said = payload
    if kind in (STANZA, SESSION):
        line, _, body = payload.partition(b"\n")
        try:
            header = read_json(line)
            size = int(header.get("amended_size_bytes", 0))
            amended = body[len(body) - size :] if size and kind == STANZA else b""
            said = amended if header["action"] == "amend" and amended else body[: len(body) - size]
        except (ValueError, KeyError, TypeError, AttributeError):
            said = payload
    return said.decode(errors="replace")


def read_time_ns(leaf: Leaf, payload: bytes) -> int:
    """Return when a record was received, as a submission says, or else when it was recorded."""
    if leaf.kind in (STANZA, SESSION):
        try:
            return int(read_json(payload.partition(b"\n")[0])["received_at_ns"])
        except (ValueError, KeyError, TypeError):
            pass
    return leaf.time_ns


def prove_completion(
    folder: Path,
    manifest: Mapping[str, Any],
    manifest_bytes: bytes,
    keys: Mapping[str, Sequence[Key]],
    findings: Findings,
    unchecked: list[str],
) -> float | None:
    """Verify that the audit log has a record of this very manifest; return when it was recorded (Unix time)."""
    try:
        proof = (folder / "manifest.tlog-proof").read_bytes().decode()
        head, _, note = proof.partition("\n\n")
        origin = note.partition("\n")[0]
        if origin not in keys:
            unchecked.append(f"that the audit log tells of this export: no key of {origin} was given")
            return None
        checkpoint = read_head(note.encode(), keys[origin])
        leaf, leaf_hash, payload = read_record((folder / "manifest.record.json").read_bytes())
        index, hashes = parse_path(head)
        if (
            index != leaf.record_index
            or root_by_path(index, checkpoint.size, leaf_hash, hashes) != checkpoint.root
        ):
            raise ValueError("the record is not under the audit log's checkpoint")
        header = read_json((payload or b"").partition(b"\n")[0])
        wanted = f"{manifest['export']} {manifest['written_as']} {sha256(manifest_bytes).hexdigest()}"
        told = (leaf.kind, header["act"], header["query"], header.get("result_digest"))
        if told != (ACCESS, COMPLETE, wanted, manifest["result_digest"]):
            raise ValueError("the audit log tells of another manifest")
        return leaf.time_ns / NS_PER_SECOND
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        findings.add("manifest-unproved", None, f"manifest.json: {explain_fault(error)}")
        return None


def parse_path(head: str) -> tuple[int, list[bytes]]:
    """Parse the first part of a C2SP tlog-proof: the index, and the hashes from its sibling up; raises ValueError."""
    first, *lines = head.split("\n")
    lines = [line for line in lines if not line.startswith("extra ")]
    index = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines[0]) if lines else None
    if first != "c2sp.org/tlog-proof@v1" or index is None:
        raise ValueError("manifest.tlog-proof is no proof")
    return int(index[1]), [decode_base64(line) for line in lines[1:]]


def root_by_path(index: int, size: int, leaf_hash: bytes, hashes: Sequence[bytes]) -> bytes:
    """Return the root to which a path leads (RFC 6962, 2.1.1); raises ValueError if it has the wrong length."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    last, root = size - 1, leaf_hash
    for each in hashes:
        if last == 0 or len(each) != HASH_SIZE_BYTES:
            raise ValueError("the path is too long")
        if index & 1 or index == last:
            root = sha256(b"\x01" + each + root).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            root = sha256(b"\x01" + root + each).digest()
        index, last = index >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return root
