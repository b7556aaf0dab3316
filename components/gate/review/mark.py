"""The mark beside the queue's file, there only while messages are held: no lost queue is taken for an empty one.

The queue is stored before the mark is put, and the mark is removed before the queue is emptied. Killed in between,
there are messages without a mark, which the next start puts; never a mark without messages, unless the file was lost.
"""

from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably, sync_folder
from components.archive.errors import LogDamaged, LogUnavailable

WHAT_IS_LOST = "the messages held in it are recorded, but will not be delivered (docs/review.md, 4)"


class HeldMark:
    """The mark of one queue: `review.db.held` beside `review.db`."""

    def __init__(self, queue: Path) -> None:
        self.path = queue.with_name(f"{queue.name}.held")
        self._queue = queue
        self._is_put = self.path.exists()

    def require(self, held: int) -> None:
        """Raise LogDamaged, which says what to do, if there is a mark and none of the messages that it stands for."""
        if self._is_put and not held:
            raise LogDamaged(
                f"{self._queue}: messages were held in it, and it is gone or empty; put it back, or remove "
                f"{self.path}: {WHAT_IS_LOST}"
            )

    def follow(self, held: int) -> None:
        """Put or remove the mark, durably, for this number of held messages; raises LogUnavailable."""
        if bool(held) == self._is_put:
            return
        try:
            if held:
                replace_durably(self.path, b"", PRIVATE)
            else:
                self.path.unlink(missing_ok=True)
                sync_folder(self.path.parent)
        except OSError as error:
            raise LogUnavailable(f"{self.path}: cannot be put or removed ({error.strerror})") from error
        finally:
            self._is_put = self.path.exists()
