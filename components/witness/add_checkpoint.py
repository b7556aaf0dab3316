"""Requests and answers between a log and its witness (C2SP tlog-witness, add-checkpoint), pure."""

import re
from dataclasses import dataclass

from components.archive.log.merkle import EMPTY_ROOT
from components.archive.log.strict_base64 import decode_base64, encode_base64

ADD_CHECKPOINT = "add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"

MAX_PROOF_HASHES = 63
MAX_BODY_BYTES = 512 * 1024
"""Larger than a note of 64 ML-DSA-44 signatures with the longest proof."""

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\n")


class AddCheckpointError(ValueError):
    """The bytes do not follow the specification."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A log's request: cosign `note`; `proof` shows that its tree begins with the tree of `old_size` records."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """A witness's answer: HTTP status and body."""

    status: int
    body: str
    content_type: str = "text/plain"


def encode_add_checkpoint(request: AddCheckpoint) -> bytes:
    """Encode the body of `add-checkpoint`."""
    proof = "".join(f"{encode_base64(node)}\n" for node in request.proof)
    return f"old {request.old_size}\n{proof}\n{request.note}".encode()


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Parse the body of `add-checkpoint`, without checking the note. Raises AddCheckpointError."""
    try:
        head, blank, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise AddCheckpointError("the request is not UTF-8") from None
    old, *proof = head.split("\n")
    match = _OLD.fullmatch(old)
    if match is None or not blank:
        raise AddCheckpointError("a request is an old size, a proof, an empty line and a checkpoint")
    if len(proof) > MAX_PROOF_HASHES:
        raise AddCheckpointError(f"a proof has at most {MAX_PROOF_HASHES} hashes")
    return AddCheckpoint(int(match[1]), tuple(_parse_hash(line) for line in proof), note)


def parse_size(body: str) -> int:
    """Parse the size that a witness answers with status 409; raises AddCheckpointError."""
    match = _SIZE.fullmatch(body)
    if match is None:
        raise AddCheckpointError("the answer is not a tree's size")
    return int(match[1])


def _parse_hash(line: str) -> bytes:
    try:
        node = decode_base64(line)
    except ValueError:
        node = b""
    if len(node) != len(EMPTY_ROOT):
        raise AddCheckpointError("each line of a proof is a hash in base64")
    return node
