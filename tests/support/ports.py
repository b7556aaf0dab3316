"""TCP ports for servers under test: each is given once, whatever else is tested on this machine at the time."""

import random
import socket
from collections.abc import Iterator
from contextlib import suppress

# Below Linux's ephemeral ports, so that no client's own port is in the way when a server starts again, and
# below those that `steelyard init --demo` chooses from.
_PORTS = range(10_000, 15_000)
# So many are claimed at once: a claim stays open, and a process has only so many open files.
_BLOCK = 50
_claims: list[socket.socket] = []


def free_port(address: str = "127.0.0.1") -> int:
    """Return a TCP port that nobody listens on and that no test was given that still runs, here or elsewhere."""
    for port in _ours:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            return port
    raise AssertionError("there is no free TCP port on the loopback address")


def _claim_ports() -> Iterator[int]:
    """Yield ports that only this process is given, each once, for as long as it runs."""
    blocks = range(_PORTS.start, _PORTS.stop, _BLOCK)
    # From any place on: two runs at once seldom try the same, and no test depends on which it gets.
    first = random.choice(blocks)
    for block in (*range(first, _PORTS.stop, _BLOCK), *range(_PORTS.start, first, _BLOCK)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            # A name and not a file: the system takes it back when this process ends, however it ends.
            claim.bind(f"\0steelyard-test-ports-{block}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        yield from range(block, block + _BLOCK)


_ours = _claim_ports()
