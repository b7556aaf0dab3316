"""Small files are whole or not there, and an error says which file it is about."""

import errno
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from components.archive.backup.folder import open_backup
from components.archive.durable import errors_named, replace_durably
from components.cli.errors import explain_error


def refuse(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def piece() -> AsyncIterator[bytes]:
    yield b"data"


def test_a_disk_that_is_full_is_named_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings"
    replace_durably(file, b"old")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left") as caught:
        replace_durably(file, b"new")
    assert caught.value.filename == f"{file}.new"
    assert explain_error(caught.value) == [f"steelyard: {file}.new: no space left on device"]
    monkeypatch.undo()
    assert file.read_bytes() == b"old"
    replace_durably(file, b"new")
    assert file.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["settings"]


async def test_so_is_that_of_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_backup(tmp_path / "backup", make=True) as folder:
        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="No space left") as caught:
            await folder.put_large("blobs/one", piece(), "0" * 64)
    assert str(caught.value.filename).startswith(str(tmp_path / "backup" / "blobs" / "one"))


@pytest.mark.parametrize(
    ("act", "named"),
    [
        (lambda: Path("/proc/none").read_bytes(), "/proc/none"),
        (refuse, "/what/is/written"),
    ],
)
def test_an_error_that_names_its_own_file_keeps_it(act: Callable[[], object], named: str) -> None:
    with (
        pytest.raises(OSError, match=os.strerror(errno.ENOENT) + "|No space") as caught,
        errors_named(Path("/what/is/written")),
    ):
        act()
    assert caught.value.filename == named
