"""A directory that changes under a running line: by a command, and by an identity provider's pushes."""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

from components.archive.record import Event, RecordKind, parse_record
from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import one_enterprise
from tests.support.line import Line
from tests.support.ports import free_port
from tests.support.process import PATIENCE_S, ProcessUnderTest, wait_until
from tests.support.scim import ScimClient
from tests.support.site import run_steelyard
from tests.support.site_toml import write_site_toml
from tests.support.stream import XmppStream

ALICE, BOB, DANA = (f"{name}@metals.example" for name in ("alice", "bob", "dana"))
TOKEN = "the token of a test, long enough"


class DirectoryProcess(ProcessUnderTest):
    """The service for SCIM pushes, with TLS, on a site.toml of its own."""

    def __init__(self, root: Path, authority: CertificateAuthority, directory: Path) -> None:
        super().__init__("the directory service", root / "directory.out")
        self.port = free_port()
        self.site_toml = root / "scim.toml"
        certificate = authority.issue(root / "certs", ["metals.example"]) / "metals.example.crt"
        (root / "scim.token").write_text(TOKEN)
        write_site_toml(
            self.site_toml,
            "[[directory.scim]]\nenterprise = 'metals'\ntoken_file = 'scim.token'\nstate = 'scim/metals.json'\n"
            "domain = 'metals.example'\nauto = true\nroles = { Traders = 'trader' }\n",
            gate={"directory": directory},
            directory={"scim_port": self.port, "scim_certificate": certificate},
        )

    async def start(self) -> None:
        """Start it and wait until it listens; raises `NotReadyError`."""
        self._launch([sys.executable, "-m", "components.directory", self.site_toml])

        async def serves() -> bool:
            return '"serving"' in self.log_tail()

        await self._wait_until_ready(serves)

    def client(self) -> ScimClient:
        """Return an identity provider that trusts whatever certificate is shown."""
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        return ScimClient(f"https://127.0.0.1:{self.port}/scim/metals/v2", TOKEN, tls)

    async def wait_until_said(self, count: int) -> None:
        """Wait until so many attempts to apply were made."""
        done = ('"applied"', '"not applied"')
        said: Callable[[], int] = lambda: sum(self.log_tail(1000).count(text) for text in done)  # noqa: E731
        assert await wait_until(lambda: said() >= count), self.log_tail()


async def passes(sender: XmppStream, to: str) -> bool:
    """Say whether a message is carried out: it comes back as an error if not, and before the answer to a ping."""
    sender.unread.clear()
    sender.send(f"<message type='chat' to='{to}' id='m'><body>copper</body></message>")
    await sender.ping()
    errors = [each for each in sender.unread if each.get("type") == "error" and each.get("id") == "m"]
    return not errors


async def wait_until_passes(sender: XmppStream, to: str, wanted: bool) -> None:
    """Wait until messages pass, or do not any more; the gate looks for a new directory a few times a second."""
    give_up_at_s = time.monotonic() + PATIENCE_S
    while await passes(sender, to) is not wanted:
        assert time.monotonic() < give_up_at_s, f"{sender.jid} to {to}: still {not wanted}"
        await asyncio.sleep(0.05)


async def test_who_is_on_the_line_changes_while_it_runs(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    line = Line(tmp_path, (ALICE, BOB, DANA), directory=one_enterprise((ALICE, BOB)))
    directory = tmp_path / "gate" / "directory.toml"
    async with line:
        alice, bob = [await line.login(jid) for jid in (ALICE, BOB)]
        gate_pid = line.gate.pid
        assert [await passes(*each) for each in ((alice, BOB), (bob, ALICE), (alice, DANA))] == [
            True,
            True,
            False,
        ]
        await apply_by_command(tmp_path, directory)
        await wait_until_passes(alice, DANA, True)
        dana = await line.login(DANA)
        await wait_until_passes(dana, ALICE, True)
        assert [await passes(*each) for each in ((alice, DANA), (bob, ALICE), (alice, BOB))] == [
            True,
            False,
            False,
        ]

        service = DirectoryProcess(tmp_path, authority, directory)
        async with service, service.client() as provider:
            await push(provider, service, bob, alice)
        assert line.gate.running
        assert line.gate.pid == gate_pid
        events = await read_events(line, 4)
    assert [(event.name, dict(event.details).get("directory", "")) for event in events] == [
        ("in-force", ""),
        (
            "changed",
            f"metals - person {BOB}: name {BOB}, roles trader\nmetals + person {DANA}: name Dana, roles trader",
        ),
        (
            "changed",
            f"metals ~ person {ALICE}: id - -> 1\nmetals + person {BOB}: name Bob, roles trader, id 2\n"
            f"metals - person {DANA}: name Dana, roles trader",
        ),
        ("changed", f"metals - person {BOB}: name Bob, roles trader, id 2"),
    ]


async def read_events(line: Line, count: int) -> list[Event]:
    """Wait until so many records of the rules are in the log, and read them."""
    give_up_at_s = time.monotonic() + PATIENCE_S
    while True:
        async with line.gate.open_log() as opener:
            records = await opener.fetch(0, await opener.reader.size())
        told = [each.payload for each in records if each.leaf.kind == RecordKind.RULES]
        events = [parse_record(RecordKind.RULES, payload) for payload in told if payload]
        if len(events) >= count or time.monotonic() > give_up_at_s:
            return [event for event in events if isinstance(event, Event)]
        await asyncio.sleep(0.05)


async def apply_by_command(root: Path, directory: Path) -> None:
    """Plan and apply a CSV file in which Dana is new and Bob is gone."""
    source = "[[directory.csv]]\nenterprise = 'metals'\nfile = 'people.csv'\n"
    site_toml = write_site_toml(root / "csv.toml", source, gate={"directory": directory})
    people = root / "people.csv"
    people.write_text(f"jid,name,roles\n{ALICE},{ALICE},trader\n{DANA},Dana,trader\n")
    site = ("--site", str(site_toml))
    planned = await asyncio.to_thread(run_steelyard, "directory", "plan", *site)
    assert (planned.returncode, planned.stdout) == (
        3,
        f"metals\n  - person {BOB}: name {BOB}, roles trader\n  + person {DANA}: name Dana, roles trader\n",
    )
    applied = await asyncio.to_thread(run_steelyard, "directory", "apply", "--json", *site)
    assert applied.returncode == 0, applied.stderr
    assert [change["kind"] for change in json.loads(applied.stdout)["changes"]] == ["departed", "new"]


async def push(provider: ScimClient, service: DirectoryProcess, bob: XmppStream, alice: XmppStream) -> None:
    """Push Alice and Bob, who is on the line again, then deactivate him."""
    # There is no role yet, so all would leave: that is refused, and Dana stays.
    ids = [
        await provider.create("/Users", userName=ALICE, displayName=ALICE, externalId="1"),
        await provider.create("/Users", userName="Bob", displayName="Bob", externalId="2"),
    ]
    await service.wait_until_said(2)
    assert "2 of 2 people would leave metals, more than 1" in service.log_tail()
    assert not await passes(bob, ALICE)
    await provider.create("/Groups", displayName="Traders", members=[{"value": id_} for id_ in ids])
    await wait_until_passes(bob, ALICE, True)
    assert await passes(alice, BOB)
    status, user = await provider.patch(f"/Users/{ids[1]}", "Replace", "active", "False")
    assert (status, user["active"]) == (200, False)
    await wait_until_passes(bob, ALICE, False)
    assert not await passes(alice, BOB)
