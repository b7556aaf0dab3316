"""A folder that a static web server can serve: files appear whole or not at all, and durably."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

# A disk syncs several files at once in little more than the time of one.
_WRITERS = 8
_PUBLIC = 0o644


class TileFolderError(Exception):
    """The folder is in use, or what it holds is not this log's."""


class TileFolder:
    """The tiles of one log as files; one process at a time writes them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["TileFolder"]:
        """Lock the folder, making it if it is not there; raises TileFolderError and OSError."""
        _make_folder(path)
        lock = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise TileFolderError(f"{path}: another process is writing tiles there") from None
        try:
            yield cls(path)
        finally:
            os.close(lock)

    def read(self, name: str) -> bytes | None:
        """Return a file's content, None when it is not there; raises OSError."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files durably, by their paths in the folder; raises OSError.

        Killed within: some are there, each whole, and drafts (`.new`) that the next writer overwrites.
        """
        targets = {self.path / name: content for name, content in files.items()}
        folders = {target.parent for target in targets}
        for folder in folders:
            _make_folder(folder)
        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(_write_file, targets, targets.values()))
        for folder in folders:
            _sync_folder(folder)

    def remove(self, name: str) -> None:
        """Remove a folder with all in it, if it is there; raises OSError."""
        if (self.path / name).exists():
            shutil.rmtree(self.path / name)


def _write_file(target: Path, content: bytes) -> None:
    draft = target.with_name(target.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PUBLIC), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)


def _make_folder(path: Path) -> None:
    """Make a folder, and those above it, so that they outlast a power failure."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
