"""The `[toy]` table of site.toml."""

from typing import ClassVar

from components.settings.log import LogTable
from components.settings.table import DomainName, LogLevel, Port, SitePath


class ToySettings(LogTable):
    """What the toy needs to know."""

    table_name: ClassVar[str] = "toy"

    jid: DomainName
    secret_file: SitePath
    status_file: SitePath
    port: Port
    log_level: LogLevel = "info"
