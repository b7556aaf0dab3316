"""`steelyard check` tries the virus scanner, and reads the list of files that are not sent."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from components.site.check import check_site
from components.site.init import init_site
from tests.support.clamd import ClamdServer
from tests.support.ports import free_port

pytestmark = pytest.mark.programs

TRANSFER = """
[transfer]
jid = "files.steelyard.example"
secret_file = "keys/transfer.secret"
port = {port}
files = "files"
state_file = "run/transfer.db"
status_file = "run/transfer.status.json"
link_key_file = "keys/link.key"
address_key_file = "keys/address.key"
delivery_key_file = "keys/delivery.key"
log = "archive/transfer.db"
log_origin = "steelyard.example/transfer"
log_key_file = "keys/log-transfer.key"
"""


@pytest.fixture
def taking(site: Path) -> Path:
    """The site.toml of a site that takes files."""
    directory = site.parent / "directory.toml"
    directory.write_text(f'transfer = "files.steelyard.example"\n{directory.read_text()}')
    site.write_text(site.read_text() + TRANSFER.format(port=free_port()))
    init_site(site)
    return site


@pytest.fixture
async def clamd(tmp_path: Path) -> AsyncIterator[ClamdServer]:
    limits = "AlertExceedsMax yes\nMaxFileSize 8M\nMaxScanSize 16M"
    async with ClamdServer(tmp_path / "clamd", limits) as server:
        yield server


def add(site: Path, text: str) -> None:
    """Write the settings of the transfer component, and what is added to them, as the end of site.toml."""
    before, _, port = site.read_text().partition("\n[transfer]\n")
    port = port.partition("\nport = ")[2].partition("\n")[0]
    site.write_text(before + TRANSFER.format(port=port) + text)


def said_of_files(site: Path) -> list[tuple[bool, str]]:
    found = check_site(site)
    assert [each.text for each in found if each.name == "settings"] == [str(site)]
    return [(each.ok, each.text) for each in found if each.name == "files"]


def test_a_site_without_files_is_told_nothing(site: Path) -> None:
    assert said_of_files(site) == []


def test_no_scanner_is_told(taking: Path) -> None:
    assert said_of_files(taking) == [(True, "no virus scanner (transfer.clamd, docs/files.md)")]


async def test_the_scanner_is_tried(taking: Path, clamd: ClamdServer) -> None:
    add(taking, f'[transfer.clamd]\nsocket = "{clamd.socket}"\nmax_scan_mib = 8\n')
    assert await asyncio.to_thread(said_of_files, taking) == [
        (True, "clamd knows the test file, and looks at files of up to 8 MiB")
    ]
    add(taking, f'[transfer.clamd]\nsocket = "{clamd.socket}"\nmax_scan_mib = 9\n')
    ((ok, text),) = await asyncio.to_thread(said_of_files, taking)
    assert not ok and text.startswith("clamd does not look at a file of 9 MiB")
    await clamd.kill9()
    ((ok, text),) = await asyncio.to_thread(said_of_files, taking)
    assert not ok and text.startswith(f"{clamd.socket}: ") and "start clamd" in text


def test_the_list_is_read(taking: Path) -> None:
    add(taking, 'denied_hashes = "denied.sha256"\n')
    file = taking.parent / "denied.sha256"
    (missing,) = [each for each in check_site(taking) if not each.ok]
    assert missing.text.startswith(f"transfer.denied_hashes: there is no {file}; make it")
    file.write_text(f"{sha256(b'a').hexdigest()}\n")
    assert (said_of_files(taking))[1:] == [(True, "1 files in denied.sha256 are not sent")]
    file.write_text(f"{sha256(b'a').hexdigest()}\nMD5\n")
    ((ok, text),) = said_of_files(taking)
    assert not ok and text.startswith("denied.sha256: line 2: does not begin with a SHA-256")


@pytest.mark.parametrize(
    "table",
    [
        "",
        'socket = "/run/clamd"\nhost = "scan.example"\nport = 3310',
        'host = "scan.example"',
        "port = 3310",
        'socket = "/run/clamd"\nport = 3310',
    ],
)
def test_clamd_is_in_one_place(taking: Path, table: str) -> None:
    add(taking, f"[transfer.clamd]\n{table}\n")
    (finding,) = check_site(taking)
    assert not finding.ok
    assert "clamd has a socket, or a host and a port" in finding.text
