"""The heads of files' blobs on their way from one machine to another; pure (docs/feed.md, section 5)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.archive.backup import CopyError
from components.archive.blobs.head import BlobEntry, BlobHead, HeadError, encode_head, parse_head

MAX_HEADS = 64
"""So many blobs can one file have at most: itself, and copies without its metadata."""

MAX_HEADS_BYTES = 1024 * 1024

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST = 2**62


@dataclass(frozen=True, slots=True, order=True)
class FileMark:
    """What a record's leaf says of the file that it refers to (docs/blobs.md, section 7)."""

    retention_class: int
    mark: bytes

    @property
    def folder(self) -> str:
        """The folder of the heads that may have this mark."""
        return f"head/{self.retention_class}/{self.mark[:1].hex()}/"

    @property
    def prefix(self) -> str:
        """What the names of its heads begin with."""
        return f"{self.folder}{self.mark.hex()}"


def encode_heads(entries: Iterable[BlobEntry]) -> bytes:
    """Encode the heads of one file, a line for each."""
    return b"".join(encode_head(entry) + b"\n" for entry in entries)


def parse_heads(data: bytes, mark: FileMark) -> Sequence[BlobEntry]:
    """Parse the heads of the file with this mark; raises CopyError, also for that of another file."""
    lines = data.splitlines()
    if len(lines) > MAX_HEADS:
        raise CopyError(f"{len(lines):,} blobs for one file")
    try:
        entries = [parse_head(line) for line in lines]
    except HeadError:
        raise CopyError("not the heads of a file") from None
    for entry in entries:
        if FileMark(entry.address.retention_class, entry.address.mark) != mark:
            raise CopyError("the head of another file")
        if isinstance(entry, BlobHead):
            _require_plain(entry)
    if len({entry.address for entry in entries}) < len(entries):
        raise CopyError("two heads of one blob")
    return entries


def _require_plain(head: BlobHead) -> None:
    """Check what JSON leaves open: whoever sent it may be anybody."""
    numbers = (head.stored_size_bytes, head.stored_at_ns, head.renewed_at_ns)
    are_right = all(type(number) is int and 0 <= number < _LARGEST for number in numbers)
    if not are_right or not isinstance(head.stored_sha256, str) or not _SHA256.fullmatch(head.stored_sha256):
        raise CopyError("not the heads of a file")
