"""Pauses between attempts that fail, doubling up to a bound."""

from dataclasses import dataclass

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


@dataclass(slots=True)
class Backoff:
    """When to try again, on a monotonic clock; `fault` says why the last attempt failed, or nothing."""

    longest_s: float = LONGEST_PAUSE_S
    fault: str = ""
    _pause_s: float = 0.0
    _not_before_s: float = 0.0

    def is_due(self, now_s: float) -> bool:
        """Return whether the pause is over."""
        return now_s >= self._not_before_s

    def due_in_s(self, now_s: float) -> float:
        """Return for how long the pause goes on, 0 when it is over."""
        return max(0.0, self._not_before_s - now_s)

    def succeeded(self) -> None:
        """Go on without a pause."""
        self.fault, self._pause_s, self._not_before_s = "", 0.0, 0.0

    def failed(self, fault: str, now_s: float) -> bool:
        """Pause twice as long as the last time; returns whether this is another fault than the last one."""
        self._pause_s = min(self.longest_s, max(FIRST_PAUSE_S, self._pause_s * 2))
        self._not_before_s = now_s + self._pause_s
        is_new, self.fault = fault != self.fault, fault
        return is_new
