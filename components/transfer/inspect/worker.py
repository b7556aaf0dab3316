"""A worker: forks a process for each file, which looks into it within limits and ends: `python -m` with a descriptor.

The process that forks reads no file. So a file that crashes or takes over whoever reads it has that one process, for
its time, and the next file is read by another. Forking takes some milliseconds; starting Python takes a hundred.
"""

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from components.transfer.inspect.confine import confine, die_with_parent, leave_network
from components.transfer.inspect.item import map_file
from components.transfer.inspect.look import look_into
from components.transfer.inspect.magic_type import guess_type
from components.transfer.inspect.protocol import (
    MOST_REQUEST_BYTES,
    STRIPPED,
    Request,
    decode_request,
    encode_facts,
)
from components.transfer.inspect.strip import without_metadata

READY = b"ready"
_GRACE_S = 1.0
"""A look ends by itself; what has not ended so long after is killed."""
_POLL_S = 60.0
_STANDARD_ERROR = 2


@dataclass(slots=True)
class _Child:
    """A process that looks into a file: a descriptor that tells its end, and when it is killed."""

    pid: int
    handle: int
    kill_at_s: float


def serve(requests: socket.socket) -> None:
    """Fork for each request until the other side is gone."""
    children: dict[int, _Child] = {}
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    while True:
        now_s = time.monotonic()
        wait_s = min((each.kill_at_s - now_s for each in children.values()), default=_POLL_S)
        for handle, _ in poll.poll(max(0.0, wait_s) * 1000 + 1):
            if handle == requests.fileno():
                child = _take(requests)
                if child is None:
                    return
                children[child.handle] = child
                poll.register(child.handle, select.POLLIN)
            else:
                poll.unregister(handle)
                _reap(children.pop(handle))
        for child in children.values():
            if child.kill_at_s <= time.monotonic():
                # Its end comes by its descriptor.
                os.kill(child.pid, signal.SIGKILL)


def _take(requests: socket.socket) -> _Child | None:
    """Fork for the next request; None when no more come."""
    raw, descriptors, _, _ = socket.recv_fds(requests, MOST_REQUEST_BYTES, 2)
    if not raw:
        return None
    request = decode_request(raw)
    pid = os.fork()
    if pid == 0:
        _answer_and_exit(request, *descriptors)
    for each in descriptors:
        os.close(each)
    return _Child(pid, os.pidfd_open(pid), time.monotonic() + request.limits.time_s + _GRACE_S)


def _answer_and_exit(request: Request, file: int, answer: int) -> None:
    """Look into a file, write what it shows or what is left of it, and end this process without going back."""
    status = 1
    # A file that is damaged in a way that nobody thought of: no answer is the answer.
    with contextlib.suppress(BaseException):
        _close_all_but(file, answer)
        die_with_parent()
        confine(request.limits, os.fstat(file).st_size)
        with open(answer, "wb") as stream:
            if request.strips:
                if (parts := without_metadata(file)) is not None:
                    stream.writelines(parts)
                    stream.write(STRIPPED)
            else:
                facts = look_into(map_file(file), request.name, request.claimed_type, request.limits)
                stream.write(encode_facts(facts))
        status = 0
    os._exit(status)


def _close_all_but(*kept: int) -> None:
    """Close what belongs to the worker: its socket, and what it holds of others' looks."""
    for each in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if each > _STANDARD_ERROR and each not in kept:
            with contextlib.suppress(OSError):
                os.close(each)


def _reap(child: _Child) -> None:
    os.waitpid(child.pid, 0)
    os.close(child.handle)


def main() -> int:
    """Serve the requests of a socket whose descriptor is the argument."""
    # Libraries quote what they read.
    logging.disable()
    warnings.simplefilter("ignore")
    for each in (signal.SIGINT, signal.SIGHUP):
        # The one who started it decides when it ends; a terminal's signals go to all.
        signal.signal(each, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        leave_network()
        # In this order: the system forgets it when a process becomes nobody.
        die_with_parent()
        # Its table is read once, here, for all that are forked.
        guess_type(b"ready")
        requests.send(READY)
        serve(requests)
    return 0


if __name__ == "__main__":
    sys.exit(main())
