"""The folder of a backup: whole files that are never changed, and a list of them that is replaced at the end.

Files are named after their content, so a run that is interrupted at any moment leaves the earlier backup.
"""

import fcntl
import os
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from components.archive.backup import CopyError
from components.archive.durable import (
    PRIVATE,
    PRIVATE_FOLDER,
    errors_named,
    make_folder,
    replace_durably,
    sync_folder,
    write_whole,
)

MARKER = "steelyard-backup"
SUMS = "SHA256SUMS"

_MARK = b"A backup made by `steelyard backup`; `sha256sum -c SHA256SUMS` checks that its files are whole.\n"
_DIGITS = 16
_READ_SIZE_BYTES = 1 << 20
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

    async def put_large(self, name: str, pieces: AsyncIterator[bytes], digest: str) -> bool:
        """Write a file of any size durably, and read it back; returns False, and leaves nothing, if it is not `digest`.

        It is in no list of this backup: whoever puts it keeps such a list, and deletes it in the end.
        """
        path = self.path / name
        draft = path.with_name(f"{path.name}.new")
        self._make_folder(path.parent)
        seen = sha256()
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
            async for piece in pieces:
                seen.update(piece)
                with errors_named(draft):
                    file.write(piece)
            with errors_named(draft):
                file.flush()
                os.fsync(file.fileno())
        if seen.hexdigest() != digest:
            draft.unlink()
            return False
        for _piece in self.read_pieces(draft, digest):
            pass
        # Killed before this: a draft is left, which no list names.
        draft.rename(path)
        self._touched.add(path.parent)
        return True

    def size_of(self, name: str) -> int | None:
        """Return the length of a file that `put_large` wrote, None when it is not there."""
        try:
            return (self.path / name).stat().st_size
        except FileNotFoundError:
            return None

    def check(self, name: str, digest: str) -> None:
        """Read a file that `put_large` wrote; raises CopyError when it is another now, or missing."""
        for _piece in self.read_pieces(self.path / name, digest):
            pass

    def delete(self, paths: Iterable[Path]) -> None:
        """Delete files of this backup, durably."""
        gone = list(paths)
        for path in gone:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in gone}:
            sync_folder(folder)

    @staticmethod
    def read_pieces(path: Path, digest: str) -> Iterator[bytes]:
        """Yield a file of a backup from the disk; raises CopyError, at its end when it is another."""
        seen = sha256()
        try:
            with path.open("rb") as file:
                # From the disk, not from memory: the newly written pages are synced by now.
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                while piece := file.read(_READ_SIZE_BYTES):
                    seen.update(piece)
                    yield piece
        except FileNotFoundError:
            raise CopyError(f"{path}: is missing from the backup") from None
        if seen.hexdigest() != digest:
            raise CopyError(f"{path}: is not what was written (SHA-256); use another copy of the backup")

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
        return b"".join(self.read_pieces(self.path / name, digest))

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
