"""Allows one `up` at a time on a site, and none while a process of an earlier one is still ending."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.process.errors import SiteError

LOCK_FILE = "up.lock"
_LEFTOVER_TIMEOUT_S = 15.0
_RETRY_S = 0.1
_SHARE_TRIES = 5


@contextmanager
def hold_site(folder: Path) -> Iterator[int]:
    """Hold the site at `folder`; yield a file descriptor for every process of the site to inherit.

    There are two kernel locks on one file. The POSIX lock belongs to this process, and shows whether an `up` runs. The
    BSD lock belongs to the descriptor, and shows whether a process runs that inherited it. Both end with their
    holders. Raises SiteError if another `up` holds the site.
    """
    file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
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


@contextmanager
def wait_for_turn(folder: Path) -> Iterator[None]:
    """Hold a folder while what it lacks is made, which takes a moment; wait while another process does that.

    Or each would make half of the same pair: a certificate, and a key that is not its own. The lock is the kernel's,
    on the folder itself: it ends with its holder and leaves no file.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def find_holder(folder: Path) -> int | None:
    """Return the process id of the `up` that holds the site at `folder`; None if there is none."""
    try:
        with (folder / LOCK_FILE).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read(32))
    except (OSError, ValueError):
        pass
    return None


def share_site(folder: Path) -> None:
    """Hold the site beside others that share it, until this process ends, also if it executes another program.

    So nothing runs alone beside an `up`, which starts the same, and no `up` beside that. A user who cannot make the
    file goes without: the writer of each log is one at a time in any case. Raises SiteError if an `up` holds the site.
    """
    try:
        file = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CREAT, 0o644)
    except OSError:
        return
    os.set_inheritable(file, True)
    for _ in range(_SHARE_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        time.sleep(_RETRY_S)  # `is_held` has it for a moment
    os.close(file)
    raise SiteError(f"the site in {folder} is up already; stop `steelyard up` first")


def is_held(folder: Path) -> bool:
    """Return whether an `up`, what it started, or a process that runs alone holds the site at `folder`."""
    try:
        file = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


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
                    f"a process of the site in {folder} still runs, from an earlier start or by itself; "
                    f"find it with `fuser {folder / LOCK_FILE}`"
                ) from None
            time.sleep(_RETRY_S)
