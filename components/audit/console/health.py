"""The state of the line as its processes tell it, in their status files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.process.status import read_status
from components.settings.site import SiteFile
from components.settings.tables import TABLES

# The indexer and a copy of a feed follow logs.
_GOOD = frozenset({"connected", "running", "following"})


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process by the name of its table; `fault` says what is wrong, as the process or its silence tells."""

    name: str
    state: str
    fault: str

    @property
    def is_well(self) -> bool:
        """Whether it works."""
        return self.state in _GOOD and not self.fault


@dataclass(frozen=True, slots=True)
class RaisedAlarm:
    """An alarm that a process tells of (docs/alarms.md)."""

    name: str
    times: int
    last_at_ns: int


@dataclass(frozen=True, slots=True)
class Health:
    """The processes with a status file, the alarms that they tell of, and what is not witnessed.

    `index_lag` is how many entries the indexer has not indexed yet, None where there is none.
    """

    processes: tuple[ProcessState, ...]
    alarms: tuple[RaisedAlarm, ...]
    unwitnessed: tuple[str, ...]
    has_witness: bool
    index_lag: int | None = None


def read_health(site: SiteFile) -> Health:
    """Read the state of all processes of a site."""
    told = {name: read_status(file) for name, file in _status_files(site)}
    processes = tuple(
        ProcessState(name, str(status.get("state", "")), fault) for name, (status, fault) in told.items()
    )
    alarms = tuple(alarm for status, _ in told.values() for alarm in _read_alarms(status))
    faults = told["witness"][0].get("faults") if "witness" in told else None
    unwitnessed = tuple(map(str, faults)) if isinstance(faults, list) else ()
    lag = told["indexer"][0].get("lag_entries") if "indexer" in told else None
    index_lag = lag if isinstance(lag, int) else None
    return Health(processes, alarms, unwitnessed, "witness" in told, index_lag)


def _status_files(site: SiteFile) -> Iterator[tuple[str, Path]]:
    for table in TABLES:
        if "status_file" in table.model_fields and (settings := site.find(table)) is not None:
            yield table.table_name, getattr(settings, "status_file")  # noqa: B009 - not every table has one


def _read_alarms(status: dict[str, Any]) -> Iterator[RaisedAlarm]:
    alarms = status.get("alarms")
    for each in alarms if isinstance(alarms, list) else ():
        if isinstance(each, dict) and "name" in each:
            yield RaisedAlarm(str(each["name"]), int(each.get("times", 1)), int(each.get("last_at_ns", 0)))
