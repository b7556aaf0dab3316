"""The folder of a backup: whole files that are never changed, and a list of them that is replaced at the end.

Files are named after their content, so a run that is interrupted at any moment leaves the earlier backup.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from components.archive.backup import CopyError
from components.archive.durable import (
    PRIVATE,
    PRIVATE_FOLDER,
    make_folder,
    replace_durably,
    sync_folder,
    write_whole,
)

MARKER = "steelyard-backup"
SUMS = "SHA256SUMS"

_MARK = b"A backup made by `steelyard backup`; `sha256sum -c SHA256SUMS` checks that its files are whole.\n"
_DIGITS = 16
_NAMED = re.compile(rf".+-[0-9a-f]{{{_DIGITS}}}\.[a-z]+(\.new)?")


class BackupFolder:
    """One backup. `sums` are the files of the last complete one, with their SHA-256 in hex."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sums: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._next: dict[str, str] = {}
        self._touched: set[Path] = set()

    def find(self, prefix: str) -> list[str]:
        """Return the files of the last complete backup whose names begin so, in order."""
        return sorted(name for name in self.sums if name.startswith(prefix))

    def find_one(self, prefix: str) -> str:
        """Return the one file of the last complete backup whose name begins so; raises CopyError."""
        names = self.find(prefix)
        if len(names) != 1:
            raise CopyError(f"{self.path / prefix}: there are {len(names)} such files in the backup, not one")
        return names[0]

    def read(self, name: str) -> bytes:
        """Read a file of the last complete backup, or written since; raises CopyError when it is another now."""
        return self._read(name, self._written.get(name) or self.sums[name])

    def put(self, stem: str, ending: str, content: bytes) -> str:
        """Write a file durably, read it back from the disk, and return its name; `keep` puts it into the backup."""
        digest = sha256(content).hexdigest()
        name = f"{stem}-{digest[:_DIGITS]}.{ending}"
        path = self.path / name
        if not path.exists():
            self._make_folder(path.parent)
            write_whole(path, content, PRIVATE)
            self._touched.add(path.parent)
        self._read(name, digest)
        self._written[name] = digest
        return name

    def keep(self, name: str) -> None:
        """Put a file, written now or in the last complete backup, into the next backup."""
        self._next[name] = self._written.get(name) or self.sums[name]

    def complete(self) -> None:
        """Make the next backup the complete one, durably, and delete the files that it does not have."""
        for folder in sorted(self._touched):
            sync_folder(folder)
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._next.items()))
        # Killed before this: the earlier backup is there, and files that the next run deletes. Killed after: the new
        # one.
        replace_durably(self.path / SUMS, lines.encode(), PRIVATE)
        self.sums, self._next, self._written = self._next, {}, {}
        self.sweep()

    def sweep(self) -> None:
        """Delete files of ours that are not in the last complete backup."""
        for file in self.path.rglob("*"):
            name = file.relative_to(self.path).as_posix()
            if name not in self.sums and _NAMED.fullmatch(file.name) and file.is_file():
                file.unlink()
                self._touched.add(file.parent)
        for folder in self._touched:
            sync_folder(folder)
        self._touched.clear()

    def load(self) -> None:
        """Read the list of files; raises CopyError."""
        try:
            lines = (self.path / SUMS).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return
        pairs = [line.partition("  ") for line in lines]
        if any(len(digest) != 64 or not name or ".." in name.split("/") for digest, _, name in pairs):
            raise CopyError(f"{self.path / SUMS}: not a list of files; is it a backup?")
        self.sums = {name: digest for digest, _, name in pairs}

    def _read(self, name: str, digest: str) -> bytes:
        path = self.path / name
        try:
            with path.open("rb") as file:
                # From the disk, not from memory: the newly written pages are synced by now.
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                content = file.read()
        except FileNotFoundError:
            raise CopyError(f"{path}: is missing from the backup") from None
        if sha256(content).hexdigest() != digest:
            raise CopyError(f"{path}: is not what was written (SHA-256); use another copy of the backup")
        return content

    def _make_folder(self, folder: Path) -> None:
        for missing in [each for each in (folder, *folder.parents) if not each.exists()][::-1]:
            missing.mkdir(mode=PRIVATE_FOLDER)
            self._touched.add(missing.parent)


@contextmanager
def open_backup(path: Path, *, make: bool = False) -> Iterator[BackupFolder]:
    """Open a backup's folder for this process alone, making it if told to; raises CopyError, OSError."""
    marker = path / MARKER
    if make and not path.exists():
        make_folder(path, PRIVATE_FOLDER)
    if not marker.exists():
        if not make or any(file.name != f"{MARKER}.new" for file in path.iterdir()):
            raise CopyError(
                f"{path}: is not a backup{'; name an empty folder, or one of a backup' if make else ''}"
            )
        replace_durably(marker, _MARK, PRIVATE)
    with marker.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CopyError(f"{path}: is in use by another backup or restore; wait for it") from None
        folder = BackupFolder(path)
        folder.load()
        yield folder
