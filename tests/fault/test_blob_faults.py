"""Blobs across kill -9, disks that fail and disks that are full: what was promised is there, and nothing else stays."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.archive.blobs.address import parse_address
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.objects import ObjectStore
from components.archive.blobs.reader import BlobState
from components.archive.blobs.sweep import sweep
from tests.support.blob_writer import data_of
from tests.support.blobs import DAY_S, files, names, open_reader, open_store
from tests.support.rounds import chance
from tests.support.s3_server import S3Server

ROOT = Path(__file__).parents[2]
WRITER = [sys.executable, "-m", "tests.support.blob_writer"]


def run_until_killed(place: str, lines: int, pause_s: float) -> dict[int, str]:
    """Let it put so many blobs, and a moment later kill it; gives what it had promised."""
    promised = {}
    with subprocess.Popen([*WRITER, place], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            promised[said["number"]] = said["address"]
            if len(promised) == lines:
                time.sleep(pause_s)
                process.kill()
                break
        for line in process.stdout:  # what it still said
            if line.endswith(b"\n"):
                said = json.loads(line)
                promised[said["number"]] = said["address"]
    return promised


async def require_all(objects: ObjectStore, promised: dict[int, str]) -> None:
    """Read all that was promised; then sweep, and see that nothing is left that no blob needs."""
    reader, store = open_reader(objects), open_store(objects)
    for number, address in promised.items():
        blob = await reader.open(parse_address(address))
        assert b"".join([piece async for piece in blob.read()]) == data_of(number)
    swept = await sweep(objects, time.time() + 2 * DAY_S)
    assert swept.doubtful == ()
    listed = [address async for address in store.list()]
    assert {str(address) for address in listed} >= set(promised.values())
    assert len(listed) <= len(promised) + 1  # one may have been killed between its head and its word
    for kept in listed:
        assert (await reader.check(kept)).state is BlobState.INTACT
    data = {(await store.find(address)).data for address in listed}
    heads = {address.head_name for address in listed}
    assert set(await names(objects)) == data | heads


@pytest.mark.fuzz
@pytest.mark.parametrize("round_", range(8))
async def test_killed_in_a_directory(round_: int, tmp_path: Path) -> None:
    pick = chance(f"directory {round_}")
    place = tmp_path / "blobs"
    lines, pause_s = pick.randint(1, 9), pick.random() * 0.05
    promised = await asyncio.to_thread(run_until_killed, str(place), lines, pause_s)
    assert len(promised) >= 1
    await require_all(DirectoryObjects(place), promised)


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.mark.fuzz
@pytest.mark.parametrize("round_", range(4))
async def test_killed_in_s3(round_: int, s3_server: S3Server) -> None:
    pick = chance(f"s3 {round_}")
    place = f"{s3_server.endpoint}|killed-{round_}"
    lines, pause_s = pick.randint(1, 9), pick.random() * 0.05
    promised = await asyncio.to_thread(run_until_killed, place, lines, pause_s)
    await require_all(s3_server.objects(f"killed-{round_}"), promised)


def run(command: list[str]) -> tuple[dict[int, str], list[str]]:
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    said = [json.loads(line) for line in done.stdout.splitlines()]
    promised = {each["number"]: each["address"] for each in said if "number" in each}
    return promised, [each["failed"] for each in said if "failed" in each]


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(
    ("call", "when"),
    [
        ("fsync", "5"),
        ("fsync", "3+13"),
        ("fsync", "8+7"),
        ("rename", "1+3"),
        ("rename", "2+5"),
        ("mkdir", "2..4"),
    ],
)
async def test_what_the_kernel_refuses(call: str, when: str, error: str, tmp_path: Path) -> None:
    place = tmp_path / "blobs"
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}"]
    command = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls"), *inject, *WRITER, str(place), "25"]
    promised, failures = await asyncio.to_thread(run, command)
    assert "(INJECTED)" in (tmp_path / "calls").read_text()
    assert failures
    assert len(promised) == 25
    await require_all(DirectoryObjects(place), promised)


def test_a_file_system_that_is_full_and_has_room_again(tmp_path: Path) -> None:
    """In a mount namespace of its own, which ends with it; what is left there is counted within."""
    script = (
        f"mount -t tmpfs -o size=24m none '{tmp_path}'"
        f" && head -c 16000000 /dev/zero >'{tmp_path}/ballast'"
        f" && {' '.join(WRITER)} '{tmp_path}/blobs' 20"
        f" && test ! -e '{tmp_path}/ballast' && test -z \"$(ls -A '{tmp_path}/blobs/incoming')\""
    )
    promised, failures = run(["unshare", "--map-root-user", "--mount", "sh", "-c", script])
    assert failures
    assert all("the disk is full" in failure for failure in failures)
    assert len(promised) == 20
    assert files(tmp_path) == []
