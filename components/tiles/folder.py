"""A folder that a static web server can serve: files appear whole or not at all, and durably."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from components.archive.durable import make_folder, sync_folder, write_whole
from components.process.errors import SiteError

# A disk syncs several files at once in little more than the time of one.
_WRITERS = 8


class TileFolderError(SiteError):
    """The folder is in use, or its content does not belong to this log."""


class TileFolder:
    """The tiles of one log as files; one process at a time writes them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["TileFolder"]:
        """Lock the folder, and make it if it is missing; raises TileFolderError and OSError."""
        make_folder(path)
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
        """Return a file's content, None if there is no file; raises OSError."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files durably, by their paths in the folder; raises OSError.

        Killed meanwhile: some files are there, each of them whole, and drafts (`.new`) that the next writer
        overwrites.
        """
        targets = {self.path / name: content for name, content in files.items()}
        folders = {target.parent for target in targets}
        for folder in folders:
            make_folder(folder)
        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(write_whole, targets, targets.values()))
        for folder in folders:
            sync_folder(folder)

    def remove(self, name: str) -> None:
        """Remove a folder and its content, if it exists; raises OSError."""
        if (self.path / name).exists():
            shutil.rmtree(self.path / name)
