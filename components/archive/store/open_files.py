"""Which files an open SQLite database is: what is written to one that was taken away, nobody ever reads again."""

import os
import time
from pathlib import Path

from components.archive.errors import LogDamaged, LogUnavailable

# To ask after a file that was just written to makes the next write dearer (20 us on Linux 6.18, of the 90 of a
# commit): so on a busy line not after each. On a calm one, it is after each.
_NOT_AGAIN_BEFORE_S = 0.02


class OpenFiles:
    """The files of the database `path`, as they were when it was opened.

    They are looked at by their names, as the next process will: whoever has a file open goes on with it when its name
    is gone. They are never opened: closing a second descriptor would drop the locks of whoever has them open here.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # SQLite keeps the others beside the file that a link leads to.
        real = os.path.realpath(path)
        self._names = (path, Path(f"{real}-wal"), Path(f"{real}-shm"))
        self._known = tuple(map(_identify, self._names))
        self._again_at_s = 0.0

    def require_same_soon(self) -> None:
        """Do as `require_same`, unless that found nothing wrong a moment ago: to be called after each commit."""
        if time.monotonic() >= self._again_at_s:
            self.require_same()

    def require_same(self) -> None:
        """Raise LogDamaged unless the names are still those of the same files, and LogUnavailable."""
        # What is found wrong is looked for again at once.
        self._again_at_s = 0.0
        for name, known in zip(self._names, self._known, strict=True):
            if _identify(name) != known:
                raise self._taken_away(name)
        self._again_at_s = time.monotonic() + _NOT_AGAIN_BEFORE_S

    def reopened(self) -> "OpenFiles":
        """Return the files of the same database now; raises LogDamaged where it is another one."""
        if _identify(self._names[0]) != self._known[0]:
            raise self._taken_away(self._names[0])
        return OpenFiles(self._path)

    def _taken_away(self, name: Path) -> LogDamaged:
        return LogDamaged(
            f"{name}: was removed, moved or exchanged while {self._path} was written to; what was recorded just now"
            " may be lost. Put the files back that were there, or restore the newest backup (docs/backup.md)"
        )


def _identify(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name, None when there is none; raises LogUnavailable."""
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LogUnavailable(f"{file}: cannot be looked at ({error.strerror})") from error
    return status.st_dev, status.st_ino
