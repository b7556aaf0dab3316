"""A log whose writer is about to fail: records of several classes, and a clock that is set by hand."""

from pathlib import Path

from components.archive.head import NS_PER_SECOND
from components.archive.writer import Entry
from tests.support.archive import START_S, entries
from tests.support.sealed_log import read_leaves

BEFORE = 300
FAILED = 77
CLASSES = 3


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ns = (START_S + 3600) * NS_PER_SECOND

    def __call__(self) -> int:
        return self.now_ns


def batch(first: int, count: int) -> list[Entry]:
    """Records of several classes, interleaved."""
    return [
        entry._replace(retention_class=1 + number % CLASSES)
        for number, entry in enumerate(entries(first, count), first)
    ]


def payloads(count: int) -> list[bytes]:
    return [entry.payload for entry in entries(0, count)]


def count_said(path: Path) -> int:
    return sum(leaf.segment > 0 for leaf in read_leaves(path))
