"""Backups and restores of blobs that are killed at each step: the earlier backup stays, and the next run goes on."""

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.archive.blobs.address import BlobAddress
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.errors import BlobDestroyed
from components.archive.blobs.reader import BlobState
from tests.support.archive import AUDITOR
from tests.support.blob_backup import back_up, check, restore
from tests.support.blobs import content, names, open_reader, open_store, pieces
from tests.support.rounds import STRIDE

ROOT = Path(__file__).parents[2]
COPYING = [sys.executable, "-m", "tests.support.blob_backup"]
FIRST, SECOND = 6, 4
CALLS = [
    ("rename", range(1, 40, STRIDE)),
    ("fsync", range(1, 80, 2 * STRIDE)),
    ("unlink", range(1, 40, STRIDE)),
    ("write", range(1, 80, 3 * STRIDE)),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[BlobAddress]]:
    """A store with six blobs in a backup, of which one was destroyed since, and four more."""
    folder = tmp_path_factory.mktemp("scene")
    return folder, asyncio.run(set_scene(folder))


async def set_scene(folder: Path) -> list[BlobAddress]:
    objects = DirectoryObjects(folder / "files")
    store = open_store(objects)
    put = [(await store.put(pieces(content(50_000, n)), 1)).address for n in range(FIRST)]
    await back_up(objects, folder / "backup")
    await store.destroy(put[0], "order-1")
    return put + [(await store.put(pieces(content(70_000, n)), 1)).address for n in range(SECOND)]


def run_until_killed(act: str, source: Path, target: Path, call: str, number: int) -> bool:
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    command = [
        "strace", "-f", "-qq", "-o", "/dev/null", *inject, *COPYING, act, str(source), str(target),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL), done.stderr.decode()
    return done.returncode != 0


async def require_intact(folder: Path, addresses: list[BlobAddress]) -> None:
    reader = open_reader(DirectoryObjects(folder), AUDITOR)
    for address in addresses:
        assert (await reader.check(address)).state is BlobState.INTACT


@pytest.mark.parametrize(("call", "numbers"), CALLS)
async def test_a_backup_killed_at_each_step(
    call: str, numbers: range, prepared: tuple[Path, list[BlobAddress]], tmp_path: Path
) -> None:
    pristine, addresses = prepared
    kills = 0
    for number in numbers:
        root = Path(shutil.copytree(pristine, tmp_path / str(number)))
        if not run_until_killed("backup", root / "files", root / "backup", call, number):
            break
        kills += 1
        earlier = DirectoryObjects(root / "earlier")
        await restore(root / "backup", earlier)
        await require_intact(root / "earlier", addresses[1:FIRST])
        saved = await back_up(DirectoryObjects(root / "files"), root / "backup")
        assert (saved.blobs, saved.destroyed, saved.problems) == (FIRST - 1 + SECOND, 1, [])
        assert check(root / "backup") == saved.blobs
        assert len(list((root / "backup").glob("blobs/*/*/*"))) == saved.blobs
        await restore(root / "backup", DirectoryObjects(root / "restored"))
        await require_intact(root / "restored", addresses[1:])
        with pytest.raises(BlobDestroyed):
            await open_reader(DirectoryObjects(root / "restored"), AUDITOR).open(addresses[0])
        shutil.rmtree(root)
    assert kills


@pytest.mark.parametrize(("call", "numbers"), CALLS)
async def test_a_restore_killed_at_each_step(
    call: str, numbers: range, prepared: tuple[Path, list[BlobAddress]], tmp_path: Path
) -> None:
    pristine, addresses = prepared
    kills = 0
    for number in numbers:
        root = Path(shutil.copytree(pristine, tmp_path / str(number)))
        if not run_until_killed("restore", root / "backup", root / "restored", call, number):
            break
        kills += 1
        objects = DirectoryObjects(root / "restored")
        await restore(root / "backup", objects)
        await require_intact(root / "restored", addresses[:FIRST])
        data = [name for name in await names(objects) if name.startswith("data/")]
        assert len(data) == FIRST
        shutil.rmtree(root)
    assert kills or call == "unlink"
