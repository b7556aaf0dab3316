"""Hands files to a worker, one process each, and takes what they show; whatever becomes of the worker."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from components.process.pipe import read_pieces
from components.transfer.inspect.limits import InspectLimits
from components.transfer.inspect.protocol import MOST_ANSWER_BYTES, STRIPPED, Request, decode_facts
from policy.files.facts import ContentFacts, FileMark
from policy.files.media_type import UNTYPED

NOT_SEEN = ContentFacts(UNTYPED, frozenset({FileMark.UNSCANNABLE}))
"""What is known of a file that nobody could look into."""

_WORKER = "components.transfer.inspect.worker"
_STARTS_WITHIN_S = 10.0
_ANSWERS_AFTER_S = 2.0
"""A worker kills what takes too long; if no answer comes so long after the time, the worker itself is gone."""
_LEAST_LOOK_S = 1.0
_LONGEST_NAME = 1024

Take = Callable[[bytes], Awaitable[None]]
"""Takes a piece of what a worker says."""

log = structlog.get_logger("transfer")


class Inspector:
    """Looks into files, `at_once` of them at the same time; each has its answer after `within_s`.

    A file that had to wait for its turn has the less time for its look, but never less than a second.
    Whatever a file does to the one who reads it, it gets an answer: UNSCANNABLE.
    """

    def __init__(self, limits: InspectLimits, *, at_once: int = 2, within_s: float = 13.0) -> None:
        self._limits = limits
        self._turns = asyncio.Semaphore(at_once)
        self._within_s = within_s
        self._starting = asyncio.Lock()
        self._worker: _Worker | None = None
        self._is_closed = False

    async def look(self, fd: int, name: str, claimed_type: str) -> ContentFacts:
        """Return what the file behind an open descriptor shows; the descriptor stays open, and where it was."""
        said = bytearray()

        async def take(piece: bytes) -> None:
            said.extend(piece)
            if len(said) > MOST_ANSWER_BYTES:
                raise ValueError

        request = Request(name[-_LONGEST_NAME:], claimed_type[:_LONGEST_NAME], self._limits)
        try:
            return decode_facts(bytes(said)) if await self._have(request, fd, take) else NOT_SEEN
        except (ValueError, TypeError, KeyError) as error:
            log.warning("a file was not looked into", reason=type(error).__name__)
            return NOT_SEEN

    async def strip(self, fd: int, take: Take) -> bool:
        """Hand the picture behind a descriptor to `take`, without its metadata; returns whether all of it was handed.

        What `take` raises goes through.
        """
        kept = b""

        async def take_all_but_end(piece: bytes) -> None:
            nonlocal kept
            kept += piece
            await take(kept[: -len(STRIPPED)])
            kept = kept[-len(STRIPPED) :]

        return await self._have(Request("", "", self._limits, strips=True), fd, take_all_but_end) and (
            kept == STRIPPED
        )

    async def _have(self, request: Request, fd: int, take: Take) -> bool:
        """Have a request answered within its time, once it is its turn; returns whether a worker has done with it."""
        loop = asyncio.get_running_loop()
        over_s = loop.time() + self._within_s - _ANSWERS_AFTER_S
        try:
            async with asyncio.timeout_at(over_s - _LEAST_LOOK_S):
                await self._turns.acquire()
        except TimeoutError:
            log.warning("a file was not looked into", reason="too many files at once")
            return False
        try:
            limits = replace(self._limits, time_s=min(self._limits.time_s, over_s - loop.time()))
            if await self._ask_one(replace(request, limits=limits), fd, take):
                return True
            log.warning("a file was not looked into", reason="its process ended without an answer")
        except OSError as error:
            log.warning("a file was not looked into", reason=type(error).__name__)
        finally:
            self._turns.release()
        return False

    async def _ask_one(self, request: Request, fd: int, take: Take) -> bool:
        """Ask a worker that runs; returns whether it said anything. Raises OSError if no answer comes."""
        worker = await self._require_worker()
        try:
            return await self._ask(worker, request, fd, take)
        except ConnectionError:
            # It had ended before this file was handed to it.
            return await self._ask(await self._require_worker(), request, fd, take)

    async def _ask(self, worker: "_Worker", request: Request, fd: int, take: Take) -> bool:
        """Ask this worker; raises OSError if it takes nothing or does not end in time, and drops the worker."""
        try:
            async with asyncio.timeout(request.limits.time_s + _ANSWERS_AFTER_S):
                return await worker.ask(request, fd, take)
        except OSError:  # TimeoutError, too
            # The next file gets another one.
            await self._drop(worker)
            raise

    async def _require_worker(self) -> "_Worker":
        """Return a worker that runs, a new one if need be; raises OSError."""
        async with self._starting:
            if self._is_closed:
                raise OSError
            if self._worker is not None and not self._worker.is_alive:
                await self._drop(self._worker)
            if self._worker is None:
                self._worker = await _Worker.start()
            return self._worker

    async def _drop(self, worker: "_Worker") -> None:
        if self._worker is worker:
            self._worker = None
        await worker.stop()

    async def close(self) -> None:
        """End the worker; files whose look is under way are UNSCANNABLE."""
        self._is_closed = True
        # One that is just starting is ended, too.
        async with self._starting:
            if self._worker is not None:
                await self._drop(self._worker)


class _Worker:
    """A running worker: its process, and the socket that it takes requests from."""

    def __init__(self, process: asyncio.subprocess.Process, requests: socket.socket) -> None:
        self._process, self._requests = process, requests

    @classmethod
    async def start(cls) -> "_Worker":
        """Start one and wait until it is ready; raises OSError if it is not."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _WORKER, str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        worker = cls(process, ours)
        try:
            async with asyncio.timeout(_STARTS_WITHIN_S):
                ready = await asyncio.get_running_loop().sock_recv(ours, 16)
            if not ready:
                raise ConnectionError
        except OSError:
            log.error(
                "what looks into files does not start", hint="libmagic and libarchive have to be installed"
            )
            await worker.stop()
            raise
        return worker

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process.returncode is None

    async def ask(self, request: Request, fd: int, take: Take) -> bool:
        """Have the answer on a file taken, and return whether its process ended with one; raises OSError."""
        has_answer = False
        read, write = os.pipe()
        try:
            try:
                socket.send_fds(self._requests, [request.encode()], [fd, write])
            finally:
                os.close(write)
            async for piece in read_pieces(read):
                has_answer = True
                await take(piece)
            return has_answer
        finally:
            os.close(read)

    async def stop(self) -> None:
        """Kill it, and with it, by the system, all that it has forked."""
        self._requests.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
