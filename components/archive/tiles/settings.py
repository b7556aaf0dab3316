"""The `[tiles]` table of site.toml (docs/settings.md)."""

from components.settings import Port, Table


class TilesSettings(Table):
    """Where tiles and checkpoints are served over HTTP."""

    address: str = "127.0.0.1"
    port: Port
