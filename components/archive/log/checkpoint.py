"""Checkpoints: a log's origin, size and root hash as a signed note (C2SP tlog-checkpoint)."""

import re
from dataclasses import dataclass

from components.archive.log.note import NoteSigner, VerifierKey, sign_note, verify_note
from components.archive.log.strict_base64 import decode_base64, encode_base64

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_ROOT_SIZE_BYTES = 32


class CheckpointError(ValueError):
    """The text is not a checkpoint, or not one of the log it should be of."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log named `origin` had `size` leaves under `root`."""

    origin: str
    size: int
    root: bytes


def encode_checkpoint(checkpoint: Checkpoint) -> str:
    """Encode the text that is signed: three lines (tlog-checkpoint, Note text)."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{encode_base64(checkpoint.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse a checkpoint's text, passing over extension lines; raises CheckpointError."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or not all(lines):
        raise CheckpointError("a checkpoint has at least three lines, none of them empty")
    origin, size, root, *_extensions = lines
    if not _SIZE.fullmatch(size):
        raise CheckpointError("a checkpoint's second line is the tree's size")
    return Checkpoint(origin, int(size), _parse_root(root))


def sign_checkpoint(checkpoint: Checkpoint, *signers: NoteSigner) -> str:
    """Encode and sign a checkpoint; the signers' name should be the origin."""
    return sign_note(encode_checkpoint(checkpoint), *signers)


def verify_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """Parse a checkpoint of the log that `key` is named after; raises NoteError or CheckpointError."""
    checkpoint = parse_checkpoint(verify_note(note, [key]))
    if checkpoint.origin != key.name:
        raise CheckpointError(f"a checkpoint of {checkpoint.origin!r}, not of {key.name!r}")
    return checkpoint


def _parse_root(text: str) -> bytes:
    try:
        root = decode_base64(text)
    except ValueError:
        root = b""
    if len(root) != _ROOT_SIZE_BYTES:
        raise CheckpointError("a checkpoint's third line is the root hash in base64")
    return root
