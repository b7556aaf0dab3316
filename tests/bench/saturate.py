"""The closed loop: a window of messages in flight per pair, each one that arrives replaced by a new one."""

import asyncio
import gc
import os
import time
from dataclasses import dataclass, field

import uvloop

from tests.bench.client import TEXT, ErrorCounter, MessageCounter, Target, full_jid, log_in_pairs
from tests.bench.usage import CpuMeter
from tests.support.process import wait_until

WARM_UP_S = 1.0
DRAIN_TIMEOUT_S = 20.0
# What one node of a cluster writes into its tables, the other has a moment later.
_KNOWN_ELSEWHERE_S = 1.0


@dataclass(frozen=True, slots=True)
class Saturation:
    """What a server did as fast as it could; `cpu` has the share of a core of each process, by name."""

    rate: float
    sent: int
    received: int
    errors: int
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """Count the messages that neither arrived nor came back."""
        return self.sent - self.received - self.errors


def saturate(
    target: Target, pairs: int, window: int, duration_s: float, receiving: Target | None = None
) -> Saturation:
    """Load a server for a while with pairs of users, each with a constant number of messages in flight.

    In a cluster those who receive may be at another node, `receiving`; `cpu` is of what `target` names alone.
    """
    gc.disable()  # nothing here is cyclic, and a collection would look like the server's pause
    return uvloop.run(_saturate(target, pairs, window, duration_s, receiving))


class _Refill(asyncio.Protocol):
    """What the receiving session of a pair does: have the sending one send as many as have arrived."""

    def __init__(self, sender: asyncio.Transport, message: bytes) -> None:
        self.received = self.sent = 0
        self.is_open = True
        self._sender = sender
        self._message = message
        self._counter = MessageCounter()

    def send(self, count: int) -> None:
        self._sender.write(self._message * count)
        self.sent += count

    def data_received(self, data: bytes) -> None:
        count = self._counter.count(data)
        self.received += count
        if count and self.is_open:
            self.send(count)


async def _saturate(
    target: Target, pairs: int, window: int, duration_s: float, receiving: Target | None
) -> Saturation:
    refills, errors = [], ErrorCounter()
    sessions = await log_in_pairs(target, pairs, receiving)
    if receiving is not None:
        await asyncio.sleep(_KNOWN_ELSEWHERE_S)
    for number, (sender, receiver) in enumerate(sessions):
        message = (
            f"<message to='{full_jid(2 * number + 1, target.domain)}' type='chat' id='m'><body>".encode()
        )
        refill = _Refill(sender, message + TEXT + b"</body></message>")
        sender.set_protocol(errors)
        receiver.set_protocol(refill)
        refills.append(refill)
    for refill in refills:
        refill.send(window)
    await asyncio.sleep(WARM_UP_S)
    before, began = _count(refills), time.perf_counter()
    meter = CpuMeter({**target.processes, "load generator": os.getpid()})
    await asyncio.sleep(duration_s)
    cpu, rate = meter.shares(), (_count(refills) - before) / (time.perf_counter() - began)
    for refill in refills:
        refill.is_open = False
    sent = sum(refill.sent for refill in refills)
    await wait_until(lambda: _count(refills) + errors.errors >= sent, DRAIN_TIMEOUT_S)
    return Saturation(rate, sent, _count(refills), errors.errors, cpu)


def _count(refills: list[_Refill]) -> int:
    return sum(refill.received for refill in refills)
