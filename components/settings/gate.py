"""The gate's settings: the `[gate]` table of site.toml (docs/settings.md)."""

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from components.settings.log import LogTable
from components.settings.table import (
    DomainName,
    LogLevel,
    LoopbackAddress,
    Port,
    SitePath,
    find_missing,
)

OBSERVING = (
    "Its rules on who may write to whom, and on what may be said, are not in force yet: nothing is refused."
)
"""What everybody is told at each login, beside the notice of the recording, while the gate only observes."""


class GateMode(StrEnum):
    """What the gate does with what policy says: it does so, or only records it (docs/attach.md, section 1)."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class GateSettings(LogTable):
    """The settings of the gate process. Paths are absolute; sizes are in stanzas and bytes."""

    table_name: ClassVar[str] = "gate"
    may_be_missing: ClassVar[bool] = False

    jid: DomainName
    mode: GateMode = GateMode.ENFORCE
    address: LoopbackAddress = "127.0.0.1"
    component_port: Port = 5347
    secret_file: SitePath
    directory_file: SitePath = Field(alias="directory")
    policy: SitePath | None = None
    status_file: SitePath
    log_level: LogLevel = "info"
    hold_timeout_s: float = Field(default=5.0, gt=0, le=300)
    window_stanzas: int = Field(default=16384, ge=1)
    window_bytes: int = Field(default=32 * 1024 * 1024, ge=64 * 1024)
    reconnect_max_s: float = Field(default=10.0, gt=0)
    max_batch: int = Field(default=256, ge=1)
    canary_interval_s: float = Field(default=5.0, ge=0, le=300)
    metrics_port: int = Field(default=0, ge=0, le=65535)

    @property
    def observes(self) -> bool:
        """Whether it only records what policy says, and does nothing of it."""
        return self.mode is GateMode.OBSERVE

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each missing file of the gate."""
        yield from find_missing("gate.secret_file", [self.secret_file])
        yield from find_missing("gate.directory", [self.directory_file])
        yield from super().find_problems()
