"""The states of records: counts them, and keeps records that are not VALID as ranges."""

from collections.abc import Iterable
from dataclasses import dataclass

from components.verifier.report import Findings, Range

MAX_RANGES = 100_000

STATES = ("VALID", "HELD", "SHREDDED", "MISSING", "FORGED")
FLAWS = {
    "payload-missing": "gone, and no tombstone says so",
    "not-destroyed": "still there in spite of a tombstone",
    "hold-broken": "destroyed in spite of a hold that was in force",
}


@dataclass(slots=True)
class Run:
    """Neighbouring records of one class in the same state; `flaw` is the problem that they share, or empty."""

    state: str
    order: str | None
    flaw: str
    first: int
    last: int
    count: int


class States:
    """Counts records by state, and keeps what is not VALID as runs: a run costs the same however long it is."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.counts = dict.fromkeys(STATES, 0)
        self.ranges: list[Range] = []
        self.left_out = 0
        self._runs: dict[int | None, Run] = {}
        self._recent: dict[int, str] = {}
        self._marked = (dict(self.counts), 0)

    def add_valid(self, classes: Iterable[int], count: int) -> None:
        """Count records of these classes that are VALID."""
        self.counts["VALID"] += count
        if self._runs:
            for retention_class in classes:
                self._close(retention_class)

    def add(
        self, index: int, state: str, retention_class: int | None, order: str | None = None, flaw: str = ""
    ) -> None:
        """Count one record; its class may be unknown."""
        self.counts[state] += 1
        if state != "VALID":
            self._recent[index] = state
        run = self._runs.get(retention_class)
        # Those of a class may lie far apart; of those of no known class, nothing is known of what lies between.
        near = run is not None and (retention_class is not None or index == run.last + 1)
        if run is not None and near and (run.state, run.order, run.flaw) == (state, order, flaw):
            run.last, run.count = index, run.count + 1
            return
        self._close(retention_class)
        if state != "VALID" or flaw:
            self._runs[retention_class] = Run(state, order, flaw, index, index, 1)

    def begin_tile(self) -> None:
        """Forget the states of the previous tile's records."""
        self._recent.clear()

    def mark(self, size: int, end: int) -> None:
        """Mark the counts under a matching checkpoint of `size` records, when `end` records have been counted."""
        counts = dict(self.counts)
        counts["VALID"] -= end - size
        for index, state in self._recent.items():
            if index >= size:
                counts[state] -= 1
                counts["VALID"] += 1
        self._marked = (counts, len(self.ranges))

    def condemn(self, first: int, last: int) -> None:
        """Take back the states since the last mark, because no signed root covers these records."""
        self.close()
        counts, kept = self._marked
        condemned = 0
        for state in ("VALID", "HELD"):
            condemned += self.counts[state] - counts[state]
            self.counts[state] = counts[state]
        self.counts["FORGED"] += condemned
        self.ranges[kept:] = [each for each in self.ranges[kept:] if each.state != "HELD"]
        self._keep(Range("FORGED", None, first, last, condemned, None))

    def close(self) -> None:
        """End every run."""
        for retention_class in list(self._runs):
            self._close(retention_class)

    def _close(self, retention_class: int | None) -> None:
        run = self._runs.pop(retention_class, None)
        if run is None:
            return
        if run.flaw:
            what, where = f"the payloads of {run.count} records are", f", from this one to {run.last}"
            if run.count == 1:
                what, where = "the payload of this record is", ""
            self._findings.add(run.flaw, run.first, f"{what} {FLAWS[run.flaw]}{where}")
        if run.state != "VALID":
            self._keep(Range(run.state, retention_class, run.first, run.last, run.count, run.order))

    def _keep(self, range_: Range) -> None:
        if len(self.ranges) < MAX_RANGES:
            self.ranges.append(range_)
        else:
            self.left_out += 1
