"""The auditors' log, index and keys: the `[audit]` table of site.toml (docs/settings.md)."""

from typing import ClassVar

from pydantic import Field

from components.settings.archive import SiteKey
from components.settings.log import LogTable
from components.settings.table import SitePath


class AuditSettings(LogTable):
    """The auditors' own log, the index that they search, and the keys that open what is sealed to them."""

    table_name: ClassVar[str] = "audit"

    index: SitePath
    key_files: tuple[SiteKey, ...] = Field(min_length=1)
    speech_model: SitePath | None = None
