"""What a process has open: it may have so much and no more, and all files of tests share one process."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.process import PATIENCE_S

_OPEN = Path("/proc/self/fd")


@contextmanager
def closed_again(most_left: int, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Raise AssertionError if more than `most_left` of the descriptors stay open that were opened meanwhile.

    Others may close them a moment later: a thread does, or the search for garbage.
    """
    before = set(_list_open())
    yield
    give_up_at_s = time.monotonic() + patience_s
    while len(left := set(_list_open()) - before) > most_left:
        gc.collect()
        assert time.monotonic() < give_up_at_s, f"these stay open: {sorted(left)}"
        time.sleep(0.01)


def _list_open() -> Iterator[tuple[str, int]]:
    for each in _OPEN.iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself is closed by now
            yield str(each.readlink()), int(each.name)
