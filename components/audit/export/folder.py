"""The folder of an export: a file gets its name when it is whole and on the disk."""

import fcntl
import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

from components.archive.durable import PRIVATE, PRIVATE_FOLDER, make_folder, sync_folder, sync_path
from components.process.errors import SiteError

SPOOL = ".spool.db"
MANIFEST = "manifest.json"
MANIFEST_RECORD = "manifest.record.json"
MANIFEST_PROOF = "manifest.tlog-proof"
VERIFIER = "verify.py"
MATCHED = "matched.txt"
LEFT_OUT = "exceptions.jsonl"
README_FILE = "README.txt"
FILES = "files"
_DRAFT = ".part"
_BUFFER_BYTES = 1 << 20
_SETTLED_AT_ONCE = 16


class ExportFolder:
    """An export's folder; files of it are named by their paths in it, with `/`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._locked = -1

    @property
    def spool(self) -> Path:
        """Where it is collected; gone when the export is complete."""
        return self.path / SPOOL

    def require_free(self) -> None:
        """Raise SiteError if there is something in it, or if it belongs to somebody else."""
        if self.path.is_dir() and not any(self.path.iterdir()):
            self._require_own(self.path.stat())
            return
        if self.path.exists():
            what = (
                "an export that was stopped: go on with --resume" if self.spool.exists() else "there already"
            )
            raise SiteError(f"{self.path}: is {what}, and nothing is overwritten")

    def make(self) -> None:
        """Make the folder, for its owner alone."""
        make_folder(self.path, PRIVATE_FOLDER)
        self.path.chmod(PRIVATE_FOLDER)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from writing it at the same time; raises SiteError, also where it cannot be written."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            self._require_own(os.fstat(descriptor))
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._locked = descriptor
            yield
        except BlockingIOError:
            raise SiteError(f"{self.path}: another process writes this export now") from None
        except (OSError, sqlite3.OperationalError) as error:
            raise SiteError(
                f"{self.path}: cannot be written: {error}; put that right, and go on with --resume"
            ) from error
        finally:
            self._locked = -1
            os.close(descriptor)

    def _require_own(self, status: os.stat_result) -> None:
        """Raise SiteError if the folder is another user's, who could change what is written there."""
        if status.st_uid != os.geteuid():
            raise SiteError(f"{self.path}: belongs to another user: name a folder of your own, or a new one")

    def require_begun(self) -> None:
        """Raise SiteError if there is no export to go on with."""
        if (self.path / MANIFEST).exists() and not self.spool.exists():
            raise SiteError(f"{self.path}: this export is complete")
        if not self.spool.exists():
            raise SiteError(f"{self.path}: there is no export to go on with")

    def place(self, name: str) -> Path:
        """Return where a file lies, and make its folder; raises SiteError if the export's own is not there any more."""
        # Made anew, it would have what is written from here on, and look complete.
        if self._locked >= 0 and not (self.path.is_dir() and _is_same(self.path, self._locked)):
            raise SiteError(f"{self.path}: the folder was removed while it was written: begin again")
        path = self.path / name
        make_folder(path.parent, PRIVATE_FOLDER)
        return path

    @contextmanager
    def draft(self, name: str) -> Iterator[BinaryIO]:
        """Open a file to write; it takes the place of one that is there when it is whole."""
        with self._draft(name) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        sync_folder(self.place(name).parent)

    @contextmanager
    def _draft(self, name: str) -> Iterator[BinaryIO]:
        path = self.place(name)
        draft = path.with_name(f".{path.name[:100]}{_DRAFT}")
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE),
            "wb",
            _BUFFER_BYTES,
        ) as out:
            yield out
        # Killed before this: a draft is left, which is written again.
        draft.replace(path)

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a file, in place of one that is there."""
        with self.draft(name) as out:
            out.writelines(pieces)

    def write_unsettled(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a file, in place of one that is there; only `settle` has it on the disk."""
        with self._draft(name) as out:
            out.writelines(pieces)

    def settle(self, names: Iterable[str]) -> None:
        """Have files on the disk when this returns: many at once take little longer than one."""
        paths = [self.place(name) for name in names]
        with ThreadPoolExecutor(_SETTLED_AT_ONCE) as pool:
            deque(pool.map(sync_path, paths), maxlen=0)
            deque(pool.map(sync_folder, {path.parent for path in paths}), maxlen=0)

    def read(self, name: str) -> bytes:
        """Return a file's content (Holdings)."""
        return (self.path / name).read_bytes()

    def has(self, name: str) -> bool:
        """Return whether a file is there."""
        return (self.path / name).exists()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def list(self) -> list[str]:
        """Return the paths of all files but the drafts and the spool, sorted."""
        found = (path for path in self.path.rglob("*") if path.is_file())
        names = (path.relative_to(self.path).as_posix() for path in found)
        return sorted(name for name in names if not name.rpartition("/")[2].startswith("."))

    def describe(self, name: str) -> dict[str, object]:
        """Return a file's path, size and SHA-256."""
        with (self.path / name).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
            return {"path": name, "size_bytes": file.tell(), "sha256": digest}

    def finish(self) -> None:
        """Remove what an export needs only until it is complete: drafts, and at the end the spool."""
        for draft in [path for path in self.path.rglob(f".*{_DRAFT}") if path.is_file()]:
            draft.unlink()
        for suffix in ("-wal", "-shm", ""):
            self.spool.with_name(self.spool.name + suffix).unlink(missing_ok=True)
        sync_folder(self.path)


def _is_same(path: Path, descriptor: int) -> bool:
    return os.path.samestat(path.stat(), os.fstat(descriptor))
