"""Whether a result of several sites is of all of them: what each result has, whatever was asked for."""

from collections.abc import Iterable, Sized
from typing import Protocol


class _Asked(Protocol):
    @property
    def behind(self) -> str: ...


class _OfSites(Protocol):
    @property
    def sites(self) -> Iterable[_Asked]: ...
    @property
    def faults(self) -> Sized: ...


class OfAllSites:
    """A result with its `sites`, each of which may be `behind`, and the `faults` of those that were left out."""

    __slots__ = ()

    @property
    def is_complete(self: _OfSites) -> bool:
        """Whether all sites were asked, and none of them is a copy that is behind."""
        return not self.faults and not any(each.behind for each in self.sites)
