"""How much each sender has said of late: counters that are given the time, in memory that is bounded."""

import re

from policy.content.rule import Counted, Rate

SLICES = 60
"""A window moves in steps of this part of it: what was said up to a step earlier may still count."""

SENDERS_MAX = 65_536
"""Of so many senders the counts are kept; beyond that, who has been silent the longest is forgotten."""

RECIPIENTS_MAX = 1_000
"""The largest number of recipients that a rate can name, as each is remembered."""

_NS_PER_S = 1_000_000_000
_EXAMPLE_MESSAGES_MAX = 10_000
_AMOUNT = re.compile(r"([0-9]{1,9}) in ([0-9]{1,5}) s")


class RateCounter:
    """Counts for one rule what each sender says; the same calls always give the same answers."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._counts_bytes = rate.counted is Counted.BYTES
        self._more_than = rate.more_than
        self._step_ns = rate.window_s * _NS_PER_S // SLICES
        # Who spoke in the newest step is at the end.
        self._senders: dict[str, _Recipients | _Amounts] = {}

    def exceeds(
        self, sender: str, recipient: str, size_bytes: int, at_ns: int, *, is_counted: bool = False
    ) -> bool:
        """Count a message, and return whether its sender has said more than the rate allows.

        All that is said counts, also what is then refused: so that a stricter rule never lets more through.
        A message that `is_counted` already, because it is submitted again, is not counted twice.
        """
        step = at_ns // self._step_ns
        counts = self._senders.get(sender)
        if counts is None or counts.newest != step:
            counts = self._move(sender, counts, step)
        if not is_counted:
            counts.add(recipient, size_bytes if self._counts_bytes else 1)
        return counts.total > self._more_than

    def __len__(self) -> int:
        return len(self._senders)

    def _move(
        self, sender: str, counts: "_Recipients | _Amounts | None", step: int
    ) -> "_Recipients | _Amounts":
        """Return the counts of a sender as they are in this step: the first word of the sender in it."""
        self._senders.pop(sender, None)
        if counts is None:
            counts = self._nothing(step)
        self._senders[sender] = counts
        counts.forget(step)
        self._forget_silent(step)
        return counts

    def _nothing(self, step: int) -> "_Recipients | _Amounts":
        if self._rate.counted is Counted.RECIPIENTS:
            return _Recipients(step, self._rate.more_than + 1)
        return _Amounts(step)

    def _forget_silent(self, step: int) -> None:
        while True:
            sender = next(iter(self._senders))
            if abs(step - self._senders[sender].newest) <= SLICES and len(self._senders) <= SENDERS_MAX:
                return
            del self._senders[sender]


def parse_amount(example: str) -> tuple[int, int] | None:
    """Parse the example of a rate, such as `31 in 60 s`, to the amount and the seconds; None if it is none."""
    found = _AMOUNT.fullmatch(example)
    return (int(found[1]), int(found[2])) if found else None


def matches_amount(rate: Rate, amount: int, seconds: int) -> bool:
    """Return whether somebody who says so much, evenly in so many seconds, says more than the rate allows."""
    counter = RateCounter(rate)
    size_bytes, messages = 0, min(amount, _EXAMPLE_MESSAGES_MAX)
    exceeded = False
    for number in range(messages):
        at_ns = number * seconds * _NS_PER_S // max(1, messages - 1)
        before, size_bytes = size_bytes, amount * (number + 1) // messages
        exceeded |= counter.exceeds("sender", str(number), size_bytes - before, at_ns)
    return exceeded


class _Amounts:
    """Amounts by step, at most SLICES + 1 of them."""

    __slots__ = ("_by_step", "newest", "total")

    def __init__(self, step: int) -> None:
        self._by_step: dict[int, int] = {}
        self.newest = step
        self.total = 0

    def forget(self, step: int) -> None:
        """Let go of what lies outside the window that ends here; a clock that was set far back begins anew."""
        if abs(step - self.newest) > SLICES:
            self._by_step.clear()
            self.newest, self.total = step, 0
        self.newest = max(self.newest, step)
        while self._by_step and (oldest := next(iter(self._by_step))) < self.newest - SLICES:
            self.total -= self._by_step.pop(oldest)

    def add(self, _recipient: str, amount: int) -> None:
        """Count an amount now."""
        self._by_step[self.newest] = self._by_step.get(self.newest, 0) + amount
        self.total += amount


class _Recipients:
    """Recipients with the step of the newest message to each: as many as make a difference, the newest."""

    __slots__ = ("_kept", "_last", "newest")

    def __init__(self, step: int, kept: int) -> None:
        self._last: dict[str, int] = {}
        self._kept = kept
        self.newest = step

    @property
    def total(self) -> int:
        return len(self._last)

    def forget(self, step: int) -> None:
        """Let go of those outside the window that ends here; a clock that was set far back begins anew."""
        if abs(step - self.newest) > SLICES:
            self._last.clear()
            self.newest = step
        self.newest = max(self.newest, step)
        while self._last and self._last[oldest := next(iter(self._last))] < self.newest - SLICES:
            del self._last[oldest]

    def add(self, recipient: str, _amount: int) -> None:
        """Count a recipient now."""
        if self._last.get(recipient) == self.newest:
            return
        self._last.pop(recipient, None)
        self._last[recipient] = self.newest
        if len(self._last) > self._kept:
            del self._last[next(iter(self._last))]
