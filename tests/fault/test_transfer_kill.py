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
from tests.support.file_uploader import ROOMS_KIB, data_of, finish
from tests.support.rounds import STRIDE

ROOT = Path(__file__).parents[2]
UPLOADER = [sys.executable, "-m", "tests.support.file_uploader"]


@dataclass
class Said:
    """What processes said: the content of each link's file, and which of them were answered."""

    issued: dict[str, bytes] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    refusals: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, output: bytes) -> None:
        for line in output.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                continue
            said = json.loads(line)
            if "issued" in said:
                self.issued[said["issued"]] = data_of(said["name"], said["number"])
            elif "answered" in said:
                self.answered.add(said["answered"])
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

    A file that was `retried` may have been cut off before.
    """
    async with serve_files(root) as files:
        await finish(files)
        assert await finish(files) == 0
        fetched = {link for link, data in said.issued.items() if await fetch(files, link, data)}
        assert fetched >= said.answered
        received, cut_off = Counter[str](), Counter[str]()
        blobs = set()
        for event in await files.events():
            details = details_of(event)
            if event.name != "fetched":
                (received if event.name == "received" else cut_off)[str(details["file"])] += 1
                blobs.add(str(details["blob"]))
    assert set(received.values()) | set(cut_off.values()) <= {1}
    # Whatever was not answered and can be fetched was about to be answered.
    ids = {files_id(files, link) for link in fetched}
    assert set(received) - set(cut_off) <= ids <= set(received)
    assert retried or not ids & set(cut_off)
    objects = DirectoryObjects(root / "files")
    stored = {str(address) async for address in open_store(objects).list()}
    assert stored <= blobs
    for address in stored:
        blob = await open_reader(objects).open(parse_address(address))
        assert sum([len(piece) async for piece in blob.read()]) == blob.size_bytes


def files_id(files: FilesUnderTest, link: str) -> str:
    opened = files.links.open(link.partition("/")[0])
    assert opened is not None
    return opened.id.hex()


async def fetch(files: FilesUnderTest, link: str, data: bytes) -> bool:
    """Return whether a file can be fetched, and then it is what was put."""
    async with files.client.get(files.links.base_url + link) as response:
        if response.status == 200:
            assert await response.read() == data
        else:
            assert response.status == 404
        return response.status == 200


@pytest.mark.parametrize(
    ("call", "numbers"),
    [
        ("fdatasync", range(1, 40, -(-STRIDE // 2))),
        ("fsync", range(1, 30, STRIDE)),
        ("rename", range(1, 6)),
        ("pwrite64", range(3, 120, 4 * STRIDE)),
        ("sendto", range(9, 80, 2 * STRIDE)),
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
