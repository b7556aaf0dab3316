"""The folder of statements: one file each, named by its digest, written once and never changed."""

import threading
import time
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

from components.archive.durable import PRIVATE_FOLDER, make_folder, replace_durably
from components.archive.log.note import VerifierKey
from components.rules.access.note import read_note
from policy.access.admission import Signed
from policy.access.statement import StatementError

_ENDING = ".note"
_MAX_BYTES = 8192
_FRESH_NS = 100_000_000


class GrantsError(Exception):
    """A statement cannot be read or stored, so it is not known who is admitted; the message says what to do."""


class StatementFolder:
    """All statements of a site. Each file is read and verified once, and `keys` verify the signatures."""

    def __init__(self, path: Path, keys: Collection[VerifierKey]) -> None:
        self._path = path
        self._keys = tuple(keys)
        self._read: dict[str, Signed] = {}
        self._lock = threading.Lock()  # a caller that reads thousands of files does it in a thread

    def fetch(self) -> tuple[Signed, ...]:
        """Read new files, and return all statements; raises GrantsError if a file is damaged.

        A damaged file may be a revocation, so it must not be ignored.
        """
        with self._lock:
            names = self.names()
            for name in names - self._read.keys():
                self._read[name] = self._read_file(self._path / name)
            for name in self._read.keys() - names:
                del self._read[name]
            return tuple(self._read[name] for name in sorted(self._read))

    def known(self) -> set[str]:
        """Return the names of the files that were read or stored."""
        with self._lock:
            return set(self._read)

    def names(self) -> set[str]:
        """Return the names of all files; a missing folder has none. Raises GrantsError."""
        try:
            return {entry.name for entry in self._path.iterdir() if entry.name.endswith(_ENDING)}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise GrantsError(f"{self._path}: cannot be read ({error.strerror})") from error

    def fingerprint(self) -> tuple[int, ...]:
        """Return a cheap fingerprint of the folder: if it has changed, read the folder again."""
        try:
            stat = self._path.stat()
        except OSError:
            return ()
        now_ns = time.time_ns()
        # Two files within one tick of the file system's clock have the same time: look again until this tick is over.
        is_fresh = now_ns - stat.st_mtime_ns < _FRESH_NS
        return (stat.st_mtime_ns, stat.st_ino, now_ns if is_fresh else 0)

    def store(self, note: str) -> str:
        """Store a note durably, once, and return its file's name; raises GrantsError if it is not a note."""
        content = note.encode()
        name = sha256(content).hexdigest() + _ENDING
        try:
            signed = read_note(note, self._keys)
            make_folder(self._path, PRIVATE_FOLDER)
            # Killed before the file is in place: there is no statement. Killed after: the next reader of the folder
            # finds it.
            replace_durably(self._path / name, content)
            with self._lock:
                self._read[name] = signed
        except StatementError as error:
            raise GrantsError(str(error)) from None
        except OSError as error:
            raise GrantsError(f"{self._path}: a statement cannot be stored ({error.strerror})") from error
        return name

    def _read_file(self, file: Path) -> Signed:
        try:
            content = file.read_bytes()
            if len(content) > _MAX_BYTES or sha256(content).hexdigest() + _ENDING != file.name:
                raise StatementError("is not what was stored under this name")
            return read_note(content.decode(), self._keys)
        except OSError as error:
            raise GrantsError(f"{file}: cannot be read ({error.strerror})") from error
        except (StatementError, UnicodeDecodeError) as error:
            raise GrantsError(f"{file}: {error}; put it back from a backup") from None
