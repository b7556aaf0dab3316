"""A demonstration's site with files in it: put as the transfer component puts them, without server and HTTP."""

import asyncio
import re
import secrets
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.archive.blobs.address import BlobAddress, parse_address
from components.archive.blobs.store import BlobStore
from components.archive.keys import load_recipient, load_recipient_key
from components.archive.keys.files import read_key_file
from components.archive.keys.rotation import open_log_writer
from components.archive.store.open import open_store
from components.link.review_request import ReviewRequest
from components.rules.file_links import FileLink, FileLinks, load_link_key
from components.settings.blobs import open_objects
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from components.transfer.journal import FileJournal
from components.transfer.state import Settled, Stage, Upload, UploadStore
from policy.address import BareJid
from policy.decision import Action
from policy.directory.enterprise import EnterpriseId
from policy.files.decide import FileDecision
from policy.files.facts import ContentFacts, FileFacts
from policy.files.slot import Purpose
from policy.retention import DEFAULT_POLICY
from tests.support.blobs import pieces
from tests.support.process import ProcessUnderTest


@dataclass(frozen=True)
class Sent:
    """A file to be put; `looks` are the addresses from which it is fetched afterwards."""

    content: bytes
    name: str = "報告 1.pdf"
    owner: str = "anna@metals.example"
    firm: str = "metals"
    media_type: str = "application/pdf"
    looks: tuple[str, ...] = ()
    copy: bytes = b""
    """What readers get in its place, if not the file itself."""
    reviews: tuple[tuple[str, str, str], ...] = ()
    """What was decided on it after it came: each an act, who, and why."""


@dataclass(frozen=True)
class Kept:
    """A file that is kept: the index of its record, and its upload."""

    record: int
    upload: Upload

    @property
    def record_id(self) -> str:
        return f"transfer/{self.record}"

    @property
    def blob(self) -> BlobAddress:
        return parse_address(self.upload.address)


def add_transfer(site_toml: Path) -> SiteFile:
    """Let the files of a demonstration's site be fetched without TLS, and return its settings."""
    text = site_toml.read_text()
    head, begin, rest = text.rpartition("\n[transfer] ")
    table, next_table, others = rest.partition("\n[")
    plain = re.sub(r"(?m)^(host|certificate) = .*\n", "", table)
    site_toml.write_text(f"{head}{begin}{plain}{next_table}{others}")
    (site_toml.parent / "archive").mkdir(exist_ok=True)
    return SiteFile(site_toml)


def remove_transfer(site_toml: Path) -> None:
    """Take the table away from a demonstration's site."""
    head, _, rest = site_toml.read_text().rpartition("\n[transfer] ")
    _, next_table, others = rest.partition("\n[")
    site_toml.write_text(f"{head}{next_table}{others}")


def keep_files(settings: SiteFile, files: Iterable[Sent]) -> list[Kept]:
    """Put files, and end the log's segments, as a component that is stopped does."""
    return asyncio.run(_keep_files(settings, list(files)))


async def _keep_files(settings: SiteFile, files: list[Sent]) -> list[Kept]:
    transfer = settings.require(TransferSettings)
    recipients = [load_recipient(path) for path in settings.archive.recipients]
    store = await open_store(transfer.log)
    writer = await open_log_writer(store, transfer.log_key_file, transfer.log_origin, recipients)
    uploads = await UploadStore.open(transfer.state_file)
    own = load_recipient_key(transfer.delivery_key_file).recipient
    key = read_key_file(transfer.address_key_file).strip()
    blobs = BlobStore(open_objects(transfer), transfer.log_origin, key, [*recipients, own])
    journal, kept = FileJournal(writer, DEFAULT_POLICY), []
    for sent in files:
        kept.append(await _keep(sent, uploads, blobs, journal))
    await uploads.close()
    await writer.close()
    return kept


async def _keep(sent: Sent, uploads: UploadStore, blobs: BlobStore, journal: FileJournal) -> Kept:
    now_s = int(time.time())
    upload = Upload(
        secrets.token_bytes(16), BareJid(sent.owner), EnterpriseId(sent.firm), sent.name, sent.media_type,
        len(sent.content), Purpose.MESSAGE, now_s, now_s + 300, now_s + 86_400,
    )  # fmt: skip
    uploads.issue(upload)

    def note(address: Any) -> None:
        uploads.mark_stored(upload.id, str(address))

    blob = await blobs.put(pieces(sent.content), journal.file_class, note, enterprise=sent.firm)
    facts = FileFacts(
        upload.owner, upload.name, upload.media_type, upload.size_bytes, blob.sha256, upload.purpose,
        ContentFacts(upload.media_type),
    )  # fmt: skip
    copy = None
    if sent.copy:
        copy = await blobs.put(
            pieces(sent.copy), journal.file_class, enterprise=sent.firm, beside=blob.address
        )
    decision = FileDecision(Action.RELEASE)
    recorded = await journal.received(upload, blob, facts, decision, delivered=copy)
    settled = Settled(
        Stage.ANSWERED, (), "", recorded.index, recorded.evidence, now_s, str(copy.address) if copy else ""
    )
    uploads.settle(upload.id, settled)
    for address in sent.looks:
        await journal.fetched(upload, address, 0, len(sent.content))
    for act, actor, reason in sent.reviews:
        await journal.reviewed(ReviewRequest(act, recorded.index, actor, reason, recorded.evidence))
    found = await uploads.find(upload.id)
    assert found is not None
    return Kept(recorded.index, found)


class TransferAlone(ProcessUnderTest):
    """The transfer component of a site without its server: it hands out files all the same."""

    def __init__(self, site_toml: Path) -> None:
        super().__init__("the transfer component", site_toml.parent / "transfer.out")
        self._site_toml = site_toml
        self.settings = SiteFile(site_toml).require(TransferSettings)

    async def start(self) -> None:
        self._launch([sys.executable, "-m", "components.transfer", self._site_toml])
        await self._wait_until_ready(self._listens)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.settings.port)
        except OSError:
            return False
        writer.close()
        return True


def url_of(settings: TransferSettings, kept: Kept) -> str:
    links = FileLinks(f"http://127.0.0.1:{settings.port}/f/", load_link_key(settings.link_key_file))
    return links.make(FileLink(kept.upload.id, kept.upload.owner, kept.upload.until_s), kept.upload.name)
