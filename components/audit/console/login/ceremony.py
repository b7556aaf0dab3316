"""Logins that take two requests: what was said in the first is kept here, for some minutes, and used once."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_LIFETIME_S = 300.0
_MOST = 1_000
_MOST_OF_ONE = 50

_Kept = TypeVar("_Kept")


@dataclass(slots=True)
class Ceremonies(Generic[_Kept]):
    """What is kept between two requests, by a name that only the first one's browser has."""

    clock: Callable[[], float]
    _kept: dict[str, tuple[float, str, _Kept]] = field(default_factory=dict)

    def begin(self, kept: _Kept, address: str) -> str:
        """Keep something for who asks from an address, and return its name; their own oldest makes room for it."""
        own = [name for name, (_, from_, _) in self._kept.items() if from_ == address]
        for name in own[: max(0, len(own) - _MOST_OF_ONE + 1)]:
            del self._kept[name]
        while len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        name = secrets.token_urlsafe(32)
        self._kept[name] = (self.clock() + _LIFETIME_S, address, kept)
        return name

    def end(self, name: str) -> _Kept | None:
        """Return what was kept under a name, once; None if its time is over."""
        until_s, _, kept = self._kept.pop(name, (0.0, "", None))
        return kept if until_s > self.clock() else None
