"""A site with a feed that also takes files, as the transfer component keeps and records them."""

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from components.archive.blobs.address import BlobAddress
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.store import BlobStore
from components.archive.keys import load_recipient
from components.archive.record import Event, RecordKind, encode_event
from components.archive.writer import Entry
from components.rules.file_links import FileLink, FileLinks, load_file_links
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from policy.address import BareJid
from tests.support.audit_site import T0_NS, open_writer
from tests.support.filed_site import TRANSFER
from tests.support.machines import FedSite, make_fed_site

CLASS = 1


@dataclass(frozen=True)
class KeptFile:
    """A file as it was recorded: the index of its record, and its blob."""

    record: int
    blob: BlobAddress
    content: bytes
    link: str = ""

    @property
    def id(self) -> str:
        return f"transfer/{self.record}"


@dataclass
class FedFiles:
    """The site and its machines, and what keeps files there."""

    fed: FedSite
    blobs: BlobStore

    @property
    def links(self) -> FileLinks:
        """What makes links to files; its key is at the site, and on Erin's machine."""
        links = load_file_links(self.fed.site)
        assert links is not None
        return links

    @property
    def log(self) -> LogSettings:
        return transfer_of(self.fed.site).log_settings(self.fed.site.folder)

    @property
    def folder(self) -> Path:
        """Where the site keeps files."""
        return transfer_of(self.fed.site).files

    def copies(self, who: str) -> Path:
        """Where somebody's machine keeps them."""
        return transfer_of(self.fed.machines[who]).files

    async def keep(self, content: bytes, beside: BlobAddress | None = None) -> BlobAddress:
        """Keep a content, and record nothing."""
        return (await self.blobs.put(_pieces(content), CLASS, beside=beside)).address

    async def send(self, name: str, content: bytes, *, delivered: bytes | None = None) -> KeptFile:
        """Keep a file, and record that it was received; `delivered` is a copy that was handed out in its place."""
        blob = await self.keep(content)
        more: dict[str, str | int] = {}
        if delivered is not None:
            copy = await self.keep(delivered, blob)
            more = {
                "delivered_blob": str(copy),
                "delivered_sha256": sha256(delivered).hexdigest(),
                "delivered_size_bytes": len(delivered),
            }
        id_ = secrets.token_bytes(16)
        record = await self.record(name, content, blob, file=id_.hex(), **more)
        link = self.links.make(FileLink(id_, BareJid("alice@metals.example"), 2_000_000_000), name)
        return KeptFile(record, blob, content, link)

    async def record(self, name: str, content: bytes, blob: BlobAddress, **more: str | int) -> int:
        """Record that a file was received whose blob is this, and return the record's index."""
        details: dict[str, str | int] = {
            "file": secrets.token_hex(16),
            "owner": "alice@metals.example",
            "file_name": name,
            "media_type": "text/plain",
            "size_bytes": len(content),
            "purpose": "message",
            "blob": str(blob),
            "content_sha256": sha256(content).hexdigest(),
            "available_until_s": 2_000_000_000,
            **more,
        }
        event = Event(RecordKind.FILE, "received", tuple(details.items()), T0_NS)
        writer = await open_writer(self.fed.site, self.log)
        first = await writer.append([Entry(RecordKind.FILE, encode_event(event), CLASS, blob.mark)])
        await writer.close()
        return first

    def data_of(self, blob: BlobAddress, folder: Path | None = None) -> Path:
        """Return the file with a blob's data, at the site or in another folder."""
        root = folder or self.folder
        return root / str(json.loads((root / blob.head_name).read_bytes())["data"])


def transfer_of(site: SiteFile) -> TransferSettings:
    return site.require(TransferSettings)


async def make_fed_files(root: Path, **tables: dict[str, object]) -> FedFiles:
    fed = await make_fed_site(root, transfer=TRANSFER, **tables)
    recipients = [load_recipient(path) for path in fed.site.archive.recipients]
    settings = transfer_of(fed.site)
    for folder in ("server", "erin"):
        key = root / folder / "keys/link.key"
        key.write_text("l" * 64)
        key.chmod(0o600)
    store = BlobStore(DirectoryObjects(settings.files), settings.log_origin, b"a" * 32, recipients)
    return FedFiles(fed, store)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


def stored(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files in a folder of files, by their names; not what only the follower needs."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for kind in ("head", "data", "incoming")
        for path in sorted((folder / kind).rglob("*"))
        if path.is_file()
    }
