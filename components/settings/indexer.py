"""The indexer's settings: the `[indexer]` table of site.toml (docs/settings.md)."""

from typing import ClassVar

from pydantic import Field

from components.settings.table import LogLevel, SitePath, Table


class IndexerSettings(Table):
    """The settings of the process that keeps the auditors' index up to date. Paths are absolute."""

    table_name: ClassVar[str] = "indexer"

    status_file: SitePath
    every_s: float = Field(default=0.2, gt=0, le=60)
    metrics_port: int = Field(default=0, ge=0, le=65535)
    log_level: LogLevel = "info"
