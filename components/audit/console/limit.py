"""How often somebody may try to log in."""

from collections import deque
from collections.abc import Callable

WINDOW_S = 60.0
MOST_FAILURES = 8
MOST_FAILURES_OF_ALL = 60
_MOST_ADDRESSES = 10_000


class LoginLimit:
    """Counts the failed logins of the last minute, of each address and of all together."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}
        self._all: deque[float] = deque()

    def waits_s(self, address: str) -> float:
        """Return for how long an address has to wait before it may try, 0 if it may now."""
        found = ((self._failures.get(address), MOST_FAILURES), (self._all, MOST_FAILURES_OF_ALL))
        return max(self._wait(failures, most) for failures, most in found)

    def failed(self, address: str) -> bool:
        """Count a failure; return whether the address has to wait from now on."""
        if address not in self._failures and len(self._failures) >= _MOST_ADDRESSES:
            self._failures.pop(next(iter(self._failures)))
        now_s = self._clock()
        self._failures.setdefault(address, deque(maxlen=MOST_FAILURES)).append(now_s)
        self._all.append(now_s)
        while self._all and self._all[0] <= now_s - WINDOW_S:
            self._all.popleft()
        return self.waits_s(address) > 0

    def _wait(self, failures: deque[float] | None, most: int) -> float:
        if not failures or len(failures) < most:
            return 0.0
        return max(0.0, failures[-most] + WINDOW_S - self._clock())
