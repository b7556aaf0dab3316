"""Errors for stanzas lost with a killed server: kept until their senders are back (docs/review.md, 4)."""

import time
from collections.abc import Callable, Iterable

from components.gate.review.queue import ReviewQueue
from policy.address import bare
from policy.review import Returned, address_error, is_owed, owe_error

# A client that sends again what was lost (XEP-0198) does so at once when it is back. Then it needs no error.
SAID_AGAIN_WITHIN_S = 10.0
_OWED_FOR_NS = 7 * 24 * 3600 * 1_000_000_000


class OwedErrors:
    """Keeps errors as items of the review queue, and sends each when its sender has a session again."""

    def __init__(
        self,
        queue: ReviewQueue,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._clock_ns = clock_ns
        self._clock_s = clock_s
        # Who is back: the address of their session, and the time from which on they get the error. Lost in a crash:
        # then they get it when they come back the next time.
        self._back: dict[str, tuple[str, float]] = {}

    def has(self, token: str) -> bool:
        """Return whether an error with this token waits, or is on its way."""
        return self._queue.find(token) is not None

    def owe(self, returned: Iterable[Returned], forgiven: Iterable[str]) -> None:
        """Store new errors, and forget those with these tokens; raises LogUnavailable."""
        change, now_ns = self._queue.begin_change(), self._clock_ns()
        for each in returned:
            change.add(owe_error(each, now_ns, now_ns + _OWED_FOR_NS))
        for token in forgiven:
            if token in change.items:
                change.drop(token)
        self._queue.save(change)

    def note_back(self, full_jid: str, unstored: Iterable[Returned] = ()) -> None:
        """Note that somebody has a session, if an error waits for them here or among those that are stored next."""
        account = bare(full_jid)
        waiting = {bare(item.to) for item in self._queue.items if is_owed(item)}
        if account in waiting or any(bare(each.sender) == account for each in unstored):
            self._back[account] = full_jid, self._clock_s() + SAID_AGAIN_WITHIN_S

    def give_back(self) -> None:
        """Send errors to senders who are back; forget those for which nobody came back. Raises LogUnavailable."""
        owed = [item for item in self._queue.items if is_owed(item)]
        if not owed:
            return
        change, now_ns, now_s = self._queue.begin_change(), self._clock_ns(), self._clock_s()
        for item in owed:
            full_jid, from_s = self._back.get(bare(item.to), ("", now_s))
            if item.deadline_ns <= now_ns:
                change.drop(item.token)
            elif full_jid and from_s <= now_s:
                change.put(address_error(item, full_jid))
        self._queue.save(change)
