"""`steelyard check` tries the virus scanner, and reads the list of files that are not sent."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from components.site.check import check_site
from tests.support.clamd import ClamdServer

pytestmark = pytest.mark.programs


@pytest.fixture
async def clamd(tmp_path: Path) -> AsyncIterator[ClamdServer]:
    limits = "AlertExceedsMax yes\nMaxFileSize 8M\nMaxScanSize 16M"
    async with ClamdServer(tmp_path / "clamd", limits) as server:
        yield server


def add(site: Path, text: str) -> None:
    """Write settings of the transfer component, the same as before and these."""
    kept = site.with_name("kept.toml")
    if not kept.exists():
        kept.write_text(site.read_text())
    site.write_text(f"{kept.read_text()}\n{text}")


def said_of_files(site: Path) -> list[tuple[bool, str]]:
    found = check_site(site)
    assert [each.text for each in found if each.name == "settings"] == [str(site)]
    return [(each.ok, each.text) for each in found if each.name == "files"]


def without_transfer(site: Path) -> None:
    """Take the transfer component out of a site's settings."""
    site.write_text(
        re.sub(r"^\[transfer\].*?(?=^\[(?!transfer)|\Z)", "", site.read_text(), flags=re.M | re.S)
    )


def test_a_site_without_files_is_told_so(site: Path) -> None:
    without_transfer(site)
    directory = site.parent / "directory.toml"
    directory.write_text(re.sub(r"^transfer = .*$", "", directory.read_text(), flags=re.M))
    assert said_of_files(site) == [(True, "none are taken: there is no table [transfer] (docs/files.md)")]


def test_a_directory_that_names_a_component_for_files_which_is_not_there(site: Path) -> None:
    without_transfer(site)
    (problem,) = [each.text for each in check_site(site) if not each.ok]
    assert problem.startswith("directory.toml names files.")
    assert "has no table [transfer]" in problem


def test_what_became_of_files_is_told_while_the_component_runs(site: Path) -> None:
    status = SiteFile(site).require(TransferSettings).status_file
    status.parent.mkdir(parents=True, exist_ok=True)
    counts = {"files": {"release": 1200, "hold": 3, "refuse": 1}, "held": 2}
    status.write_text(json.dumps({"state": "connected", "pid": 1, **counts}))
    told = said_of_files(site)[0]
    assert told == (True, "since it started: 1,200 let through, 3 held, 1 refused; 2 wait for a reviewer")
    # An old file says nothing about now.
    os.utime(status, (0, 0))
    assert said_of_files(site) == [(True, "no virus scanner (transfer.clamd, docs/files.md)")]


def test_no_scanner_is_told(site: Path) -> None:
    assert said_of_files(site) == [(True, "no virus scanner (transfer.clamd, docs/files.md)")]


async def test_the_scanner_is_tried(site: Path, clamd: ClamdServer) -> None:
    add(site, f'[transfer.clamd]\nsocket = "{clamd.socket}"\nmax_scan_mib = 8\n')
    assert await asyncio.to_thread(said_of_files, site) == [
        (True, "clamd knows the test file, and looks at files of up to 8 MiB")
    ]
    add(site, f'[transfer.clamd]\nsocket = "{clamd.socket}"\nmax_scan_mib = 9\n')
    ((ok, text),) = await asyncio.to_thread(said_of_files, site)
    assert not ok and text.startswith("clamd does not look at a file of 9 MiB")
    await clamd.kill9()
    ((ok, text),) = await asyncio.to_thread(said_of_files, site)
    assert not ok and text.startswith(f"{clamd.socket}: ") and "start clamd" in text


def test_the_list_is_read(site: Path) -> None:
    named = '[transfer]\ndenied_hashes = "denied.sha256"'
    site.write_text(re.sub(r"^\[transfer\].*$", named, site.read_text(), flags=re.M))
    file = site.parent / "denied.sha256"
    (missing,) = [each for each in check_site(site) if not each.ok]
    assert missing.text.startswith(f"transfer.denied_hashes: there is no {file}; make it")
    file.write_text(f"{sha256(b'a').hexdigest()}\n")
    assert (said_of_files(site))[1:] == [(True, "1 files in denied.sha256 are not sent")]
    file.write_text(f"{sha256(b'a').hexdigest()}\nMD5\n")
    ((ok, text),) = said_of_files(site)
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
def test_clamd_is_in_one_place(site: Path, table: str) -> None:
    add(site, f"[transfer.clamd]\n{table}\n")
    (finding,) = check_site(site)
    assert not finding.ok
    assert "clamd has a socket, or a host and a port" in finding.text
