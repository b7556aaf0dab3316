"""Allows one `up` at a time on a site, and none while a process of an earlier one is still ending."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.process.errors import SiteError

_LEFTOVER_TIMEOUT_S = 15.0
_RETRY_S = 0.1


@contextmanager
def hold_site(folder: Path) -> Iterator[int]:
    """Hold the site at `folder`; yield a file descriptor for every process of the site to inherit.

    There are two kernel locks on one file. The POSIX lock belongs to this process, and shows whether an `up` runs. The
    BSD lock belongs to the descriptor, and shows whether a process runs that inherited it. Both end with their
    holders. Raises SiteError if another `up` holds the site.
    """
    file = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip()
            raise SiteError(
                f"the site in {folder} is up already (process {holder}); stop that one first"
            ) from None
        _wait_for_leftovers(file, folder)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield file
    finally:
        os.close(file)


def find_holder(folder: Path) -> int | None:
    """Return the process id of the `up` that holds the site at `folder`; None if there is none."""
    try:
        with (folder / "up.lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read(32))
    except (OSError, ValueError):
        pass
    return None


def _wait_for_leftovers(file: int, folder: Path) -> None:
    """Wait for the processes of a killed `up`, which the kernel has told to end."""
    give_up_at_s = time.monotonic() + _LEFTOVER_TIMEOUT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > give_up_at_s:
                raise SiteError(
                    f"a process of an earlier start of the site in {folder} does not end; "
                    f"find it with `fuser {folder / 'up.lock'}`"
                ) from None
            time.sleep(_RETRY_S)
