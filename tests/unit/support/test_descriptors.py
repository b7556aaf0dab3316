"""What the tests of a file leave open fails them, and what is closed a moment later does not."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.descriptors import closed_again


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[ExitStack]:
    """Return a stack on which three files are open once `open_three` was called."""
    with ExitStack() as stack:
        yield stack


def open_three(stack: ExitStack, folder: Path) -> None:
    for number in range(3):
        stack.enter_context((folder / f"file-{number}").open("wb"))


def test_what_stays_open_is_named(tmp_path: Path, opened: ExitStack) -> None:
    with pytest.raises(AssertionError, match=r"file-0.*file-1.*file-2"), closed_again(2, patience_s=0):
        open_three(opened, tmp_path)


def test_so_many_may_stay_open(tmp_path: Path, opened: ExitStack) -> None:
    with closed_again(3, patience_s=0):
        open_three(opened, tmp_path)


def test_what_was_open_before_does_not_count(tmp_path: Path, opened: ExitStack) -> None:
    open_three(opened, tmp_path)
    with closed_again(0, patience_s=0):
        os.close(os.open(tmp_path / "file-0", os.O_RDONLY))


def test_what_a_thread_closes_is_waited_for(tmp_path: Path, opened: ExitStack) -> None:
    looked = threading.Event()

    def close() -> None:
        looked.wait()
        opened.close()

    closing = threading.Thread(target=close)
    with closed_again(0):
        open_three(opened, tmp_path)
        closing.start()
        looked.set()
    closing.join()


def test_what_nobody_has_any_more_is_closed(tmp_path: Path) -> None:
    class Keeper:
        """It has itself, so that only the search for garbage finds it."""

        def __init__(self) -> None:
            self.itself = self
            self.file = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)

        def __del__(self) -> None:
            os.close(self.file)

    with closed_again(0):
        Keeper()
