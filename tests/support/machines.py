"""A site with a feed, and auditors' machines that follow it: real logs, real certificates, real TLS on loopback."""

import datetime as dt
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from components.archive.keys import create_log_key, create_recipient_key
from components.archive.record import RecordKind, Submission, encode_submission
from components.archive.writer import Entry
from components.feed.__main__ import make_requests
from components.feed.server import FeedServer
from components.feed.stream import STALLED_S
from components.follow.client import FeedClient, open_feed
from components.follow.service import FollowService, find_service
from components.process.http import serve_http
from components.settings.certificate import open_server_tls
from components.settings.feed import FeedSettings
from components.settings.site import SiteFile
from components.site.certificates import make_machine_certificate
from tests.support.audit_site import T0_NS, open_writer
from tests.support.bad_network import BadNetwork
from tests.support.certificates import CertificateAuthority
from tests.support.site_toml import write_site_toml
from tests.unit.cli.test_review_queues import DIRECTORY, POLICY

ALICE, BOB = "alice@metals.example/d", "bob@metals.example"
GRETA, GUS = "greta@grain.example/d", "gus@grain.example"
WHO = ("erin", "faye")


def say(seq: int, sender: str, to: str, text: str, action: str = "hold") -> Submission:
    """Return a message as the gate records it."""
    body = f"<message xmlns='jabber:client' from='{sender}' to='{to}'><body>{text}</body></message>".encode()
    return Submission(RecordKind.STANZA, "e1", seq, "c2s", "s", T0_NS, action, ("tips",), None, body)


class NoProcess:
    """Stands where a process would take its TLS from; nothing reads anything again."""

    def on_reload(self, _reread: object) -> None: ...


@dataclass
class FedSite:
    """A site, and the folders of the machines of Erin (all enterprises) and of Faye (metals alone)."""

    root: Path
    site: SiteFile
    machines: dict[str, SiteFile]

    def key_of(self, who: str) -> Path:
        """The private key with which somebody signs, on their own machine."""
        return self.root / who / f"keys/auditor-{who}.key"

    def reread(self) -> None:
        """Read the site's file again after a change."""
        self.site = SiteFile(self.site.path)

    def rewrite(self, old: str, new: str) -> None:
        """Change the site's file."""
        text = self.site.path.read_text()
        assert old in text
        self.site.path.write_text(text.replace(old, new))
        self.reread()

    def remove_machine(self, who: str) -> None:
        """Take somebody's machine from the site's list."""
        tables = self.site.path.read_text().split("[[")
        kept = [each for each in tables if not each.startswith(f'feed.machines]]\nid = "{who}-desk"')]
        self.site.path.write_text("[[".join(kept))
        self.reread()

    async def append(self, *said: Submission) -> list[int]:
        """Record messages in the gate's log, and return their indexes."""
        writer = await open_writer(self.site, self.site.gate_log)
        first = await writer.append([Entry(RecordKind.STANZA, encode_submission(each)) for each in said])
        await writer.close()
        return list(range(first, first + len(said)))

    @asynccontextmanager
    async def serve(self, stalled_s: float = STALLED_S) -> AsyncIterator[tuple[FeedServer, int]]:
        """Serve the feed on a free port."""
        server = FeedServer(self.site, make_requests(self.site), stalled_s)
        tls = open_server_tls(NoProcess(), self.site.require(FeedSettings).certificate)  # type: ignore[arg-type]
        assert tls is not None
        server.machines.trust(tls)
        try:
            async with serve_http(server.application(), "127.0.0.1", 0, tls) as port:
                yield server, port
        finally:
            await server.close()

    @asynccontextmanager
    async def relay(self) -> AsyncIterator[BadNetwork]:
        """Serve the feed behind a network that can fail."""
        async with self.serve() as (_server, port), BadNetwork(port) as network:
            yield network

    @asynccontextmanager
    async def follow(self, who: str, port: int) -> AsyncIterator[FollowService]:
        """Follow the feed on somebody's machine."""
        async with self.connect(who, port) as client:
            service = await find_service(self.machines[who], client)
            try:
                yield service
            finally:
                await service.close()

    @asynccontextmanager
    async def connect(
        self, who: str, port: int, certificate: Path | None = None, stalled_s: float = STALLED_S
    ) -> AsyncIterator[FeedClient]:
        """Connect from somebody's machine, with its own or with another certificate."""
        settings = self.machines[who].follow
        assert settings is not None
        changed = {"url": f"https://localhost:{port}", "certificate": certificate or settings.certificate}
        async with open_feed(settings.model_copy(update=changed), stalled_s) as client:
            yield client


