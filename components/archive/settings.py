"""What all logs of a site share: the `[archive]` table of site.toml (docs/settings.md)."""

from pathlib import Path

from pydantic import Field

from components.settings import SitePath, Table, load_table


class ArchiveSettings(Table):
    """To whom records are sealed, and the key that hides who talks to whom. Paths are absolute."""

    recipients: tuple[SitePath, ...] = Field(min_length=1)
    conversation_key_file: SitePath


def load_archive(site_toml: Path) -> ArchiveSettings:
    """Read the `[archive]` table of site.toml, and nothing else of it; raises SettingsError."""
    return load_table(site_toml, "archive", ArchiveSettings)
