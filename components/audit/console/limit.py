"""How often somebody may try to log in, and how often who is logged in may ask."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable

WINDOW_S = 60.0
MOST_FAILURES = 8
MOST_FAILURES_OF_ALL = 60
_MOST_ADDRESSES = 10_000
MOST_AT_ONCE = 8


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


class Pace:
    """Counts the requests of each auditor, over all their sessions: those of the last minute, and those under way.

    So nobody keeps others from looking, and nobody reads all of an archive page by page, unseen among many looks.
    """

    def __init__(self, most_a_minute: int, clock: Callable[[], float]) -> None:
        self._most_a_minute = most_a_minute
        self._clock = clock
        self._asked: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=most_a_minute))
        self._under_way = Counter[str]()

    def begin(self, auditor: str) -> float:
        """Count a request, which has to `end`; return for how long the auditor has to wait instead, 0 if not."""
        asked, now_s = self._asked[auditor], self._clock()
        if self._under_way[auditor] >= MOST_AT_ONCE:
            return 1.0
        if len(asked) == self._most_a_minute and asked[0] + WINDOW_S > now_s:
            return asked[0] + WINDOW_S - now_s
        asked.append(now_s)
        self._under_way[auditor] += 1
        return 0.0

    def end(self, auditor: str) -> None:
        """Count a request no more as under way."""
        self._under_way[auditor] -= 1
