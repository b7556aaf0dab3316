"""The storage of blobs: named objects that are written once, and small ones that are replaced."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it."""

    name: str
    size_bytes: int
    modified_at_s: float


@dataclass(frozen=True, slots=True)
class VersionedContent:
    """A small object's content; `version` names it when it is to be replaced."""

    content: bytes
    version: str


class ObjectStore(Protocol):
    """Keeps objects by name. Every method raises BlobUnavailable when the store cannot do it now."""

    async def write(self, name: str, pieces: AsyncIterator[bytes | bytearray]) -> None:
        """Store a new object. It is there as a whole and durable when this returns, and not there if it raises.

        What `pieces` raises goes through.
        """

    async def read(self, name: str) -> VersionedContent | None:
        """Return a small object, None when it is not there."""

    async def read_range(self, name: str, start: int, end: int) -> bytes:
        """Return bytes `start` to `end` of an object, fewer where it ends before; raises BlobMissing."""

    async def size(self, name: str) -> int | None:
        """Return an object's length, None when it is not there."""

    async def swap(self, name: str, content: bytes, version: str | None) -> None:
        """Replace a small object, durably, or make it where `version` is None; raises VersionConflict.

        If it raises anything else, the result is unknown.
        """

    async def delete(self, name: str) -> None:
        """Delete an object, durably; it need not be there."""

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield all objects whose names begin with `prefix`, a folder's name and a slash."""

    async def close(self) -> None:
        """Close the store."""
