"""What is written to a standard output arrives whole, also where it takes a part at a time."""

import sys

import pytest

from components.process.pipe import write_output


class Narrow:
    """A standard output without a buffer: each write takes three bytes at most."""

    def __init__(self) -> None:
        self.taken = bytearray()
        self.buffer = self

    def write(self, data: memoryview) -> int:
        self.taken += data[:3]
        return min(3, len(data))

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("data", [b"", b"ab", bytes(range(256)) * 4])
def test_all_of_it_is_written(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    narrow = Narrow()
    monkeypatch.setattr(sys, "stdout", narrow)
    write_output(data)
    assert narrow.taken == data
