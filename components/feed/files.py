"""The files that records refer to, for machines that copy their log: asked for by a record, sealed as they are."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from components.archive.blobs.errors import BlobDamaged, BlobMissing
from components.archive.blobs.head import BlobEntry, BlobHead
from components.archive.blobs.objects import ObjectStore
from components.archive.follow.files_source import find_entries, find_mark, read_data, require_data
from components.archive.served_log import ServedLog

Pieces = AsyncGenerator[bytes, None]


class FileUnknown(Exception):  # noqa: N818 - the condition is the name
    """There is no such file for whoever asks; the message says why."""


@dataclass(frozen=True, slots=True)
class FedFiles:
    """The files of one log, called `name`. Only what a record under a checkpoint refers to is there."""

    name: str
    served: ServedLog
    objects: ObjectStore

    async def find(self, name: str, record: int) -> list[BlobEntry]:
        """Return the heads of the file that a record of the log `name` refers to.

        Raises FileUnknown, LogError and BlobUnavailable.
        """
        mark = await find_mark(await self.served.source(), record) if name == self.name else None
        if mark is None:
            raise FileUnknown(f"{name}/{record} refers to no file that is kept")
        return await find_entries(self.objects, mark)

    async def open(self, name: str, record: int, digest: str, start: int) -> tuple[int, Pieces]:
        """Return the size of a blob's data, and what reads them from byte `start` on; raises as `find` does."""
        for entry in await self.find(name, record):
            if isinstance(entry, BlobHead) and entry.address.digest.hex() == digest:
                return await self._open(entry, start)
        raise FileUnknown(f"{name}/{record} refers to no such blob")

    async def _open(self, head: BlobHead, start: int) -> tuple[int, Pieces]:
        if not 0 <= start <= head.stored_size_bytes:
            raise FileUnknown("the blob is not so long")
        try:
            await require_data(self.objects, head)
        except (BlobDamaged, BlobMissing) as error:
            raise FileUnknown(f"not whole at the site: {error}") from None
        return head.stored_size_bytes - start, read_data(self.objects, head, start)

    async def close(self) -> None:
        """Let go of the store."""
        await self.objects.close()
