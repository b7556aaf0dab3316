"""Checks that the files in which a site keeps its state are files, and that this user can go on with them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from components.access.memory import MEMORY
from components.archive.errors import LogError
from components.archive.keys.reference import last_signed_file
from components.archive.store.open import log_file
from components.audit.console.state import ConsoleState
from components.gate.review.store import review_file
from components.roster.state import RosterStateError, load_state
from components.settings.site import SiteFile
from components.settings.tables import TABLES
from components.transfer.state import check_uploads

_STATE_SETTINGS = ("status_file", "state_file")
_BESIDE_A_LOG = ("", "-wal", "-shm", ".lock")
_BESIDE_THE_INDEX = ("", "-wal", "-shm", ".lock", ".key")
_BESIDE_THE_QUEUE = ("", "-journal", ".held")


def state_files(site: SiteFile) -> list[Path]:
    """Return what the processes of a site write: logs, the index, the queue, and small files; there or not."""
    logs = (file for log in site.logs if (file := log_file(log.store)) is not None)
    files = [_beside(file, end) for file in logs for end in _BESIDE_A_LOG]
    files += [last_signed_file(log.key_file) for log in site.logs]
    files += [_beside(site.audit.index, end) for end in _BESIDE_THE_INDEX]
    files += [_beside(review_file(site), end) for end in _BESIDE_THE_QUEUE]
    for table in TABLES:
        if found := site.find(table):
            files += [getattr(found, name) for name in _STATE_SETTINGS if hasattr(found, name)]
    if site.access:
        files.append(site.access.folder / MEMORY)
    return list(dict.fromkeys(file for file in files if file is not None))


def find_unwritable(file: Path) -> Iterator[str]:
    """Yield what is wrong with one of these files, if a process of this user could not go on with it."""
    if file.is_symlink() and not file.exists():
        yield f"{file} is a link that leads nowhere; put back what it led to, or remove it"
    elif file.exists() and not file.is_file():
        yield f"{file} is no file; move it away, and put back the file if there was one"
    elif file.exists() and not os.access(file, os.R_OK | os.W_OK):
        yield f"{file} cannot be read and written by this user; run `chown` on it, for the user of the site"


def find_damaged(site: SiteFile) -> Iterator[str]:
    """Yield what the processes of a site that is not up would not start with; a site that is up tells by its health."""
    readers: list[tuple[Path, Callable[[Path], object]]] = []
    if site.roster:
        readers.append((site.roster.state_file, load_state))
    if site.console:
        readers.append((site.console.state_file, ConsoleState.open))
    if site.transfer:
        readers.append((site.transfer.state_file, check_uploads))
    for file, read in readers:
        try:
            if file.is_file():
                read(file)
        except (LogError, RosterStateError, ValueError, OSError) as error:
            yield str(error)


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}{ending}")
