"""The roster component's settings: the `[roster]` table of site.toml (docs/settings.md)."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from components.settings.log import LogTable
from components.settings.table import (
    DomainName,
    LogLevel,
    SitePath,
    find_missing,
)


class RosterSettings(LogTable):
    """The settings of the roster component. Paths are absolute."""

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
        """Yield a line for each missing file of the component."""
        yield from find_missing("roster.secret_file", [self.secret_file])
        yield from super().find_problems()
