"""A log's files are removed, moved or exchanged under its writer: nothing more is told as recorded."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.last_signed import LastSigned
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import LogWriter
from tests.support.archive import RECIPIENTS, SIGNER
from tests.support.failing_log import BEFORE, batch
from tests.support.faulty_store import FaultyStore, always


def remove(*endings: str) -> Callable[[Path], None]:
    def act(log: Path) -> None:
        for ending in endings:
            Path(f"{log}{ending}").unlink()

    return act


def move(log: Path) -> None:
    log.rename(log.with_name("moved.db"))


def replace_by_a_copy(log: Path) -> None:
    """As an editor saves, or `cp` and `mv` do: the same bytes, in another file."""
    copy = Path(shutil.copy(log, log.with_name("copy")))
    copy.replace(log)


def restore_over(log: Path) -> None:
    for file in log.parent.glob(f"{log.name}-*"):
        file.unlink()
    replace_by_a_copy(log)


def move_its_folder(log: Path) -> None:
    log.parent.rename(log.parent.with_name("moved"))


ACTS: dict[str, Callable[[Path], None]] = {
    "all removed": remove("", "-wal", "-shm"),
    "database removed": remove(""),
    "write-ahead log removed": remove("-wal"),
    "moved": move,
    "replaced by a copy": replace_by_a_copy,
    "restored over": restore_over,
    "folder moved": move_its_folder,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be time between any two commits."""
    monkeypatch.setattr("components.archive.store.open_files._NOT_AGAIN_BEFORE_S", 0.0)


async def open_writer(folder: Path, last: Path) -> LogWriter:
    store = await SqliteStore.open(folder / "gate.db")
    return await LogWriter.open_on(store, SIGNER, RECIPIENTS, last_signed=LastSigned(last))


@pytest.mark.parametrize("act", ACTS)
async def test_the_next_append_is_not_told_as_recorded(act: str, folder: Path, tmp_path: Path) -> None:
    last = tmp_path / "log.last"
    writer = await open_writer(folder, last)
    await writer.append(batch(0, BEFORE))
    await writer.sign()
    size, note = writer.size, last.read_bytes()
    ACTS[act](folder / "gate.db")
    for _ in range(2):
        with pytest.raises(LogDamaged, match="was removed, moved or exchanged"):
            await writer.append(batch(BEFORE, 3))
        with pytest.raises(LogDamaged):
            await writer.recover()
    assert writer.size == size
    await writer.close()  # lets go of it, and writes nothing
    assert last.read_bytes() == note


@pytest.mark.parametrize("act", [*ACTS, "index removed"])
async def test_a_writer_that_has_nothing_to_write_notices_it(act: str, folder: Path, tmp_path: Path) -> None:
    last = tmp_path / "log.last"
    writer = await open_writer(folder, last)
    await writer.append(batch(0, BEFORE))
    await writer.maintain()
    note = last.read_bytes() if last.exists() else b""
    (ACTS | {"index removed": remove("-shm")})[act](folder / "gate.db")
    with pytest.raises(LogDamaged, match="was removed, moved or exchanged"):
        await writer.maintain()
    with pytest.raises(LogDamaged, match="was removed, moved or exchanged"):
        await writer.close()  # a checkpoint of what nobody reads again is not kept, either
    assert (last.read_bytes() if last.exists() else b"") == note


async def test_a_log_of_the_same_records_is_not_taken_up_in_doubt(
    store: FaultyStore, writer: LogWriter, log: Path
) -> None:
    """After a commit that failed, the store is opened anew: by a name that is another file's by now."""
    store.fail_before = always
    with pytest.raises(LogUnavailable):
        await writer.append(batch(BEFORE, 3))
    store.heal()
    restore_over(log)
    for _ in range(2):
        with pytest.raises(LogDamaged, match="was removed, moved or exchanged"):
            await writer.append(batch(BEFORE, 3))


async def test_a_folder_that_cannot_be_looked_at_for_a_while(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await open_writer(folder, tmp_path / "log.last")
    await writer.append(batch(0, BEFORE))

    def fail(_file: Path, **_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("components.archive.store.open_files.Path.stat", fail)
        with pytest.raises(LogUnavailable, match="cannot be looked at"):
            await writer.append(batch(BEFORE, 3))
    await writer.append(batch(BEFORE + 3, 3))
    await writer.close()


async def test_between_two_commits_of_a_busy_line_nobody_looks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await open_writer(folder, tmp_path / "log.last")
    await writer.append(batch(0, 3))
    now_s = time.monotonic()
    monkeypatch.setattr("components.archive.store.open_files._NOT_AGAIN_BEFORE_S", 60.0)
    await writer.maintain()
    remove("")(folder / "gate.db")
    await writer.append(batch(3, 3))
    monkeypatch.setattr("components.archive.store.open_files.time.monotonic", lambda: now_s + 61)
    with pytest.raises(LogDamaged):
        await writer.append(batch(6, 3))
    await writer.close()