def _auditors(keys: str) -> str:
    lines = []
    for who, more in (("erin", ""), ("faye", 'enterprises = ["metals"]\n')):
        lines.append(
            f'[[audit.auditors]]\nid = "{who}"\nname = "{who.title()}"\nroles = ["lead"]\n{more}'
            f'key = "{keys}/auditor-{who}.pub"\n'
        )
    return "".join(lines)


def _others(names: Sequence[str]) -> str:
    return "".join(
        f'[[audit.others]]\nlog = "archive/{name}.db"\nlog_origin = "metals.example/{name}"\n'
        f'verifier_key = "keys/log-{name}.pub"\n'
        for name in names
    )


def _make_folder(
    root: Path, name: str, log: str, more: str, tables: Mapping[str, Mapping[str, object]]
) -> SiteFile:
    folder = root / name
    for each in ("keys", "archive", "run"):
        (folder / each).mkdir(parents=True)
    (folder / "directory.toml").write_text(DIRECTORY)
    (folder / "policy.toml").write_text(POLICY)
    audit = {
        "log": f"archive/{log}.db",
        "log_origin": f"metals.example/{log}",
        "log_key_file": f"keys/log-{log}.key",
    }
    own: dict[str, Mapping[str, object]] = {
        "gate": {"policy": "policy.toml"},
        "audit": audit,
        "archive": {"recipients": ["keys/auditor.pub"]},
    }
    for table, settings in tables.items():
        own[table] = {**own.get(table, {}), **settings}
    return SiteFile(write_site_toml(folder / "site.toml", more, **own))


def _feed(root: Path) -> str:
    machines = "".join(
        f'[[feed.machines]]\nid = "{who}-desk"\ncertificate = "../{who}/keys/machine.crt"\nauditors = ["{who}"]\n'
        f'own_log = "audit-{who}"\n'
        for who in WHO
    )
    return (
        '[feed]\nport = 5290\nhost = "localhost"\ncertificate = "certs/localhost.crt"\n'
        f'status_file = "run/feed.status.json"\n{machines}'
    )


def _follow() -> str:
    return (
        '[follow]\nurl = "https://localhost:5290"\nauthority = "keys/ca.crt"\ncertificate = "keys/machine.crt"\n'
        'status_file = "run/follow.status.json"\n'
    )


async def make_fed_site(root: Path, **tables: Mapping[str, object]) -> FedSite:
    """Make the site and both machines, with more settings; the keys that open records are on the machines alone."""
    authority = CertificateAuthority(root)
    certificates = authority.issue(root / "server/certs", ["localhost"])
    logs = [f"audit-{who}" for who in WHO]
    site = _make_folder(root, "server", "audit", _auditors("keys") + _others(logs) + _feed(root), tables)
    machines = {}
    for who in WHO:
        others = _others([f"audit-{each}" for each in WHO if each != who] + ["audit"])
        machines[who] = _make_folder(
            root, who, f"audit-{who}", _auditors("keys") + others + _follow(), tables
        )
        keys = root / who / "keys"
        make_machine_certificate(keys / "machine.crt", f"{who}-desk", dt.datetime.now(dt.UTC))
        create_log_key(keys / f"log-audit-{who}.key", f"metals.example/audit-{who}")
        create_log_key(keys / f"auditor-{who}.key", f"auditor/{who}")
        shutil.copy(certificates / "ca.crt", keys / "ca.crt")
    create_recipient_key(root / "erin/keys/auditor.key", "auditor")
    shutil.copy(root / "erin/keys/auditor.key", root / "faye/keys/auditor.key")
    for log in site.logs:
        create_log_key(log.key_file, log.origin)
    _share_public_keys(root)
    for log in site.logs:
        await (await open_writer(site, log)).close()
    return FedSite(root, site, machines)


def _share_public_keys(root: Path) -> None:
    folders = [root / name / "keys" for name in ("server", *WHO)]
    for public in [file for folder in folders for file in folder.glob("*.pub")]:
        for folder in folders:
            if not (folder / public.name).exists():
                shutil.copy(public, folder / public.name)
