"""Files whose server is killed between their first byte and 201, or whose disk is full: all of each, or nothing."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.archive.blobs.address import parse_address
from components.archive.blobs.directory import DirectoryObjects
from tests.support.blobs import open_reader, open_store
from tests.support.file_server import FilesUnderTest, details_of, serve_files
from tests.support.file_uploader import (
    AMENDED,
    HELD,
    METADATA_BYTES,
    REFUSED,
    ROOMS_KIB,
    data_of,
    finish,
)
from tests.support.rounds import STRIDE

ROOT = Path(__file__).parents[2]
# What a GET may be answered, by a file's name; and what it is answered once the PUT was.
STATUSES = {HELD: {503, 404}, REFUSED: {404}}
AFTER = {(201, False): 200, (201, True): 503, (403, False): 404}
UPLOADER = [sys.executable, "-m", "tests.support.file_uploader"]


@dataclass
class Said:
    """What processes said: the content and name of each link's file, and how they were answered."""

    issued: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    refusals: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, output: bytes) -> None:
        for line in output.splitlines(keepends=True):
            if not line.endswith(b"\n") or not line.startswith(b"{"):  # cut off, or of the process's own log
                continue
            said = json.loads(line)
            if "issued" in said:
                data = data_of(said["name"], said["number"])
                # Nobody ever gets what is to be taken out of it.
                self.issued[said["issued"]] = data[:-METADATA_BYTES] if said["file_name"] == AMENDED else data
                self.names[said["issued"]] = said["file_name"]
            elif "answered" in said:
                self.answered[said["answered"]] = said["status"]
            else:
                self.refusals.append(said)


def upload_until_killed_at(call: str, number: int, root: Path, said: Said) -> bool:
    """Let the process die when it makes this system call for the `number`th time; tells whether it came so far."""
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", *inject, *UPLOADER, str(root), f"{call} {number}"]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    said.hear(done.stdout)
    return done.returncode != 0


async def require_whole(root: Path, said: Said, *, retried: bool = False) -> None:
    """Require of each file that it was answered, recorded once and can be fetched, or that it cannot be fetched.

    What is held can be fetched after a review alone, what is refused never. A file that was `retried` may have been cut
    off before.
    """
    async with serve_files(root) as files:
        await finish(files)
        assert await finish(files) == 0
        statuses = {link: await fetch(files, link, data) for link, data in said.issued.items()}
        for link, status in statuses.items():
            assert status in STATUSES.get(said.names[link], {200, 404})
        for link, answer in said.answered.items():
            assert statuses[link] == AFTER[answer, said.names[link] == HELD]
        assert {upload.id.hex() for upload, _ in await files.uploads.list_held()} == {
            files_id(files, link) for link, status in statuses.items() if status == 503
        }
        fetched = {link for link, status in statuses.items() if status != 404}
        received, cut_off = Counter[str](), Counter[str]()
        blobs = set()
        for event in await files.events():
            details = details_of(event)
            if event.name != "fetched":
                (cut_off if event.name == "cut-off" else received)[str(details["file"])] += 1
                assert event.name == "cut-off" or (event.name == "refused") == (
                    details["file_name"] == REFUSED
                )
                blobs.add(parse_address(str(details["blob"])).mark)
                assert (event.name == "received" and details["file_name"] == AMENDED) == (
                    "delivered_blob" in details
                )
    assert set(received.values()) | set(cut_off.values()) <= {1}
    # Whatever was not answered and can be fetched was about to be answered.
    ids = {files_id(files, link) for link in fetched}
    refused = {files_id(files, link) for link, name in said.names.items() if name == REFUSED}
    assert set(received) - set(cut_off) - refused <= ids <= set(received)
    assert retried or not ids & set(cut_off)
    objects = DirectoryObjects(root / "files")
    stored = [address async for address in open_store(objects).list()]
    # A copy has the mark of its file.
    assert {address.mark for address in stored} <= blobs
    for address in stored:
        blob = await open_reader(objects).open(address)
        assert sum([len(piece) async for piece in blob.read()]) == blob.size_bytes


def files_id(files: FilesUnderTest, link: str) -> str:
    opened = files.links.open(link.partition("/")[0])
    assert opened is not None
    return opened.id.hex()


async def fetch(files: FilesUnderTest, link: str, data: bytes) -> int:
    """Return the status of a GET; what it gives is what was put, without metadata where these are taken out."""
    async with files.client.get(files.links.base_url + link) as response:
        if response.status == 200:
            assert await response.read() == data
        return response.status


@pytest.mark.parametrize(
    ("call", "numbers"),
    [
        ("fdatasync", range(1, 60, -(-STRIDE // 2))),
        ("fsync", range(1, 40, STRIDE)),
        ("rename", range(1, 10, 2)),
        ("pwrite64", range(3, 180, 4 * STRIDE)),
        ("sendto", range(9, 120, 3 * STRIDE)),
        # In the quarantine: it is made, and filled.
        ("memfd_create", range(1, 3)),
        ("writev", range(1, 4)),
        ("write", range(4, 60, STRIDE)),
    ],
)
async def test_killed_at_each_step(call: str, numbers: range, tmp_path: Path) -> None:
    said, kills = Said(), 0
    for number in numbers:
        if not upload_until_killed_at(call, number, tmp_path, said):
            break
        kills += 1
        await require_whole(tmp_path, said)
    assert kills > 1
    assert said.issued
    await require_whole(tmp_path, said)


def run(command: list[str]) -> bytes:
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


async def test_a_disk_that_is_full_and_has_room_again(tmp_path: Path) -> None:
    """In a mount namespace of its own, from which a copy is kept."""
    mounted, kept = tmp_path / "mounted", tmp_path / "kept"
    mounted.mkdir()
    script = (
        f"mount -t tmpfs -o size=24m none '{mounted}'"
        f" && {' '.join(UPLOADER)} '{mounted}' full full"
        f" && test -z \"$(ls -A '{mounted}/files/incoming')\" && cp -r '{mounted}' '{kept}'"
    )
    said = Said()
    said.hear(await asyncio.to_thread(run, ["unshare", "--map-root-user", "--mount", "sh", "-c", script]))
    assert len(said.answered) == len(ROOMS_KIB)
    assert {(each["refused"], each["fetched"]) for each in said.refusals} == {(503, 404)}
    reasons = " ".join(reason for each in said.refusals for reason in each["reasons"])
    # The log writes over what its WAL has; that it cannot record is in tests/unit/transfer/test_tidy.py.
    for place in ("/files/", "/state.db"):
        assert place in reasons
    await require_whole(kept, said, retried=True)
