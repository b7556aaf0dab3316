"""The roster component's settings: the `[roster]` table of site.toml (docs/settings.md), and where the server is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field, ValidationError

from components.settings.log import LogTable
from components.settings.table import (
    DomainName,
    LogLevel,
    Port,
    SettingsError,
    SitePath,
    describe_problems,
    find_missing,
    load_table,
    read_toml,
)


class RosterSettings(LogTable):
    """What the roster component needs to know. Paths are absolute."""

    table_name: ClassVar[str] = "roster"

    jid: DomainName
    secret_file: SitePath
    state_file: SitePath
    status_file: SitePath
    log_level: LogLevel = "info"
    requests_per_s: float = Field(default=200.0, gt=0, le=10_000)
    requests_at_once: int = Field(default=2, ge=1, le=64)
    reconnect_max_s: float = Field(default=10.0, gt=0)

    def find_problems(self) -> Iterator[str]:
        """Say which files the component lacks."""
        yield from find_missing("roster.secret_file", [self.secret_file])
        yield from super().find_problems()


@dataclass(frozen=True, slots=True)
class RosterLine:
    """The line that the component serves: where its server takes components, who is on it, and what its gate says."""

    address: str
    component_port: int
    directory: Path
    gate_status: Path


class _GateTable(BaseModel):
    address: str = "127.0.0.1"
    component_port: Port = 5347
    directory: SitePath
    status_file: SitePath


def load_roster(site_toml: Path) -> RosterSettings:
    """Read the `[roster]` table of site.toml, and nothing else of it; raises SettingsError."""
    return load_table(site_toml, "roster", RosterSettings)


def load_line(site_toml: Path) -> RosterLine:
    """Read from the `[gate]` table what all components of the site share; raises SettingsError."""
    table = read_toml(site_toml).get("gate")
    try:
        gate = _GateTable.model_validate(table, context={"folder": site_toml.resolve().parent})
    except ValidationError as err:
        raise SettingsError(describe_problems(err, _GateTable, ("gate",))) from None
    return RosterLine(gate.address, gate.component_port, gate.directory, gate.status_file)
