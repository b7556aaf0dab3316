"""A worker like the real one, but a file may say what becomes of whoever reads it: `python -m` with a descriptor."""

import contextlib
import os
import signal
import socket
import sys
import time

from components.transfer.inspect import worker
from components.transfer.inspect.item import Data
from components.transfer.inspect.limits import InspectLimits
from policy.files.facts import ContentFacts

_GIBIBYTE = 1 << 30
PLAIN = ContentFacts("text/plain")


def _look(data: Data, name: str, _claimed: str, _limits: InspectLimits) -> ContentFacts:
    match data[:]:
        case b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"hang":
            signal.pause()
        case b"spin":
            while True:
                pass
        case b"eat":
            return ContentFacts(str(len(bytearray(2 * _GIBIBYTE))))
        case b"fork":
            os.fork()
        case b"connect":
            return ContentFacts("network" if _reaches(int(name)) else "none")
        case b"lie":
            return ContentFacts("x" * (8 << 20))
        case b"kill the worker":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
    return PLAIN


def _reaches(port: int) -> bool:
    """Return whether a port of this machine can be reached."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


if __name__ == "__main__":
    setattr(worker, "look_into", _look)  # noqa: B010
    sys.exit(worker.main())
