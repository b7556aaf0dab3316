"""What is written to a standard output arrives whole, also where it takes a part at a time."""

import io
import sys

import pytest

from components.process.pipe import write_output


class Narrow(io.RawIOBase):
    """A standard output without a buffer: each write takes three bytes at most."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        self.taken += bytes(data[:3])
        return min(3, len(data))


class Output(io.StringIO):
    def __init__(self, buffer: Narrow) -> None:
        super().__init__()
        self.buffer = buffer


@pytest.mark.parametrize("data", [b"", b"ab", bytes(range(256)) * 4])
def test_all_of_it_is_written(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    narrow = Narrow()
    monkeypatch.setattr(sys, "stdout", Output(narrow))
    write_output(data)
    assert narrow.taken == data
