"""The auditors' log, index and keys: the `[audit]` table of site.toml (docs/settings.md)."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from components.settings.archive import SiteKey
from components.settings.auditors import AuditorEntry, find_auditor_problems
from components.settings.log import LogTable
from components.settings.table import SitePath


class AuditSettings(LogTable):
    """The auditors' own log, the index that they search, and the keys that open what is sealed to them."""

    table_name: ClassVar[str] = "audit"

    index: SitePath
    key_files: tuple[SiteKey, ...] = Field(min_length=1)
    speech_model: SitePath | None = None
    auditors: tuple[AuditorEntry, ...] = ()
    matter_required: bool = False
    readers: tuple[SitePath, ...] = ()
    grants: SitePath | None = None

    def find_problems(self) -> Iterator[str]:
        """Yield what is wrong with the log's key, and with the auditors."""
        yield from super().find_problems()
        yield from find_auditor_problems(self.auditors)
