"""Orders that are interrupted: at every commit and every sync, really and as if, and each is carried out in the end."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.archive.orders import pieces
from components.archive.orders.order import OrderAct
from components.archive.orders.request import OrderAnswer, parse_answer
from components.archive.store import Change
from components.archive.store.sqlite import SqliteStore
from components.archive.store.sqlite_source import SqliteSource
from components.archive.writer import LogWriter
from tests.support.archive import RECIPIENTS, SIGNER, copy_log
from tests.support.orders import NOW_NS, Examined, examine, make_executor, make_request, secrets_of, submit
from tests.support.retention_worker import PIECE_RECORDS, Scene, set_scene
from tests.support.rounds import STRIDE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scene, Examined]:
    path = tmp_path_factory.mktemp("scene") / "gate.db"
    scene = asyncio.run(set_scene(path))
    return path, scene, asyncio.run(examine(path))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MAX_PIECE_RECORDS", PIECE_RECORDS)


async def answers(path: Path) -> dict[str, OrderAnswer]:
    source = await SqliteSource.open(path)
    rows = await source.fetch_requests()
    await source.close()
    return {row.id: parse_answer(row.answer) for row in rows if row.answer}


async def check_on_the_way(path: Path, scene: Scene) -> None:
    """Whatever happened: the log proves, what is not ordered away is readable, what is gone has its tombstone."""
    found = await examine(path, scene.gone)
    assert {index: found.payloads[index] for index in scene.kept} == {i: scene.said[i] for i in scene.kept}
    for index in scene.gone:
        assert found.payloads[index] in (scene.said[index], None)


async def check_in_the_end(path: Path, scene: Scene, before: Examined) -> None:
    await check_on_the_way(path, scene)
    found = await examine(path)
    assert set(found.segment_of) - set(found.stored) == scene.gone
    assert {id_: answer.ok for id_, answer in (await answers(path)).items()} == {
        "h1": True,
        "e1": True,
        "x1": True,
        "x2": False,
        "r1": True,
    }
    ids = [line for order in found.orders for line in order.splitlines() if line.startswith("id ")]
    assert ids == ["id h1", "id e1", "id x1", "id r1"]  # each once, and not the one that the hold forbids
    for secret in [*secrets_of(before, scene.gone, [1, 2]), b"for a test"]:
        assert secret in before.files
        assert secret not in found.files


class FaultyStore(SqliteStore):
    """A store of which one commit or purge, counted from 1, fails, before it did anything or after it did all."""

    failing = 0
    after = False
    count = 0

    async def commit(self, change: Change) -> None:
        self.count += 1
        if self.count == self.failing and not self.after:
            raise LogUnavailable("failed before anything was written")
        await super().commit(change)
        if self.count == self.failing:
            raise LogUnavailable("the answer was lost")

    async def purge(self, *, requests_only: bool = False) -> None:
        self.count += 1
        if self.count == self.failing and not self.after:
            raise LogUnavailable("nothing was purged")
        await super().purge(requests_only=requests_only)
        if self.count == self.failing:
            raise LogUnavailable("the answer was lost")


async def run_with_fault(path: Path, failing: int, *, after: bool, restart: bool) -> int:
    """Carry out what waits, with one fault; then go on, with the same writer or the next; gives how much there was."""
    store = await FaultyStore.open(path)
    times = iter(range(NOW_NS, NOW_NS + 10**6))
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS, lambda: next(times))
    source = await SqliteSource.open(path)
    executor = make_executor(writer, source)
    store.failing, store.after, store.count = failing, after, 0
    for _ in range(3):
        try:
            await executor.serve()
        except LogUnavailable:
            if not restart:
                continue
            # The process is gone as if killed: nothing more is written, and its lock is free.
            await store.close()
            store = await FaultyStore.open(path)
            writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS, lambda: next(times))
            executor = make_executor(writer, source)
    count, store.failing = store.count, 0
    await source.close()
    await writer.close()
    return count


@pytest.mark.parametrize("restart", [False, True], ids=["same writer", "next writer"])
@pytest.mark.parametrize("after", [False, True], ids=["nothing was kept", "all was kept"])
async def test_every_commit_and_purge_fails(
    after: bool, restart: bool, prepared: tuple[Path, Scene, Examined], tmp_path: Path
) -> None:
    pristine, scene, before = prepared
    copies: Iterator[Path] = (copy_log(pristine, tmp_path / f"{number}.db") for number in range(100))
    total = await run_with_fault(next(copies), 0, after=after, restart=restart)
    assert total > 15
    for failing in range(1, total + 1):
        path = next(copies)
        await run_with_fault(path, failing, after=after, restart=restart)
        await check_in_the_end(path, scene, before)


def carry_out_until_killed(path: Path, call: str, number: int) -> bool:
    """Run a process that is killed where a thread makes its `number`th such system call; False when it ended before."""
    kill = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    worker = [sys.executable, "-m", "tests.support.retention_worker", str(path)]
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(path.with_suffix(".calls")), *kill, *worker],
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL)
    return done.returncode != 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "step", "least"),
    [
        ("fdatasync", STRIDE, 3),  # each commit
        ("pwrite64", 5 * STRIDE, 2),  # within commits, and where the log's pages are copied back
        ("ftruncate", 1, 1),  # where the write-ahead log is emptied
    ],
)
async def test_killed_at_every_call(
    call: str, step: int, least: int, prepared: tuple[Path, Scene, Examined], tmp_path: Path
) -> None:
    pristine, scene, before = prepared
    kills = 0
    for number in range(1, 2000, step):
        path = copy_log(pristine, tmp_path / f"{number}.db")
        killed = carry_out_until_killed(path, call, number)
        await check_on_the_way(path, scene)
        if killed:
            kills += 1
            assert not carry_out_until_killed(path, call, 9999)
        await check_in_the_end(path, scene, before)
        if not killed:
            break
    assert kills >= least


async def test_a_hold_that_comes_while_an_expiry_is_left_beats_it(
    prepared: tuple[Path, Scene, Examined], tmp_path: Path
) -> None:
    """An expiry is recorded, its writer dies, and its request is lost; the next writer goes on, unless a hold came."""
    path = copy_log(prepared[0], tmp_path / "gate.db")
    await run_with_fault(path, 0, after=False, restart=False)  # what waits in the scene
    store = await FaultyStore.open(path)
    times = iter(range(NOW_NS, NOW_NS + 10**6))
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS, lambda: next(times))
    expiry = make_request(OrderAct.EXPIRE, "x3", segments=(1,))
    await writer.record_order(expiry.order.encode(), expiry.details)
    hold = make_request(OrderAct.HOLD, "h2", segments=(1,))
    await writer.record_order(hold.order.encode(), hold.details)
    source = await SqliteSource.open(path)
    (outcome,) = await make_executor(writer, source).serve()
    assert (outcome.id, outcome.answer.ok, outcome.answer.lines) == (
        "x3",
        False,
        ("segment 1 is under hold h2",),
    )
    await submit(path, make_request(OrderAct.RELEASE, "r2", hold="h2"))
    executor = make_executor(writer, source)
    assert {outcome.id: outcome.answer.ok for outcome in await executor.serve()} == {"x3": False, "r2": True}
    (outcome,) = await make_executor(writer, source).serve()
    assert (outcome.id, outcome.answer.ok) == ("x3", True)
    await source.close()
    await writer.close()
    found = await examine(path)
    assert all(found.payloads[index] is None for index in found.indexes_of(1))
