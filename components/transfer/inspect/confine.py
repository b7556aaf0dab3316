"""What a process may do that reads a hostile file: little memory, little time, no network, no other program."""

import contextlib
import ctypes
import os
import resource
import signal

from components.transfer.inspect.limits import InspectLimits

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES, _DIES_WITH_PARENT = 38, 1
_FILES_OPEN = 64
_AROUND_BYTES = 512 << 20
"""Addresses of the interpreter, its libraries and libmagic's table, most of which are never touched."""


def leave_network() -> bool:
    """Move this process, which has one thread, where no network is; returns whether the system lets it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # Root may leave alone; others first become nobody in a user namespace of their own.
    return any(libc.unshare(flags) == 0 for flags in (_NEW_NETWORK, _NEW_USER | _NEW_NETWORK))


def die_with_parent() -> None:
    """Have the system kill this process when the one that started it is gone (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL, 0, 0, 0)


def confine(limits: InspectLimits, size_bytes: int) -> None:
    """Limit this process to what a look may take, for a file of this size.

    Memory of its own counts apart (RLIMIT_DATA); addresses (RLIMIT_AS) also cover the file and what it unpacks to,
    which are mapped.
    """
    cpu_s = int(limits.time_s) + 2
    addresses = _AROUND_BYTES + limits.memory_bytes + size_bytes + limits.unpacked_bytes
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_DATA, limits.memory_bytes),
        (resource.RLIMIT_AS, addresses),
        (resource.RLIMIT_FSIZE, limits.unpacked_bytes + (1 << 20)),
        (resource.RLIMIT_NOFILE, _FILES_OPEN),
        (resource.RLIMIT_NPROC, 0),
    ):
        # The limit that is in force may be lower already.
        with contextlib.suppress(ValueError):
            hard = resource.getrlimit(kind)[1]
            lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (lowest, lowest))
    os.nice(5)
