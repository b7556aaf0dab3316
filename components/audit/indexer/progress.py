"""How far the indexer is: what its status file and its figures say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from components.process.status import Status

_RATE_OVER_S = 10.0
_BEHIND_S = 5.0
"""From so long on it is said to be behind: a healthy one needs less than a second."""


@dataclass(slots=True)
class IndexerProgress:
    """What the indexer knows of itself; times are those of `clock_s`, which only rises."""

    clock_s: Callable[[], float]
    indexed: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    fault: str = ""
    records: int = 0
    rebuilt: int = 0
    _behind_since_s: float | None = None
    _rate_from: tuple[float, int] = (0.0, 0)
    _rate: float = 0.0

    def note(self, name: str, indexed: int, size: int) -> None:
        """Note how far a log is indexed, of how many entries."""
        self.records += max(0, indexed - self.indexed.get(name, indexed))
        self.indexed[name], self.sizes[name] = indexed, size
        if not self.lag_entries:
            self._behind_since_s = None
        elif self._behind_since_s is None:
            self._behind_since_s = self.clock_s()

    @property
    def lag_entries(self) -> int:
        """How many entries of the logs are not in the index yet."""
        return sum(max(0, size - self.indexed.get(name, 0)) for name, size in self.sizes.items())

    @property
    def lag_s(self) -> float:
        """For how long there has been something that is not in the index yet."""
        return 0.0 if self._behind_since_s is None else self.clock_s() - self._behind_since_s

    @property
    def records_per_s(self) -> float:
        """How many entries were indexed a second, over the last ten seconds or so."""
        now_s, (begin_s, begin) = self.clock_s(), self._rate_from
        if now_s - begin_s >= _RATE_OVER_S:
            self._rate = (self.records - begin) / (now_s - begin_s) if begin_s else 0.0
            self._rate_from = (now_s, self.records)
        return self._rate

    def describe(self) -> Status:
        """Return the content of the status file."""
        state = "following"
        if self.fault:
            state = "stuck"
        elif self.lag_s > _BEHIND_S:
            state = "behind"
        details: Mapping[str, object] = {
            "lag_entries": self.lag_entries,
            "lag_s": round(self.lag_s, 3),
            "records_per_s": round(self.records_per_s, 1),
            "indexed": dict(self.indexed),
            "fault": self.fault,
        }
        return Status(state, details)
