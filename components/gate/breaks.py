"""Finds what the gate must not send again because it ends the link: the second time shows what it was."""

import time
from collections import Counter
from collections.abc import Callable, Iterable

from components.link.codec import Status
from policy.review import Place

_CAREFUL_S = 60.0
_ONCE_TOO_OFTEN = 2


class LinkBreaks:
    """Finds out which output of the gate made the server end the stream.

    The server does not say which. So the gate is careful for the next minute: each exception begins a verdict of
    its own, and the gate asks for one injection at a time. If the stream ends again, only one output can be the
    cause. The finder calls `on_unsendable` with the record of what the gate will not send again. A crash loses all
    of this: the count begins again.
    """

    def __init__(
        self,
        on_unsendable: Callable[[int], None] = lambda _record: None,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.unsendable = on_unsendable
        self._clock_s = clock_s
        self._careful_until_s = 0.0
        # How often the link ended while an injection was asked for and had not come back, by its token.
        self._breaks: Counter[str] = Counter()
        # The epoch in which the link ended; empty as soon as the adapter has sent a status.
        self._broken_epoch = ""
        # Only a verdict can have ended the link, and the exception that it named was the first one in it.
        self._is_exact = False
        # The number that had no verdict when the link ended the last time.
        self._suspect: Place | None = None
        self._blamed: set[Place] = set()

    @property
    def is_careful(self) -> bool:
        """Whether the link has just ended because of something that the gate sent."""
        return self._clock_s() < self._careful_until_s

    def broken(self, epoch: str, asked: Iterable[str]) -> None:
        """Note that the link ended; `asked` are the tokens of injections that have not come back."""
        tokens = list(asked)
        if not self.is_careful:
            self._breaks.clear()
            self._suspect = None
        self._is_exact = self.is_careful and not tokens
        self._breaks.update(tokens)
        self._broken_epoch = epoch
        self._careful_until_s = self._clock_s() + _CAREFUL_S

    def resumed(self, status: Status) -> None:
        """Take the first status after that. The adapter takes verdicts in order, so the first submission without
        one is suspect.
        """
        epoch, self._broken_epoch = self._broken_epoch, ""
        if epoch != status.epoch or status.first_seq == status.next_seq:
            return
        place = Place(status.epoch, status.first_seq)
        if self._is_exact or place == self._suspect:
            self._blamed.add(place)
        self._suspect = place

    def is_blamed(self, epoch: str, seq: int) -> bool:
        """Return whether a submission's verdict has ended the link."""
        return bool(self._blamed) and Place(epoch, seq) in self._blamed

    def is_injection_blamed(self, token: str) -> bool:
        """Return whether the request for an item has ended the link."""
        return self._breaks.get(token, 0) >= _ONCE_TOO_OFTEN
