"""The other side of the gate's connection: a server (XEP-0114) whose adapter always has something to submit.

It costs a fraction of what the gate does: submissions are put together from bytes made beforehand, and verdicts are
not parsed but searched for how far they go.
"""

import asyncio
import gc
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import uvloop

from tests.bench.client import TEXT, full_jid
from tests.bench.errors import BenchError
from tests.bench.usage import CpuMeter

SENDERS = 16

_EPOCH = "9f2c41d07bd7e3aa"
_SILENCE_S = 30.0
_STATUS_INTERVAL_S = 0.25
_HEADER = (
    b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
    b"from='%b' id='1'>"
)
_THROUGH = b" through='"
_VERDICT_END = b"</verdict></message>"


@dataclass(frozen=True, slots=True)
class Feed:
    """What to submit: `total` messages, at most `in_flight` without a verdict, once the gate connects to `port`."""

    port: int
    gate: str
    domain: str
    total: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Fed:
    """How the gate took it: `rate` is in stanzas/s from the first submission to the last verdict."""

    rate: float
    refused: int
    verdicts: int
    cpu: float


def feed(plan: Feed) -> Fed:
    """Play the server until the gate has answered for all; raises BenchError when it falls silent or goes away."""
    gc.disable()  # nothing here is cyclic
    return uvloop.run(_feed(plan))


async def _feed(plan: Feed) -> Fed:
    adapter = _Adapter(plan)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: adapter, "127.0.0.1", plan.port)
    async with asyncio.timeout(_SILENCE_S):
        await adapter.opened.wait()
    began, meter = time.perf_counter(), CpuMeter({"feeder": os.getpid()})
    adapter.start()
    before = -1
    while not adapter.ended.is_set() and adapter.through > before:
        before = adapter.through
        with suppress(TimeoutError):
            await asyncio.wait_for(adapter.ended.wait(), _SILENCE_S)
    elapsed_s, cpu = time.perf_counter() - began, meter.shares()["feeder"]
    if adapter.through < plan.total:
        raise BenchError(f"the gate fell silent or disconnected after {adapter.through} stanzas")
    adapter.send_status()
    server.close()
    return Fed(plan.total / elapsed_s, adapter.refused, adapter.verdicts, cpu)


class _Adapter(asyncio.Protocol):
    """One XEP-0114 stream: opening, handshake (whatever the secret), then submissions and statuses."""

    def __init__(self, plan: Feed) -> None:
        self.through = self.refused = self.verdicts = 0
        self.opened, self.ended = asyncio.Event(), asyncio.Event()
        self._plan = plan
        self._submissions = [_submission_around_seq(plan, sender) for sender in range(SENDERS)]
        self._next_seq = 1
        self._statuses = 0
        self._unread = b""
        self._react = self._answer_header
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._react()

    def start(self) -> None:
        """Say what is held, which is nothing, and submit the first messages."""
        self._report()
        self._submit()

    def send_status(self) -> None:
        """Say what is carried out."""
        self._statuses += 1
        self._transport.write(
            f"<message from='{self._plan.domain}' to='{self._plan.gate}'><status xmlns='urn:steelyard:gate:0' "
            f"epoch='{_EPOCH}' n='{self._statuses}' first='{self.through + 1}' next='{self._next_seq}' "
            f"done='{self.through}' turned-away='0'></status></message>".encode()
        )

    def _answer_header(self) -> None:
        if b"<stream:stream" in self._unread:
            self._react = self._answer_handshake
            self._transport.write(_HEADER % self._plan.gate.encode())

    def _answer_handshake(self) -> None:
        if b"</handshake>" in self._unread:
            self._unread, self._react = b"", self._take_verdicts
            self._transport.write(b"<handshake/>")
            self.opened.set()

    def _take_verdicts(self) -> None:
        end = self._unread.rfind(_VERDICT_END) + len(_VERDICT_END)
        if end < len(_VERDICT_END):
            return
        complete, self._unread = self._unread[:end], self._unread[end:]
        self.refused += complete.count(b"<refuse ")
        self.verdicts += complete.count(_THROUGH)
        begin = complete.rfind(_THROUGH) + len(_THROUGH)
        self.through = int(complete[begin : complete.index(b"'", begin)])
        self._submit()
        if self.through == self._plan.total:
            self.ended.set()

    def _submit(self) -> None:
        end = min(self.through + self._plan.in_flight, self._plan.total) + 1
        pieces = []
        for seq in range(self._next_seq, end):
            head, tail = self._submissions[seq % SENDERS]
            pieces.append(b"%b%d%b" % (head, seq, tail))
        self._next_seq = end
        self._transport.write(b"".join(pieces))

    def _report(self) -> None:
        if not self._transport.is_closing():
            self.send_status()
            asyncio.get_running_loop().call_later(_STATUS_INTERVAL_S, self._report)


def _submission_around_seq(plan: Feed, sender: int) -> tuple[bytes, bytes]:
    """Write a submission as the adapter does, but for its number: what stands before it, and after it."""
    from_, to = full_jid(sender, plan.domain), full_jid(sender ^ 1, plan.domain)
    head = (
        f"<message from='{plan.domain}' to='{plan.gate}'><held xmlns='urn:steelyard:gate:0' epoch='{_EPOCH}' "
        f"way='c2s' session='c{sender}' seq='"
    )
    tail = (
        f"'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{from_}' to='{to}' "
        f"type='chat' id='m'><body>{TEXT.decode()}</body></message></forwarded></held></message>"
    )
    return head.encode(), tail.encode()
