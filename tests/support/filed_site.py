"""A site whose logs hold messages and files, as the gate and the transfer component record them."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.store import BlobStore
from components.archive.keys import load_recipient
from components.archive.record import Event, RecordKind, encode_event
from components.archive.writer import Entry
from components.audit.indexed import open_indexed, open_site_index, read_files
from components.audit.search import Page, SearchResult, search
from components.process.progress import ignore_progress
from components.rules.file_links import FileLink, load_file_links
from components.settings.log import LogSettings
from components.settings.transfer import TransferSettings
from policy.address import BareJid
from tests.support.audit_site import T0_NS, Site, make_site, open_writer

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
TRANSFER: dict[str, object] = {
    "jid": "files.metals.example",
    "secret_file": "keys/transfer.secret",
    "port": 5281,
    "files": "files",
    "state_file": "run/transfer.db",
    "status_file": "run/transfer.status.json",
    "link_key_file": "keys/link.key",
    "address_key_file": "keys/address.key",
    "delivery_key_file": "keys/delivery.key",
    "log": "archive/transfer.db",
    "log_origin": "metals.example/transfer",
    "log_key_file": "keys/log-transfer.key",
}


@dataclass(frozen=True)
class SentFile:
    """A file that was received: the id of its record, and the link to it."""

    record: str
    link: str


@dataclass
class FiledSite:
    """`send` makes files, `said` messages."""

    site: Site
    blobs: BlobStore
    _sent: list[int] = field(default_factory=list)

    @property
    def transfer(self) -> TransferSettings:
        return self.site.settings.require(TransferSettings)

    @property
    def log(self) -> LogSettings:
        return self.transfer.log_settings(self.site.settings.folder)

    async def send(
        self,
        name: str,
        content: bytes,
        media_type: str = "application/octet-stream",
        *,
        owner: str = "alice@metals.example",
        at_s: float = 0,
        **more: str | int,
    ) -> SentFile:
        """Keep a file, and record that it was received; `more` is added to its record."""
        blob = await self.blobs.put(_pieces(content), 0)
        id_ = secrets.token_bytes(16)
        details: dict[str, str | int] = {
            "file": id_.hex(),
            "owner": owner,
            "file_name": name,
            "media_type": media_type,
            "size_bytes": len(content),
            "purpose": "message",
            "blob": str(blob.address),
            "content_sha256": sha256(content).hexdigest(),
            "available_until_s": 2_000_000_000,
            **more,
        }
        number = await self.record("received", details, at_s=at_s)
        links = load_file_links(self.site.settings)
        assert links is not None
        link = links.make(FileLink(id_, BareJid(owner), 2_000_000_000), name)
        return SentFile(f"transfer/{number}", link)

    async def record(self, act: str, details: dict[str, str | int], at_s: float = 0) -> int:
        """Append a record of a file, and return its index in the log `transfer`."""
        event = Event(RecordKind.FILE, act, tuple(details.items()), T0_NS + int(at_s * 10**9))
        writer = await open_writer(self.site.settings, self.log)
        first = await writer.append([Entry(RecordKind.FILE, encode_event(event))])
        await writer.close()
        return first

    async def say(self, text: str, **fields: object) -> str:
        """Record a message of Alice to Bob, and return its id."""
        await self.site.record(self.site.say(ALICE, BOB, text, **fields))
        return self.site.id_of(-1)


async def make_filed_site(folder: Path) -> FiledSite:
    return file_site(await make_site(folder, transfer=TRANSFER))


def file_site(site: Site) -> FiledSite:
    """Let a site that has the table `TRANSFER` keep files."""
    for name in ("link", "address"):
        key = site.path.parent / f"keys/{name}.key"
        key.write_text(name[0] * 64)
        key.chmod(0o600)
    settings = site.settings.require(TransferSettings)
    recipients = [load_recipient(path) for path in site.settings.archive.recipients]
    blobs = BlobStore(DirectoryObjects(settings.files), settings.log_origin, b"a" * 32, recipients)
    return FiledSite(site, blobs)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


async def look(filed: FiledSite, query: str) -> SearchResult:
    """Search the site, as its auditor."""
    return await search(filed.site.settings, query, Page(1000), lambda done, total: None)


async def read_again(filed: FiledSite) -> None:
    """Have the files read that these readers have not read, as the indexer does."""
    async with open_indexed(filed.site.settings) as logs:
        with open_site_index(filed.site.settings) as index:
            await read_files(filed.site.settings, index, logs, ignore_progress)


async def find(filed: FiledSite, query: str) -> list[str]:
    """Return the ids of the records that a search finds."""
    return [view.id for view in (await look(filed, query)).records]
