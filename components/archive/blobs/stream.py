"""A blob's data: chunks of 64 KiB, each sealed so that none can be left out or moved (docs/blobs.md, section 2); pure.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance, 2015) with AES-256-GCM: the nonce counts the chunks, and tells the last one apart.
"""

from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from components.archive.seal import TAG_SIZE_BYTES, SealError

CHUNK_SIZE_BYTES = 65_536
SEALED_CHUNK_SIZE_BYTES = CHUNK_SIZE_BYTES + TAG_SIZE_BYTES

_COUNTER_SIZE_BYTES = 11


class ChunkSealer:
    """Seals the one stream that `key` (32 bytes) is for."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._number = 0
        self._waiting = b""

    def feed(self, pieces: Iterable[bytes]) -> bytearray:
        """Add to the stream; returns the chunks that this completed, sealed, one behind the other."""
        data = memoryview(b"".join((self._waiting, *pieces)))
        # A full chunk waits for the next byte: it may be the last one, which is marked as such.
        count = max(0, len(data) - 1) // CHUNK_SIZE_BYTES
        # Sealed into one piece of memory: new pages for each chunk would take longer than the cipher.
        sealed = bytearray(count * SEALED_CHUNK_SIZE_BYTES)
        into = memoryview(sealed)
        for number in range(count):
            chunk = data[number * CHUNK_SIZE_BYTES : (number + 1) * CHUNK_SIZE_BYTES]
            start = number * SEALED_CHUNK_SIZE_BYTES
            nonce = _nonce(self._number + number, last=False)
            self._cipher.encrypt_into(nonce, chunk, None, into[start : start + SEALED_CHUNK_SIZE_BYTES])
        self._number += count
        self._waiting = bytes(data[count * CHUNK_SIZE_BYTES :])
        return sealed

    def finish(self) -> bytes:
        """End the stream and return its last chunk, which is empty only when the stream is."""
        return self._cipher.encrypt(_nonce(self._number, last=True), self._waiting, None)


class ChunkOpener:
    """Opens chunks of the stream of `size_bytes` that was sealed with `key`, in any order."""

    def __init__(self, key: bytes, size_bytes: int) -> None:
        self._cipher = AESGCM(key)
        self._size_bytes = size_bytes
        self._count = count_chunks(size_bytes)

    def open(self, number: int, sealed: bytes) -> bytes:
        """Open chunk `number`; raises SealError when it is another, was altered, or is not the last if it should be."""
        try:
            chunk = self._cipher.decrypt(_nonce(number, last=number == self._count - 1), sealed, None)
        except InvalidTag:
            raise SealError(f"chunk {number} does not open: another chunk or key, or altered bytes") from None
        start, end = chunk_place(number, self._size_bytes)
        if len(chunk) != end - start - TAG_SIZE_BYTES:
            raise SealError(f"chunk {number} is of another stream: it has another length")
        return chunk


def count_chunks(size_bytes: int) -> int:
    """Count the chunks of a stream: at least one."""
    return max(1, -(-size_bytes // CHUNK_SIZE_BYTES))


def sealed_size(size_bytes: int) -> int:
    """Return the length of a stream once it is sealed."""
    return size_bytes + count_chunks(size_bytes) * TAG_SIZE_BYTES


def chunk_place(number: int, size_bytes: int) -> tuple[int, int]:
    """Return where chunk `number` of a sealed stream begins and ends."""
    start = number * SEALED_CHUNK_SIZE_BYTES
    return start, min(start + SEALED_CHUNK_SIZE_BYTES, sealed_size(size_bytes))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_COUNTER_SIZE_BYTES, "big") + bytes([last])
