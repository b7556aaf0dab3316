"""Files are shown to a real clamd before they are answered; while it is down nothing goes, and an alarm says so."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest

from components.archive.keys import load_recipient_key
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.record import Alarm, Event, RecordKind, parse_record
from components.site.health import find_alarms
from components.transfer.slots import NS
from tests.support.certificates import CertificateAuthority
from tests.support.clamd import EICAR, SIGNATURE, ClamdServer
from tests.support.gate_process import GATE, one_enterprise
from tests.support.process import PATIENCE_S, wait_until
from tests.support.stream import XmppStream
from tests.support.transfer_site import FILES, TransferSite

ALICE, BOB = "alice@metals.example", "bob@metals.example"
DIRECTORY = f'transfer = "{FILES}"\n{one_enterprise((ALICE, BOB), gate=GATE)}'
COPPER = b"Copper, 25 t, Rotterdam\n"
DENIED = b"The list that went astray\n"


@pytest.fixture
async def clamd(tmp_path: Path) -> AsyncIterator[ClamdServer]:
    async with ClamdServer(tmp_path / "clamd") as server:
        yield server


class Scanned:
    """A site whose files are scanned, and Alice, who sends some."""

    def __init__(self, site: TransferSite, alice: XmppStream, http: aiohttp.ClientSession) -> None:
        self.site = site
        self._alice = alice
        self._http = http

    async def send(self, content: bytes) -> tuple[int, int]:
        """Upload a file; returns what the PUT is answered, and then a GET."""
        request = f"<request xmlns='{NS}' filename='a.txt' size='{len(content)}' content-type='text/plain'/>"
        slot = await self._alice.request("get", request, to=FILES)
        put, header, get = (slot.find(f".//{{{NS}}}{name}") for name in ("put", "header", "get"))
        assert put is not None and header is not None and get is not None
        headers = {str(header.get("name")): header.text or "", "Content-Type": "text/plain"}
        async with self._http.put(self._local(put.get("url")), data=content, headers=headers) as response:
            status = response.status
        async with self._http.get(self._local(get.get("url"))) as response:
            return status, response.status

    def _local(self, url: str | None) -> str:
        assert url is not None
        return url.replace(FILES, "127.0.0.1", 1)

    async def wait_for_alarm(self, *, present: bool) -> None:
        def is_so() -> bool:
            return bool(self.site.transfer.status().get("alarms")) is present

        assert await wait_until(is_so), self.site.transfer.log_tail()

    async def wait_for_records(self, count: int) -> list[Alarm | Event]:
        """Return all records of the component's log once there are so many."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                records = await self._records()
                if len(records) >= count:
                    return records
                await asyncio.sleep(0.1)

    async def _records(self) -> list[Alarm | Event]:
        transfer, key_file = self.site.transfer, self.site.gate.auditor_key_file
        reader = await LogReader.open(transfer.log_file)
        try:
            opener = RecordOpener(reader, transfer.log_origin, [load_recipient_key(key_file)])
            opened = await opener.fetch(0, await reader.size())
        finally:
            await reader.close()
        records = [
            parse_record(RecordKind(each.leaf.kind), each.payload)
            for each in opened
            if each.payload and each.leaf.kind in (RecordKind.FILE, RecordKind.ALARM)
        ]
        return [each for each in records if isinstance(each, Alarm | Event)]


@pytest.fixture
async def scanned(
    request: pytest.FixtureRequest, tmp_path: Path, clamd: ClamdServer, authority: CertificateAuthority
) -> AsyncIterator[Scanned]:
    denied = tmp_path / "denied.sha256"
    denied.write_text(f"{sha256(DENIED).hexdigest()}  list.txt\n")
    table = {"socket": str(clamd.socket), "timeout_s": 1.0, "when_down": request.param}
    site = TransferSite(tmp_path, (ALICE, BOB), DIRECTORY, authority, clamd=table, denied_hashes=str(denied))
    site.tls.check_hostname = False  # it is asked for at the loopback address
    async with site, aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=site.tls)) as http:
        yield Scanned(site, await site.login(ALICE), http)


def of(record: Alarm | Event, *names: str) -> list[str | int | None]:
    details = dict(record.details)
    return [record.name, *(details.get(name) for name in names)]


@pytest.mark.parametrize("scanned", ["refuse"], indirect=True)
async def test_what_is_found_is_refused_and_recorded(scanned: Scanned) -> None:
    assert await scanned.send(COPPER) == (201, 200)
    assert await scanned.send(EICAR) == (403, 404)
    assert await scanned.send(DENIED) == (403, 404)
    records = await scanned.wait_for_records(4)
    assert [of(each, "marks", "signature", "rules") for each in records] == [
        ["received", "", None, ""],
        ["fetched", None, None, None],
        ["refused", "malware", SIGNATURE, "file-malware"],
        ["refused", "denied-hash", None, "file-denied-hash"],
    ]
    assert scanned.site.transfer.status()["alarms"] == []


@pytest.mark.parametrize(
    ("scanned", "answered", "name"),
    [("refuse", (403, 404), "refused"), ("flag", (201, 200), "received")],
    indirect=["scanned"],
)
async def test_while_the_scanner_is_down(
    scanned: Scanned, clamd: ClamdServer, answered: tuple[int, int], name: str
) -> None:
    await clamd.kill9()
    await scanned.wait_for_alarm(present=True)  # although nobody sends a file
    (alarm,) = find_alarms(scanned.site.transfer.status_file)
    assert str(alarm).startswith("ALARM scanner-down (reason: ")
    assert await scanned.send(COPPER) == answered
    await clamd.start()
    await scanned.wait_for_alarm(present=False)
    clamd.sigstop()
    assert await scanned.send(COPPER) == answered
    await scanned.wait_for_alarm(present=True)
    clamd.sigcont()
    await scanned.wait_for_alarm(present=False)
    assert await scanned.send(EICAR) == (403, 404)
    records = await scanned.wait_for_records(5 if name == "refused" else 7)
    files = [
        of(each, "marks", "unscanned", "signature")
        for each in records
        if each.name in ("refused", "received")
    ]
    assert files == [[name, "unscanned", "down", None]] * 2 + [["refused", "malware", None, SIGNATURE]]
    # The second time is within a minute of the first, and told later (docs/alarms.md).
    alarms = [set(dict(each.details)) for each in records if isinstance(each, Alarm)]
    assert alarms == [{"reason"}, {"over_after_s"}]


@pytest.mark.parametrize("scanned", ["refuse"], indirect=True)
async def test_a_scanner_that_is_killed_in_the_middle_lets_nothing_through(
    scanned: Scanned, clamd: ClamdServer
) -> None:
    for each in (EICAR, COPPER):
        clamd.sigstop()
        sending = asyncio.create_task(scanned.send(each))
        # It has the connection, and has not answered. If this takes longer than it may, it counts as slow.
        await asyncio.sleep(0.3)
        await clamd.kill9()
        assert await sending == (403, 404)
        await clamd.start()
        await scanned.wait_for_alarm(present=False)
    assert await scanned.send(COPPER) == (201, 200)
    assert await scanned.send(EICAR) == (403, 404)
    async with asyncio.timeout(PATIENCE_S):
        files: list[Alarm | Event] = []
        while len(files) < 4:
            records = await scanned.wait_for_records(len(files))
            files = [each for each in records if each.name in ("received", "refused")]
            await asyncio.sleep(0.05)
    assert [of(each, "marks") for each in files] == [
        ["refused", "unscanned"],
        ["refused", "unscanned"],
        ["received", ""],
        ["refused", "malware"],
    ]
