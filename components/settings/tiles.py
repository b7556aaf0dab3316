"""The `[tiles]` table of site.toml (docs/settings.md)."""

from typing import ClassVar

from components.settings.table import Address, Port, Table


class TilesSettings(Table):
    """The address at which tiles and checkpoints are served over HTTP."""

    table_name: ClassVar[str] = "tiles"

    address: Address = "127.0.0.1"
    port: Port
