"""The HTTP side of the transfer component on loopback, with a real store, state and log, and a clock of the test's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.objects import ObjectStore
from components.archive.record import Event, RecordKind, parse_record
from components.archive.writer import LogWriter
from components.rules.file_links import FileLink, FileLinks
from components.transfer.asking import AskedFrom
from components.transfer.checks import Examination, FileChecks, Stripper
from components.transfer.deciding import FileDecider
from components.transfer.fetch import Sender
from components.transfer.journal import FileJournal
from components.transfer.linked import LinkedUploads
from components.transfer.metrics import FileMetrics, MeasuredDecisions
from components.transfer.receive import Receiver
from components.transfer.server import FileServer
from components.transfer.state import Upload, UploadStore
from policy.address import BareJid, Domain
from policy.content.policy import ContentPolicy
from policy.directory.directory import Directory
from policy.directory.enterprise import EnterpriseId
from policy.files.slot import Purpose
from policy.retention import DEFAULT_POLICY
from policy.rules import Rules
from tests.support.archive import AUDITOR, RECIPIENTS, START_S, open_payloads, open_writer
from tests.support.blobs import open_reader, open_store
from tests.support.ports import free_port

ANNA = BareJid("anna@metals.example")
KEY = b"k" * 64


@dataclass
class FilesUnderTest:
    """Files served at `url`; `now_s` is what time it is, `admitted` who may use the line.

    Files with a name in `hidden` are handed out to nobody. `stored` has why each put could not be stored, or nothing.
    """

    root: Path
    links: FileLinks
    uploads: UploadStore
    client: aiohttp.ClientSession
    writer: LogWriter
    journal: FileJournal
    port: int = 0
    now_s: float = START_S
    admitted: set[str] = field(default_factory=lambda: {ANNA})
    hidden: set[str] = field(default_factory=set)
    metrics: FileMetrics = field(default_factory=FileMetrics)
    stored: list[str] = field(default_factory=list)
    last_headers: dict[str, str] = field(default_factory=dict)
    _issued: int = 0

    def issue(self, content: bytes, **changes: Any) -> tuple[str, dict[str, str]]:
        """Give a slot for a content; returns its URL and the headers of its PUT."""
        self._issued += 1
        upload = Upload(
            self._issued.to_bytes(16, "big"), ANNA, EnterpriseId("metals"), "報告 1.pdf", "application/pdf",
            len(content), Purpose.MESSAGE, START_S, START_S + 300, START_S + 86_400,
        )  # fmt: skip
        upload = replace(upload, **changes)
        self.uploads.issue(upload)
        url = self.links.make(FileLink(upload.id, upload.owner, upload.until_s), upload.name)
        self.last_headers = {"Authorization": self.links.authorization(upload.id)}
        return url, self.last_headers

    async def put(self, content: bytes, **changes: Any) -> str:
        """Upload a content, and return its URL."""
        url, headers = self.issue(content, **changes)
        async with self.client.put(url, data=BytesIO(content), headers=headers) as response:
            assert response.status == 201, await response.text()
        return url

    async def status_of(self, url: str, **how: Any) -> int:
        """Return the status of a GET."""
        async with self.client.get(url, **how) as response:
            await response.read()
            return response.status

    def blobs(self) -> list[Path]:
        """Return all that the store has, but for folders."""
        found = (self.root / "files").rglob("*")
        return sorted(path for path in found if path.is_file() and path.name != "lock")

    async def events(self) -> list[Event]:
        """Return the records of files, with the auditor's key."""
        await self.writer.sign()
        parsed = []
        for payload in await open_payloads(self.root / "transfer.db"):
            record = parse_record(RecordKind.FILE, payload)
            assert isinstance(record, Event)
            parsed.append(record)
        return parsed


@asynccontextmanager
async def serve_files(
    root: Path,
    *,
    objects: ObjectStore | None = None,
    networks: tuple[str, ...] = (),
    behind_proxy: bool = False,
    idle_s: float = 30.0,
    checks: FileChecks | None = None,
    policy: ContentPolicy | None = None,
    refused_types: tuple[str, ...] = (),
    checked_within_s: float = 60.0,
    person_at_once: int = 256,
    stripper: Stripper | None = None,
    metrics: FileMetrics | None = None,
) -> AsyncIterator[FilesUnderTest]:
    """Serve files below `root` without TLS."""
    async with AsyncExitStack() as stack:
        writer = await open_writer(root / "transfer.db")
        stack.push_async_callback(writer.close)
        uploads = await UploadStore.open(root / "state.db")
        stack.push_async_callback(uploads.close)
        journal = FileJournal(writer, DEFAULT_POLICY)
        kept = objects or DirectoryObjects(root / "files")
        port = free_port()
        links = FileLinks(f"http://127.0.0.1:{port}/f/", KEY)
        # A connection that the server is about to close would not be used again.
        connector = aiohttp.TCPConnector(force_close=idle_s < 30)
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        files = FilesUnderTest(
            root, links, uploads, client, writer, journal, port, metrics=metrics or FileMetrics()
        )
        linked = LinkedUploads(links, uploads, lambda: files.now_s)
        decider = FileDecider(Rules(Directory(Domain("gate.metals.example"), ()), policy), refused_types)
        decide = MeasuredDecisions(decider.decide, files.metrics)
        receiver = Receiver(
            linked, open_store(kept, recipients=RECIPIENTS), journal,
            Examination(
                root, checks or FileChecks(), decide, checked_within_s, stripper, files.metrics.count_decision
            ),
            is_admitted=lambda owner: owner in files.admitted, person_at_once=person_at_once,
            on_stored=files.stored.append, on_durable=files.metrics.store_seconds.observe,
        )  # fmt: skip
        sender = Sender(
            linked, open_reader(kept, AUDITOR), journal,
            asked_from=AskedFrom([ip_network(each) for each in networks], behind_proxy),
            may_fetch=lambda upload, _address: upload.name not in files.hidden,
        )  # fmt: skip
        server = FileServer(receiver, sender, files.metrics, idle_s=idle_s)
        await server.start("127.0.0.1", port, None)
        stack.push_async_callback(server.close)
        yield files


def details_of(event: Event) -> dict[str, str | int]:
    """Return the details of a record of a file by name."""
    return dict(event.details)
