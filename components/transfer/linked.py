"""Finds the upload that a link names: what both ways of the HTTP side begin with."""

from collections.abc import Callable
from dataclasses import dataclass

from components.rules.file_links import FileLink, FileLinks
from components.transfer.state import Upload, UploadStore


@dataclass(frozen=True, slots=True)
class LinkedUploads:
    """The links that were given out, and the uploads that they name; `clock_s` gives Unix time."""

    links: FileLinks
    uploads: UploadStore
    clock_s: Callable[[], float]

    async def find(self, token: str) -> tuple[FileLink, Upload] | None:
        """Return what a link says and its upload, or None; raises LogUnavailable."""
        link = self.links.open(token)
        upload = await self.uploads.find(link.id) if link else None
        return (link, upload) if link and upload else None
