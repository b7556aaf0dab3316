"""The `[tiles]` table of site.toml (docs/settings.md), and which logs there are to serve."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ValidationError

from components.archive.store.open import StoreName, log_name
from components.settings.archive import LogStoreName
from components.settings.table import Port, SettingsError, Table, describe_problems, load_table, read_toml


class TilesSettings(Table):
    """Where tiles and checkpoints are served over HTTP."""

    table_name: ClassVar[str] = "tiles"

    address: str = "127.0.0.1"
    port: Port


class _LogTable(BaseModel):
    log: LogStoreName


class _LogTables(BaseModel):
    gate: _LogTable
    audit: _LogTable


def load_tiles(site_toml: Path) -> TilesSettings:
    """Read the `[tiles]` table of site.toml, and nothing else of it; raises SettingsError."""
    return load_table(site_toml, "tiles", TilesSettings)


def load_served_logs(site_toml: Path) -> Mapping[str, StoreName]:
    """Read from site.toml where the logs are, by their names; raises SettingsError."""
    context = {"folder": site_toml.resolve().parent}
    try:
        tables = _LogTables.model_validate(read_toml(site_toml), context=context)
    except ValidationError as error:
        raise SettingsError(describe_problems(error, _LogTables)) from None
    return {log_name(table.log): table.log for table in (tables.gate, tables.audit)}
