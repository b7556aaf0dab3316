"""TCP ports for servers under test: each is given once, whatever else is tested on this machine at the time."""

import random
import socket
from contextlib import suppress

# Below Linux's ephemeral ports, so that no client's own port is in the way when a server starts again, and
# below those that `steelyard init --demo` chooses from.
_PORTS = range(10_000, 15_000)
_given: list[socket.socket] = []


def free_port(address: str = "127.0.0.1") -> int:
    """Return a TCP port that nobody listens on and that no test was given that still runs, here or elsewhere."""
    # From any place on: two runs at once seldom try the same, and no test depends on which it gets.
    first = random.choice(_PORTS)
    for port in (*range(first, _PORTS.stop), *range(_PORTS.start, first)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            # A name and not a file: the system takes it back when this process ends, however it ends.
            claim.bind(f"\0steelyard-test-port-{port}")
        except OSError:
            claim.close()
            continue
        _given.append(claim)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            return port
    raise AssertionError("there is no free TCP port on the loopback address")
