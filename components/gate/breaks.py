"""What ends the link by being said: at the second time it is known which it was, and it is said no more."""

import time
from collections import Counter
from collections.abc import Callable, Iterable

from components.link.codec import Status
from policy.review import Place

_CAREFUL_S = 60.0
_ONCE_TOO_OFTEN = 2


class LinkBreaks:
    """To whom it is laid that the server ended the stream over something that the gate had said on it.

    The server does not say over what. So the gate is careful for a minute from then on: each exception begins a
    verdict of its own, and of what is to be injected one is asked for at a time. What it ends over then stands alone.
    `on_unsendable` is called with the record of what is said no more. A crash loses all of it: the count begins anew.
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
        # How often the link ended while an injection was asked for, and had not come back, by its token.
        self._breaks: Counter[str] = Counter()
        # The epoch in which the link ended; empty once the adapter has said where it stands.
        self._broken_epoch = ""
        # Only a verdict may have ended the link, and whatever it named stood first in it.
        self._is_exact = False
        # What had no verdict yet when the link ended before.
        self._suspect: Place | None = None
        self._blamed: set[Place] = set()

    @property
    def is_careful(self) -> bool:
        """Whether the link has just ended over something that was said on it."""
        return self._clock_s() < self._careful_until_s

    def broken(self, epoch: str, asked: Iterable[str]) -> None:
        """Take note that the link ended; `asked` are the tokens of what was asked for and has not come back."""
        tokens = list(asked)
        if not self.is_careful:
            self._breaks.clear()
            self._suspect = None
        self._is_exact = self.is_careful and not tokens
        self._breaks.update(tokens)
        self._broken_epoch = epoch
        self._careful_until_s = self._clock_s() + _CAREFUL_S

    def resumed(self, status: Status) -> None:
        """Take the first status after that: verdicts are taken in order, so the first that lacks one is suspect."""
        epoch, self._broken_epoch = self._broken_epoch, ""
        if epoch != status.epoch or status.first_seq == status.next_seq:
            return
        place = Place(status.epoch, status.first_seq)
        if self._is_exact or place == self._suspect:
            self._blamed.add(place)
        self._suspect = place

    def is_blamed(self, epoch: str, seq: int) -> bool:
        """Whether a submission's verdict has ended the link."""
        return bool(self._blamed) and Place(epoch, seq) in self._blamed

    def is_injection_blamed(self, token: str) -> bool:
        """Whether asking for an item has ended the link."""
        return self._breaks.get(token, 0) >= _ONCE_TOO_OFTEN
