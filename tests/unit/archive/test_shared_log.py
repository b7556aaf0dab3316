"""Where each process is a user of its own, auditors' processes read a log as members of its folder's group."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.archive.durable import make_folder_alike, may_group_read
from components.archive.store.sqlite import SqliteStore


def set_mode(folder: Path, mode: int) -> None:
    folder.chmod(mode)


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize(
    ("folder", "database"), [(0o700, 0o600), (0o750, 0o640), (0o755, 0o600), (0o740, 0o600)]
)
async def test_a_database_is_the_groups_to_read_if_its_folder_is(
    folder: int, database: int, tmp_path: Path
) -> None:
    set_mode(tmp_path, folder)
    assert may_group_read(tmp_path) is (database == 0o640)
    store = await SqliteStore.open(tmp_path / "gate.db")
    try:
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in os.scandir(tmp_path)}
    finally:
        await store.close()
    # What SQLite makes beside it has the same mode; who holds the log is nobody else's to change or to know.
    assert modes.pop("gate.db.lock") == 0o600
    assert set(modes.values()) == {database}


@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize(("above", "made"), [(0o700, 0o700), (0o750, 0o750), (0o755, 0o700), (0o770, 0o750)])
def test_folders_are_as_the_one_that_they_are_in(above: int, made: int, tmp_path: Path) -> None:
    tmp_path.chmod(above)
    deep = tmp_path / "a" / "b"
    make_folder_alike(deep)
    make_folder_alike(deep)
    assert {stat.S_IMODE(each.stat().st_mode) for each in (deep, deep.parent)} == {made}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == above
