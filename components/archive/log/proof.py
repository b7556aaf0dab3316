"""Proofs that need no server: a checkpoint with the way from one leaf to its root (C2SP tlog-proof)."""

import re
from dataclasses import dataclass

from components.archive.log.checkpoint import Checkpoint, verify_checkpoint
from components.archive.log.leaf import Leaf, parse_leaf
from components.archive.log.merkle import ProofError, leaf_hash, verify_inclusion
from components.archive.log.note import VerifierKey
from components.archive.log.strict_base64 import decode_base64, encode_base64

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_HASH_SIZE_BYTES = 32


@dataclass(frozen=True, slots=True)
class LogProof:
    """That leaf `index` is in the tree of the signed checkpoint `note`; `hashes` lead from its sibling up.

    Nothing of `extra` may be trusted before the proof is verified; Steelyard puts the leaf itself there.
    """

    index: int
    hashes: tuple[bytes, ...]
    note: str
    extra: bytes = b""


def encode_proof(proof: LogProof) -> str:
    """Encode as the text of a `.tlog-proof` file."""
    extra = [f"extra {encode_base64(proof.extra)}"] if proof.extra else []
    lines = [FIRST_LINE, *extra, f"index {proof.index}", *map(encode_base64, proof.hashes)]
    return "\n".join(lines) + "\n\n" + proof.note


def parse_proof(text: str) -> LogProof:
    """Parse a `.tlog-proof` file; raises ProofError. The checkpoint in it is not looked at."""
    head, blank, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    if first != FIRST_LINE or not blank or not note:
        raise ProofError(f"a proof begins with {FIRST_LINE} and ends with a checkpoint")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = _parse_base64(lines.pop(0).removeprefix("extra "))
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if index is None:
        raise ProofError("a proof names the index of its leaf")
    hashes = tuple(_parse_base64(line) for line in lines[1:])
    if len(hashes) > MAX_HASHES or any(len(each) != _HASH_SIZE_BYTES for each in hashes):
        raise ProofError(f"a proof has at most {MAX_HASHES} hashes of {_HASH_SIZE_BYTES} bytes")
    return LogProof(int(index[1]), hashes, note, extra)


def verify_proof(proof: LogProof, leaf: bytes, key: VerifierKey) -> Checkpoint:
    """Check that the log whose key this is has `leaf` (encoded) at the proof's index; returns the checkpoint.

    Raises NoteError, CheckpointError or ProofError, which are all ValueError.
    """
    checkpoint = verify_checkpoint(proof.note, key)
    verify_inclusion(proof.index, checkpoint.size, leaf_hash(leaf), proof.hashes, checkpoint.root)
    return checkpoint


def verify_own_proof(proof: LogProof, key: VerifierKey) -> tuple[Leaf, Checkpoint]:
    """Check a proof that carries its leaf in `extra`, as Steelyard makes them, and return that leaf.

    Raises ValueError (as `verify_proof`, LeafError too).
    """
    leaf = parse_leaf(proof.extra)
    checkpoint = verify_proof(proof, proof.extra, key)
    if leaf.index != proof.index:
        raise ProofError(f"the leaf at {proof.index} says that it is number {leaf.index}")
    return leaf, checkpoint


def _parse_base64(text: str) -> bytes:
    try:
        data = decode_base64(text)
    except ValueError:
        data = b""
    if not data:
        raise ProofError("malformed base64")
    return data
