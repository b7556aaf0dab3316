"""Logins that take two requests: what was said in the first is kept here, for some minutes, and used once."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_LIFETIME_S = 300.0
_MOST = 1_000

_Kept = TypeVar("_Kept")


@dataclass(slots=True)
class Ceremonies(Generic[_Kept]):
    """What is kept between two requests, by a name that only the first one's browser has."""

    clock: Callable[[], float]
    _kept: dict[str, tuple[float, _Kept]] = field(default_factory=dict)

    def begin(self, kept: _Kept) -> str:
        """Keep something, and return its name."""
        while len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        name = secrets.token_urlsafe(32)
        self._kept[name] = (self.clock() + _LIFETIME_S, kept)
        return name

    def end(self, name: str) -> _Kept | None:
        """Return what was kept under a name, once; None if its time is over."""
        until_s, kept = self._kept.pop(name, (0.0, None))
        return kept if until_s > self.clock() else None
