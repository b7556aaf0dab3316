"""Files whose destruction is killed at each step: never gone before their record, and gone after the next start."""

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.archive.blobs.address import parse_address
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.head import BlobTombstone
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.transfer.state import UploadStore
from tests.support.blobs import names, open_reader, open_store
from tests.support.file_destroyer import CONTENTS, destroy, set_scene
from tests.support.rounds import STRIDE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    root = tmp_path_factory.mktemp("scene")
    return root, asyncio.run(set_scene(root))


def destroy_until_killed(root: Path, call: str, number: int) -> bool:
    """Let the process die when it makes this system call for the `number`th time; tells whether it came so far."""
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    worker = [sys.executable, "-m", "tests.support.file_destroyer", str(root)]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", *inject, *worker]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL), done.stderr.decode()
    return done.returncode != 0


async def read(root: Path, address: str) -> bytes:
    blob = await open_reader(DirectoryObjects(root / "files")).open(parse_address(address))
    return b"".join([piece async for piece in blob.read()])


async def records_there(root: Path, address: str) -> int:
    """Count the records of a blob that are not destroyed."""
    reader = await LogReader.open(root / "transfer.db")
    bounds = await reader.source.fetch_bounds()
    assert bounds is not None
    stored = await reader.fetch(0, bounds[1] + 1)
    await reader.close()
    mark = parse_address(address).mark
    files = [each for each in stored if each.leaf.kind == RecordKind.FILE]
    return sum(each.leaf.conversation == mark and each.payload is not None for each in files)


async def require_safe(root: Path, addresses: dict[str, str]) -> None:
    """Require that what a record refers to can be read."""
    for name, data in CONTENTS.items():
        if await records_there(root, addresses[name]):
            assert await read(root, addresses[name]) == data


async def require_done(root: Path, addresses: dict[str, str]) -> None:
    """Require that all that was ordered is gone, and nothing else."""
    objects = DirectoryObjects(root / "files")
    entry = await open_store(objects).find(parse_address(addresses["gone"]))
    assert isinstance(entry, BlobTombstone)
    assert entry.order == "e1"
    assert len([name for name in await names(objects) if name.startswith("data/")]) == 2
    assert await records_there(root, addresses["gone"]) == 0
    assert await records_there(root, addresses["shared"]) == 1
    for name in ("kept", "shared"):
        assert await read(root, addresses[name]) == CONTENTS[name]
    uploads = await UploadStore.open(root / "state.db")
    left = [await uploads.find(bytes([number]) * 16) is not None for number in (1, 2, 3, 4)]
    assert left == [True, False, True, False]
    assert await uploads.list_finished() == {"e1"}
    await uploads.close()


@pytest.mark.parametrize(
    ("call", "numbers"),
    [
        ("fdatasync", range(1, 60, STRIDE)),
        ("fsync", range(1, 20)),
        ("rename", range(1, 6)),
        ("unlink", range(1, 12)),
        ("pwrite64", range(1, 120, 4 * STRIDE)),
    ],
)
async def test_killed_at_each_step(
    call: str, numbers: range, prepared: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    pristine, addresses = prepared
    kills = 0
    for number in numbers:
        root = Path(shutil.copytree(pristine, tmp_path / str(number)))
        if not destroy_until_killed(root, call, number):
            break
        kills += 1
        await require_safe(root, addresses)
        await destroy(root)
        await require_done(root, addresses)
        shutil.rmtree(root)
    assert kills


async def test_undisturbed(prepared: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    pristine, addresses = prepared
    root = Path(shutil.copytree(pristine, tmp_path / "site"))
    await destroy(root)
    await require_done(root, addresses)
