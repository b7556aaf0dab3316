"""A follower that is killed at each line of copying or destroying a file: the next one ends with the same."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from components.archive.blobs import directory
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.head import BlobHead
from components.archive.blobs.reader import BlobState
from components.archive.follow import file_copies, referred
from components.follow import files
from tests.support.blobs import content, names, open_reader
from tests.support.file_copying import put
from tests.support.killed import run_killed
from tests.support.rounds import STRIDE
from tests.unit.follow.test_files import Machine

pytestmark = pytest.mark.slow

LINES_OF = [each.__file__ for each in (directory, file_copies, files, referred)]
READING = (
    "_find",
    "count_here",
    "is_kept",
    "read",
    "_read_small",
    "size",
    "_size",
    "list",
    "_scan",
    "do_at_once",
)
SIZE_BYTES = 150_000
# So many lines may be tried; it ends long before.
MOST_LINES = 5000


async def do_at_once(_path: Path, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do what threads do in the one that is watched."""
    return work(*arguments)


def started(work: Callable[[], Coroutine[Any, Any, object]]) -> Callable[[], object]:
    def act() -> object:
        for module in (directory, file_copies):
            setattr(module, "in_thread", do_at_once)  # noqa: B010
        return asyncio.run(work())

    return act


def fresh(prepared: Path, folder: Path) -> Machine:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(prepared, folder)
    return Machine(folder)


async def prepare(root: Path, *, copied: bool) -> tuple[BlobHead, BlobHead]:
    """A site with a file and a copy beside it; `copied`, they are on the machine, and erased at the site since."""
    machine = Machine(root)
    sent = await put(machine.link.root, content(SIZE_BYTES))
    beside = await put(machine.link.root, b"without metadata", sent.address)
    (record,) = await machine.record(sent)
    if copied:
        await machine.run()
        await machine.erase(record)
    return sent, beside


@pytest.mark.parametrize(("copied", "state"), [(False, BlobState.INTACT), (True, BlobState.DESTROYED)])
def test_killed_at_any_line_the_next_start_ends_with_the_same(
    tmp_path: Path, copied: bool, state: BlobState
) -> None:
    heads = asyncio.run(prepare(tmp_path / "prepared", copied=copied))
    wanted = asyncio.run(run_to_end(fresh(tmp_path / "prepared", tmp_path / "machine"), heads, state))
    for at in range(0, MOST_LINES, 2 * STRIDE):
        machine = fresh(tmp_path / "prepared", tmp_path / "machine")
        ended = run_killed(started(machine.run), LINES_OF, at, READING)
        asyncio.run(require_whole_or_none(machine, heads))
        assert asyncio.run(run_to_end(machine, heads, state)) == wanted
        if ended:
            return
    raise AssertionError("it did not end")


async def run_to_end(machine: Machine, heads: tuple[BlobHead, ...], state: BlobState) -> list[str]:
    """Run until there is nothing to do, and return the names of all that is there then."""
    await machine.run()
    assert [await machine.state_of(each) for each in heads] == [state] * len(heads)
    assert machine.counted.faults == []
    return await names(DirectoryObjects(machine.files))


async def require_whole_or_none(machine: Machine, heads: tuple[BlobHead, ...]) -> None:
    """Whoever reads meanwhile finds a file whole, or none."""
    reader = open_reader(DirectoryObjects(machine.files))
    for each in heads:
        checked = await reader.check(each.address)
        assert checked.state in (BlobState.INTACT, BlobState.MISSING, BlobState.DESTROYED), checked
