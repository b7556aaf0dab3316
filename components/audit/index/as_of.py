"""How much of each log a search covered, and the same search again at that size, when the logs have grown."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.audit.index.database import Connection
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog
from components.audit.query.compile import Where

BY_GRANTS = " by grants"
"""Ends the form of an index that has only what grants open."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """When somebody searched, and what: the size of each log as it was indexed, and the form of the index.

    The form is what the index makes of records: its format, and the version of the fold.
    """

    at_ns: int
    sizes: Mapping[IndexedLog, int]
    index_format: str = ""

    def name_others(self, names: Mapping[IndexedLog, str]) -> str:
        """Return the sizes of all logs but the gate's, as a look records them: `transfer 57, roster 3`."""
        others = (which for which in sorted(names) if which is not IndexedLog.GATE)
        return ", ".join(f"{names[which]} {self.sizes[which]}" for which in others)


def read_sizes(index: Index) -> dict[IndexedLog, int]:
    """Return how much of each log is indexed."""
    return {which: index.size_of(which) for which in IndexedLog}


def parse_sizes(log_size: int, log_sizes: str, names: Mapping[IndexedLog, str]) -> dict[IndexedLog, int]:
    """Return the sizes that a look recorded; a log that it does not name was not searched."""
    written = dict(pair.rsplit(" ", 1) for pair in log_sizes.split(", ") if " " in pair)
    sizes = {which: int(written.get(name, "0")) for which, name in names.items()}
    return sizes | {IndexedLog.GATE: log_size}


def describe_format(db: Connection) -> str:
    """Return the form of an index: what it makes of a record depends on it."""
    (fold,) = db.execute("SELECT fold FROM made").fetchone()
    return f"{db.read_version()}.{fold}"


def name_format(index_format: str, *, is_granted: bool) -> str:
    """Return the form of an index as looks record it; `is_granted`: it has what grants open, and nothing else."""
    return index_format + (BY_GRANTS if is_granted else "")


def bound_by(where: Where, sizes: Mapping[IndexedLog, int]) -> Where:
    """Return a condition bound to the first so many records of each log; of a log without a size it finds none."""
    spans = [(which.place(0), which.place(size)) for which, size in sorted(sizes.items()) if size]
    within = " OR ".join("(idx >= ? AND idx < ?)" for _ in spans) or "1 = 0"
    values = (place for span in spans for place in span)
    return Where(f"({where.sql} AND ({within}))", (*where.parameters, *values))
