"""Processes that make rows of records, so that what one core opens and writes, others parse and fold meanwhile."""

import pickle
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Self

from components.audit.index.logs import IndexedLog
from components.audit.index.rows import Clear, Rows
from components.rules.file_links import FileLinks

_WORKER = (sys.executable, "-P", "-m", "components.audit.index.row_worker")


class RowReaders:
    """Some processes for the records of one log; each has a thread here, which waits for it."""

    def __init__(self, log: IndexedLog, links: FileLinks | None, number: int) -> None:
        self._log = log
        self._links = links
        self._workers: list[subprocess.Popen[bytes]] = []
        self._free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._threads = ThreadPoolExecutor(number, "rows")
        for _ in range(number):
            self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes, also those that are at work."""
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.communicate()

    def read(self, records: Sequence[Clear]) -> "Future[Rows]":
        """Begin to make rows of records."""
        return self._threads.submit(self._read, records)

    def _start(self) -> None:
        # In a session of its own: who interrupts this process ends the others by their input.
        worker = subprocess.Popen(  # noqa: S603 - constant
            _WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._workers.append(worker)
        self._free.put(worker)
        with suppress(OSError):  # `read` finds out
            _tell(worker, (self._log, self._links))

    def _read(self, records: Sequence[Clear]) -> Rows:
        worker = self._free.get()
        try:
            _tell(worker, records)
            rows: Rows = pickle.load(_pipe(worker.stdout))  # noqa: S301 - of our own child
            return rows
        except (OSError, EOFError, pickle.UnpicklingError):
            # It was killed, as where memory is short. What it would have read is read here.
            worker.kill()
            return Rows.read_all(self._log, self._links, records)
        finally:
            self._free.put(worker)


def _tell(worker: "subprocess.Popen[bytes]", value: object) -> None:
    pipe = _pipe(worker.stdin)
    pickle.dump(value, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise BrokenPipeError
    return pipe
