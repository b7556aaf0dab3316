"""Counts what each sender has written recently, with the time as an argument and in bounded memory."""

import re

from policy.content.rule import Counted, Rate

SLICES = 60
"""A window moves in steps of this part of it, so a message that is up to a step too old may still count."""

SENDERS_MAX = 65_536
"""How many senders have counts; beyond that, the sender who was silent for the longest time is forgotten."""

RECIPIENTS_MAX = 1_000
"""The largest number of recipients that a rate can name, because each is remembered."""

_NS_PER_S = 1_000_000_000
_EXAMPLE_MESSAGES_MAX = 10_000
_AMOUNT = re.compile(r"([0-9]{1,9}) in ([0-9]{1,5}) s")


class RateCounter:
    """Counts the messages of each sender for one rule; the same calls always give the same answers."""

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
        """Count a message, and return whether its sender is over the rate.

        Every message counts, also if it is then refused, so that a stricter rule never lets more through. A message
        that `is_counted` already, because it is submitted again, is not counted twice.
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
        """Return a sender's counts in this step, at the sender's first message in it."""
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
    """Parse an example of a rate, such as `31 in 60 s`, into amount and seconds; None if it is not one."""
    found = _AMOUNT.fullmatch(example)
    return (int(found[1]), int(found[2])) if found else None


def matches_amount(rate: Rate, amount: int, seconds: int) -> bool:
    """Return whether this amount, spread evenly over so many seconds, is over the rate."""
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
        """Forget what is outside the window that ends here; begin again if the clock was set far back."""
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
    """The newest recipients with the step of the last message to each, only as many as matter."""

    __slots__ = ("_kept", "_last", "newest")

    def __init__(self, step: int, kept: int) -> None:
        self._last: dict[str, int] = {}
        self._kept = kept
        self.newest = step

    @property
    def total(self) -> int:
        return len(self._last)

    def forget(self, step: int) -> None:
        """Forget those outside the window that ends here; begin again if the clock was set far back."""
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
