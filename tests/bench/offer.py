"""The open loop: messages offered by a schedule, whatever becomes of them."""

import asyncio
import gc
import os
import socket
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import uvloop

from tests.bench.client import (
    ErrorCounter,
    MessageMaker,
    StampReader,
    Target,
    full_jid,
    log_in_pairs,
)
from tests.bench.figures import percentile
from tests.bench.metronome import Metronome
from tests.bench.schedule import Schedule
from tests.bench.sequence import SequenceCheck
from tests.bench.usage import CpuMeter
from tests.support.process import wait_until

DRAIN_TIMEOUT_S = 20.0
_TICK_MIN_NS = 200_000
# More than fits is sent in larger pieces. Each write takes ten times the time of making a message, and the generator
# shares a core with the gate: in small pieces it would take what it measures.
_WITHHOLDING_TICK_NS = 2_000_000
_SEND_BUFFER_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of an open loop as it went; times are in ns on the generator's clock.

    `withheld` were due while their connection took no more; `lag_p99_ms` is how late the generator itself was.
    """

    begin_ns: int
    end_ns: int
    due: int
    withheld: int
    lag_p99_ms: float


@dataclass(frozen=True, slots=True)
class Offered:
    """What became of what was offered; `arrived_ns` and `latency_ns` have an entry for each message that arrived."""

    phases: tuple[Phase, ...]
    sent: int
    errors: int
    missing: int
    twice: int
    out_of_order: int
    arrived_ns: "array[int]"
    latency_ns: "array[int]"
    cpu: dict[str, float]

    def latencies_ms(self, phase: Phase) -> list[float]:
        """Give the latencies of what was due (or written) in a phase, whenever it arrived; ascending."""
        arrivals = zip(self.arrived_ns, self.latency_ns, strict=True)
        return sorted(
            latency_ns / 1e6
            for at_ns, latency_ns in arrivals
            if phase.begin_ns <= at_ns - latency_ns < phase.end_ns
        )


def offer(target: Target, pairs: int, schedules: Sequence[Schedule], withholds: bool = False) -> Offered:
    """Offer messages by one schedule after another, to pairs of users in turn.

    Latency counts from when a message was due, sent late or not. A generator that `withholds` sends nothing on a
    connection that takes no more, and lets latency count from the writing: that is for offering more than fits.
    """
    gc.disable()  # nothing here is cyclic, and a collection would look like the server's pause
    return uvloop.run(_offer(target, pairs, schedules, withholds))


class Sender(ErrorCounter):
    """The sending session of a pair: numbers its messages, and knows whether its connection takes more."""

    def __init__(self, session: asyncio.Transport, maker: MessageMaker) -> None:
        super().__init__()
        self.sent = 0
        self.is_blocked = False
        self._write: Callable[[bytes], None] = session.write
        self._maker = maker
        self._made: list[bytes] = []

    def send(self, stamp_ns: int) -> None:
        """Make a message; it is written with all that `flush` finds."""
        self._made.append(self._maker.make(stamp_ns, self.sent))
        self.sent += 1

    def flush(self) -> None:
        if self._made:
            self._write(b"".join(self._made))
            self._made.clear()

    def pause_writing(self) -> None:
        self.is_blocked = True

    def resume_writing(self) -> None:
        self.is_blocked = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._write = _drop  # what is sent from now on is missing in the end


class _Receiver(asyncio.Protocol):
    """The receiving session of a pair: notes when each message arrived, and whether it was its turn."""

    def __init__(self, arrived_ns: "array[int]", latency_ns: "array[int]") -> None:
        self.sequence = SequenceCheck()
        self._stamps = StampReader()
        self._arrived_ns = arrived_ns
        self._latency_ns = latency_ns

    def data_received(self, data: bytes) -> None:
        now_ns = time.perf_counter_ns()
        for stamp_ns, number in self._stamps.read(data):
            self._arrived_ns.append(now_ns)
            self._latency_ns.append(now_ns - stamp_ns)
            self.sequence.take(number)


class _Player:
    """Plays schedules on the senders."""

    def __init__(self, senders: Sequence[Sender], withholds: bool) -> None:
        self._senders = senders
        self._withholds = withholds
        self._turn = 0

    async def play(self, schedule: Schedule) -> Phase:
        """Send by this schedule until its last message is due."""
        begin_ns, due, withheld = time.perf_counter_ns(), 0, 0
        lags_ns = array("q")
        done = asyncio.Event()

        def on_tick() -> None:
            nonlocal due, withheld
            now_ns = time.perf_counter_ns()
            end = schedule.count_due(now_ns - begin_ns)
            for number in range(due, end):
                sender = self._senders[self._turn % len(self._senders)]
                self._turn += 1
                due_at_ns = begin_ns + schedule.due_at_ns(number)
                if not self._withholds:
                    sender.send(due_at_ns)
                elif sender.is_blocked:
                    withheld += 1
                else:
                    sender.send(time.perf_counter_ns())
                lags_ns.append(now_ns - due_at_ns)
            for sender in self._senders:
                sender.flush()
            due = end
            if due == schedule.total:
                done.set()

        tick_min_ns = _WITHHOLDING_TICK_NS if self._withholds else _TICK_MIN_NS
        with Metronome(max(schedule.interval_ns, tick_min_ns), on_tick):
            await done.wait()
        lag_p99_ms = percentile(sorted(lags_ns), 99) / 1e6
        return Phase(begin_ns, time.perf_counter_ns(), due, withheld, lag_p99_ms)


async def _offer(target: Target, pairs: int, schedules: Sequence[Schedule], withholds: bool) -> Offered:
    arrived_ns, latency_ns = array("q"), array("q")
    senders, receivers = [], []
    for number, (sending, receiving) in enumerate(await log_in_pairs(target, pairs)):
        senders.append(Sender(sending, MessageMaker(full_jid(2 * number + 1, target.domain))))
        receivers.append(_Receiver(arrived_ns, latency_ns))
        if withholds:
            _bound_buffers(sending)
        sending.set_protocol(senders[-1])
        receiving.set_protocol(receivers[-1])
    meter = CpuMeter({**target.processes, "load generator": os.getpid()})
    player = _Player(senders, withholds)
    phases = [await player.play(schedule) for schedule in schedules]
    cpu = meter.shares()
    sent = sum(sender.sent for sender in senders)
    await wait_until(lambda: len(arrived_ns) + _count_errors(senders) >= sent, DRAIN_TIMEOUT_S)
    distinct = sum(receiver.sequence.distinct for receiver in receivers)
    return Offered(
        tuple(phases),
        sent,
        _count_errors(senders),
        sent - distinct - _count_errors(senders),
        sum(receiver.sequence.twice for receiver in receivers),
        sum(receiver.sequence.out_of_order for receiver in receivers),
        arrived_ns,
        latency_ns,
        cpu,
    )


def _drop(_data: bytes) -> None:
    pass


def _bound_buffers(transport: asyncio.Transport) -> None:
    """Have a connection block as soon as the server stops reading, instead of after megabytes of kernel buffers."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    transport.set_write_buffer_limits(high=0)


def _count_errors(senders: Sequence[Sender]) -> int:
    return sum(sender.errors for sender in senders)
