"""Exceptions from barriers: named people who may talk across them for a time (docs/borders.md, section 4)."""

from collections.abc import Iterable
from dataclasses import dataclass

from policy.address import BareJid
from policy.enterprise import EnterpriseId


@dataclass(frozen=True, slots=True)
class BarrierException:
    """Lets `people` (sorted, at least two) reach one another across barriers, from `begins_s` until before `ends_s`.

    Both times are whole seconds of Unix time. Allow lists, chaperoned rooms and the borders of enterprises stay.
    """

    id: str
    enterprise: EnterpriseId
    people: tuple[BareJid, ...]
    begins_s: int
    ends_s: int
    reason: str

    def is_active(self, now_s: float) -> bool:
        """Tell whether it is in force at this time."""
        return self.begins_s <= now_s < self.ends_s


def find_next_change(exceptions: Iterable[BarrierException], now_s: float) -> int | None:
    """Give the next time (Unix, seconds) after `now_s` at which one of these begins or ends, or None."""
    times = (time for each in exceptions for time in (each.begins_s, each.ends_s) if time > now_s)
    return min(times, default=None)
