"""Puts files as fast as they are taken, and meanwhile asks for others; for a process of its own (apart.py)."""

import http.client
import os
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import closing

from tests.bench.errors import BenchError
from tests.bench.file_taker import MEDIA_TYPE, Place

_REPEATED_BYTES = 16 << 20
_ANSWERS_WITHIN_S = 120.0


class Recording:
    """Sound to send: each file begins as no other does, since what is the same is kept once."""

    def __init__(self) -> None:
        self._file = os.memfd_create("recording")
        os.write(self._file, os.urandom(_REPEATED_BYTES))

    def head(self, size_bytes: int) -> bytes:
        """Return how a WAV file of this size begins (RIFF, 16-bit mono PCM at 16 kHz), up to the sound's own start."""
        form = b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data"
        sizes = (size_bytes - 8).to_bytes(4, "little"), (size_bytes - 44).to_bytes(4, "little")
        return b"RIFF" + sizes[0] + form + sizes[1] + os.urandom(16)

    def send(self, connection: socket.socket, size_bytes: int) -> None:
        """Send a recording of this size; the system copies it, so that sending costs little."""
        head = self.head(size_bytes)
        connection.sendall(head)
        left = size_bytes - len(head)
        while left:
            at = left % _REPEATED_BYTES
            left -= os.sendfile(connection.fileno(), self._file, at, min(left, _REPEATED_BYTES - at))


def put(port: int, place: Place, recording: Recording) -> float:
    """Put a file, and return how many seconds that took, up to the answer; raises BenchError if it is not taken."""
    began_s = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            f"PUT {place.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {place.size_bytes}\r\n"
            f"Authorization: {place.authorization}\r\n\r\n".encode()
        )
        recording.send(connection, place.size_bytes)
        answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 201 "):
        raise BenchError(f"a file was not taken: {answer[:200]!r}")
    return time.perf_counter() - began_s


def put_all(port: int, places: Sequence[Place], at_once: int = 1) -> list[float]:
    """Put a file at each place, so many at the same time, and return how many seconds each took."""
    recording = Recording()
    waiting, taken_s, problems = list(places), [], []

    def work() -> None:
        while waiting and not problems:
            try:
                taken_s.append(put(port, waiting.pop(), recording))
            except (BenchError, OSError, IndexError) as error:
                problems.append(error)

    workers = [threading.Thread(target=work) for _ in range(at_once)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if problems:
        raise BenchError(f"{len(problems)} files were not taken: {problems[0]}")
    return taken_s


def put_paced(port: int, places: Sequence[Place], rate: float) -> None:
    """Put a file at each place, so many a second."""
    recording = Recording()
    due_s = time.perf_counter()
    for place in places:
        put(port, place, recording)
        due_s += 1 / rate
        time.sleep(max(0.0, due_s - time.perf_counter()))


def fetch_during(port: int, small: Place, large: Sequence[Place], at_once: int) -> list[float]:
    """Put a small file; return how many seconds each GET of it takes while large ones are put, ascending."""
    put(port, small, Recording())
    uploads = threading.Thread(target=put_all, args=(port, large, at_once))
    uploads.start()
    taken_s = []
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWERS_WITHIN_S)) as client:
        while uploads.is_alive():
            began_s = time.perf_counter()
            client.request("GET", small.path)
            answer = client.getresponse()
            if len(answer.read()) != small.size_bytes or answer.status != 200:
                raise BenchError(f"a file was not handed out: {answer.status}")
            taken_s.append(time.perf_counter() - began_s)
            time.sleep(0.002)
    uploads.join()
    return sorted(taken_s)
