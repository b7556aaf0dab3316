"""The gate's settings: the `[gate]` table of site.toml (docs/settings.md)."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from components.settings.log import LogTable
from components.settings.table import DomainName, LogLevel, Port, SitePath, Table, load_table, read_toml
from policy.review import ReviewAct


class GateSettings(LogTable):
    """What the gate process needs to know. Paths are absolute; sizes are in stanzas and bytes."""

    table_name: ClassVar[str] = "gate"

    jid: DomainName
    address: str = "127.0.0.1"
    component_port: Port = 5347
    secret_file: SitePath
    directory: SitePath
    policy: SitePath | None = None
    status_file: SitePath
    log_level: LogLevel = "info"
    hold_timeout_s: float = Field(default=5.0, gt=0, le=300)
    window_stanzas: int = Field(default=16384, ge=1)
    window_bytes: int = Field(default=32 * 1024 * 1024, ge=64 * 1024)
    reconnect_max_s: float = Field(default=10.0, gt=0)
    max_batch: int = Field(default=128, ge=1)
    canary_interval_s: float = Field(default=5.0, ge=0, le=300)
    metrics_port: int = Field(default=0, ge=0, le=65535)


class ReviewSettings(Table):
    """The `[review]` table: where held messages wait, for how long, and what becomes of those nobody decides on."""

    table_name: ClassVar[str] = "review"

    file: SitePath | None = None
    deadline_s: float = Field(default=3600.0, gt=0, le=30 * 86_400)
    default: ReviewAct = ReviewAct.REFUSE


def load_review(site_toml: Path) -> ReviewSettings:
    """Read the `[review]` table of site.toml, which may be missing; raises SettingsError."""
    if "review" not in read_toml(site_toml):
        return ReviewSettings()
    return load_table(site_toml, "review", ReviewSettings)


def load_gate(site_toml: Path) -> GateSettings:
    """Read the `[gate]` table of site.toml, and nothing else of it; raises SettingsError."""
    return load_table(site_toml, "gate", GateSettings)
