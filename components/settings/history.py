"""The made-up history of a demonstration: the `[history]` table of site.toml (docs/settings.md)."""

from typing import ClassVar

from components.settings.log import LogTable


class HistorySettings(LogTable):
    """A log of its own for what nobody said on the line (docs/decisions/0210)."""

    table_name: ClassVar[str] = "history"
