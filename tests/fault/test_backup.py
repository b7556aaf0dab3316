"""Backups, restores and moves that are killed, or whose disk fails or is full: what was whole before stays whole."""

import asyncio
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.archive.backup.folder import open_backup
from components.archive.backup.saved_log import SavedLog, check_saved
from components.archive.errors import LogDamaged
from components.archive.log.note import encode_verifier_key
from components.archive.store import Change, Destruction
from components.archive.store.open import StoreName, open_source, open_store
from components.verifier.log import verify_log
from tests.support.copying import no_progress
from tests.support.postgres import PostgresServer
from tests.support.rounds import ROUNDS, STRIDE, chance
from tests.support.stores import START_NS, VERIFIER_KEY, entries, open_log, ticking, write_batches

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
VKEY = encode_verifier_key(VERIFIER_KEY)
COPYING = [sys.executable, "-m", "tests.support.copying"]
BATCHES = (10, 300, 4000, 3000)
CALLS = ("rename", "unlink", "fsync")
WRITES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 9000, 20000)


def run(*arguments: str | Path, before: tuple[str | Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*before, *COPYING, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=120)


def strace(tmp_path: Path, inject: str) -> tuple[str | Path, ...]:
    calls = inject.split("=", 1)[1].partition(":")[0]
    return "strace", "-f", "-qq", "-o", tmp_path / "calls", "-e", f"trace={calls}", "-e", inject


def run_and_kill(life_s: float, *arguments: str | Path) -> bool:
    """Tell whether it had done it."""
    with subprocess.Popen(
        [*COPYING, *map(str, arguments)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(life_s)
        process.kill()
        return "done" in process.stdout.read()


async def contents(name: StoreName) -> list[object]:
    source = await open_source(name)
    rows: list[object] = [await source.fetch_meta(), await source.fetch_rows(0, 2**40)]
    rows += [await source.fetch_segments(), await source.fetch_checkpoints_after(-1, 10**6)]
    await source.close()
    return rows


async def saved_records(path: Path) -> int:
    """Verify the whole backup, and count its records."""
    with open_backup(path) as folder:
        for name in folder.sums:
            folder.read(name)
        log = SavedLog.of(folder, "gate")
        await check_saved(log, VERIFIER_KEY, no_progress)
        return log.outline.records


def holds(path: Path, part: bytes) -> bool:
    return any(part in file.read_bytes() for file in path.rglob("*") if file.is_file())


def files_in(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


class Scene:
    """A log, a backup of an earlier state of it, and a payload that was destroyed since."""

    def __init__(self, folder: Path) -> None:
        self.log, self.backup = folder / "gate.db", folder / "backup"
        self.records: tuple[int, int] = (0, 0)
        self.destroyed = b""

    async def make(self) -> None:
        await write_batches(self.log, BATCHES)
        assert run("backup", self.log, self.backup).stdout == "ready\ndone\n"
        before = await saved_records(self.backup)
        writer = await open_log(self.log, ticking(START_NS + 10**14))
        await writer.append(entries(writer.size, 2000))
        await writer.close()
        store = await open_store(self.log)
        await store.take_lease()
        self.destroyed = (await store.fetch_rows(1, 2))[0].payload or b""
        await store.commit(Change(destroyed=[Destruction(1, range(1, 11), None)]))
        bounds = await store.fetch_bounds()
        await store.close()
        assert bounds
        self.records = before, bounds[1] + 1

    def copy(self, folder: Path) -> Path:
        return Path(shutil.copytree(self.backup, folder))

    async def require_finished(self, backup: Path) -> None:
        """Run once more, and see that all is as if nothing had happened."""
        done = run("backup", self.log, backup)
        assert done.stdout == "ready\ndone\n"
        assert await saved_records(backup) == self.records[1]
        assert not holds(backup, self.destroyed)
        with open_backup(backup) as folder:
            assert files_in(backup) == {*folder.sums, "SHA256SUMS", "steelyard-backup"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene = Scene(tmp_path_factory.mktemp("scene"))
    asyncio.run(scene.make())
    assert holds(scene.backup, scene.destroyed)
    return scene


@pytest.mark.parametrize("call", CALLS)
async def test_a_backup_killed_at_each_step_leaves_the_one_before_or_the_new_one(
    scene: Scene, tmp_path: Path, call: str
) -> None:
    """At each call that makes something durable, puts it in place or deletes it."""
    found: list[int] = []
    done, when = "", 1
    while "done" not in done:
        backup = scene.copy(tmp_path / f"{when}")
        inject = f"inject={call}:signal=KILL:when={when}"
        done = run("backup", scene.log, backup, before=strace(tmp_path, inject)).stdout
        found.append(await saved_records(backup))
        await scene.require_finished(backup)
        shutil.rmtree(backup)
        when += -(-STRIDE // 2)
    assert found == sorted(found)
    assert set(found) <= set(scene.records)
    assert when > 5
    assert call == "unlink" or found[0] == scene.records[0]


@pytest.mark.parametrize("call", CALLS)
async def test_a_first_backup_killed_at_each_step(scene: Scene, tmp_path: Path, call: str) -> None:
    done, when = "", 1
    while "done" not in done:
        backup = tmp_path / f"{when}"
        inject = f"inject={call}:signal=KILL:when={when}"
        done = run("backup", scene.log, backup, before=strace(tmp_path, inject)).stdout
        await scene.require_finished(backup)
        when += 3 * STRIDE


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(
    ("call", "when"),
    [("fsync", "1"), ("fsync", "5+3"), ("fsync", "12..30"), ("rename", "1"), ("rename", "3..9")],
)
async def test_a_backup_whose_disk_fails_says_so(
    scene: Scene, tmp_path: Path, call: str, when: str, error: str
) -> None:
    backup = scene.copy(tmp_path / "backup")
    inject = f"inject={call}:error={error}:when={when}"
    done = run("backup", scene.log, backup, before=strace(tmp_path, inject))
    assert "(INJECTED)" in (tmp_path / "calls").read_text()
    assert (done.returncode, "failed: " in done.stdout) == (1, True)
    assert await saved_records(backup) in scene.records
    await scene.require_finished(backup)


def test_a_disk_that_is_full(scene: Scene, tmp_path: Path) -> None:
    """In a mount namespace of its own, which ends with it: what does not fit at first fits then."""
    full, ballast = tmp_path / "full", tmp_path / "full" / "ballast"
    full.mkdir()
    for act, source, target in (
        ("backup", scene.log, full / "backup"),
        ("restore", scene.backup, full / "gate.db"),
        ("move", scene.log, full / "gate.db"),
    ):
        command = " ".join([*COPYING, act, f"'{source}'", f"'{target}'"])
        script = (
            f"mount -t tmpfs -o size=8m none '{full}' && head -c 7900000 /dev/zero >'{ballast}' || exit 9;"
            f"{command}; echo status $?; rm '{ballast}'; {command}; echo status $?"
        )
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=120,
        )
        lines = done.stdout.splitlines()
        assert lines[0] == "ready", done.stderr
        assert "failed: " in lines[1]
        assert "space" in lines[1] or "full" in lines[1]
        assert lines[2:] == ["status 1", "ready", "done", "status 0"], done.stderr


@pytest.mark.parametrize("act", ["move", "restore"])
async def test_a_copy_killed_at_each_step_is_no_log_until_it_is_whole(
    scene: Scene, tmp_path: Path, act: str
) -> None:
    """At more and more writes to the target; the copy goes on with what there is."""
    log = tmp_path / "source" / "gate.db"
    log.parent.mkdir()
    shutil.copy(scene.log, log)
    source = log
    if act == "restore":
        source = tmp_path / "backup"
        run("backup", log, source)
    before, target = await contents(log), tmp_path / "gate.db"
    unfinished = 0
    for when in WRITES[:: -(-STRIDE // 2)]:
        inject = f"inject=pwrite64,fdatasync,ftruncate:signal=KILL:when={when}"
        done = run(act, source, target, before=strace(tmp_path, inject))
        if "done" in done.stdout:
            break
        if await is_log(target):
            break  # killed when it was whole, before it could say so
        unfinished += 1
    assert unfinished > 4
    assert run(act, source, target).returncode == 0 or act == "restore"
    assert await contents(target) == before
    assert verify_log(target, VKEY).problems == verify_log(log, VKEY).problems
    assert await contents(log) == before


async def is_log(name: StoreName) -> bool:
    """Tell whether a writer takes it for a log; a store that nothing was written to yet is none, either."""
    store = await open_store(name)
    made = bool(await store.fetch_meta())
    await store.close()
    if not made:
        return False
    try:
        writer = await open_log(name, ticking(START_NS * 2))
    except LogDamaged as error:
        assert "unfinished copy" in str(error)
        return False
    await writer.close()
    return True


@pytest.mark.fuzz
@pytest.mark.parametrize("way", ["to postgres", "from postgres"])
async def test_a_move_killed_at_random_moments(
    scene: Scene, tmp_path: Path, postgres_server: PostgresServer, way: str
) -> None:
    url, lives = f"{postgres_server.make_database()}#gate", chance("moves")
    log = tmp_path / "source" / "gate.db"
    log.parent.mkdir()
    shutil.copy(scene.log, log)
    source: StoreName = log
    target: StoreName = url
    if way == "from postgres":
        assert run("move", log, url).returncode == 0
        source, target = url, tmp_path / "gate.db"
    before = await contents(source)
    for _ in range(2 * ROUNDS):
        run_and_kill(lives.uniform(0, 0.3), "move", source, target)
        assert await contents(source) == before
    assert run("move", source, target).stdout == "ready\ndone\n"
    assert await contents(target) == before
    assert await is_log(target)
