"""The auditors' log, index and keys: the `[audit]` table of site.toml (docs/settings.md)."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from components.archive.kept_checkpoints import kept_folder
from components.archive.keys import KeyFileError, load_verifier_key
from components.archive.store.open import is_postgres, log_name
from components.archive.store.postgres_url import PostgresUrl, parse_postgres_url
from components.settings.archive import LogStoreName, SiteKey
from components.settings.auditors import AuditorEntry, find_auditor_problems
from components.settings.log import LogSettings, LogTable
from components.settings.table import NAME_MAX, SitePath, Table


class OtherAuditLog(Table):
    """The log of auditors on another machine (docs/auditor.md): it is read and verified here, and never written."""

    log: LogStoreName
    log_origin: str = Field(min_length=1, max_length=NAME_MAX)
    verifier_key: SitePath

    def log_settings(self, folder: Path) -> LogSettings:
        """Return the log's settings, with the public half of its key in place of the private one."""
        name = log_name(self.log)
        kept = kept_folder(folder / "archive" / name)
        return LogSettings("audit.others", self.log, self.log_origin, self.verifier_key, kept)

    def find_problems(self) -> Iterator[str]:
        """Yield what is wrong with the log's key."""
        try:
            name = load_verifier_key(self.verifier_key).name
        except KeyFileError as error:
            yield f"audit.others: {error}; it is the public half of the key that signs {self.log_origin}"
            return
        if name != self.log_origin:
            yield f"audit.others: {self.verifier_key} is the key of {name}, not of {self.log_origin}"


class OtherSite(Table):
    """Another site whose archive the auditors of this one look into, too: its name here, and its site.toml."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    site: SitePath


class AuditSettings(LogTable):
    """The auditors' own log, the index that they search, and the keys that open what is sealed to them."""

    table_name: ClassVar[str] = "audit"
    may_be_missing: ClassVar[bool] = False

    index: SitePath
    key_files: tuple[SiteKey, ...] = Field(min_length=1)
    speech_model: SitePath | None = None
    auditors: tuple[AuditorEntry, ...] = ()
    others: tuple[OtherAuditLog, ...] = ()
    sites: tuple[OtherSite, ...] = ()
    matter_required: bool = False
    readers: tuple[SitePath, ...] = ()
    grants: SitePath | None = None
    index_store: LogStoreName | None = None
    own_machine: bool = False

    @property
    def index_url(self) -> PostgresUrl | None:
        """The index in PostgreSQL, if it is there and not in a file."""
        return None if self.index_store is None else parse_postgres_url(str(self.index_store))

    def find_problems(self) -> Iterator[str]:
        """Yield what is wrong with the log's key, with the auditors, and with the logs of others."""
        yield from super().find_problems()
        yield from find_auditor_problems(self.auditors)
        if self.index_store is not None and not is_postgres(self.index_store):
            yield "audit.index_store: write postgresql://user@host/database#index; a file is named by audit.index"
        elif self.index_store is not None and self.grants:
            yield "audit.index_store: who works with grants has an index in a file, for each set of grants another"
        elif self.index_store is not None and self.index_store == self.log:
            yield "audit.index_store: name another schema behind the # than that of audit.log"
        origins = Counter([self.log_origin, *(each.log_origin for each in self.others)])
        for origin in sorted(origin for origin, times in origins.items() if times > 1):
            yield f"audit.others: {origin} is the name of two logs; each machine's log has its own"
        for other in self.others:
            yield from other.find_problems()
        names = Counter(each.name for each in self.sites)
        for name in sorted(name for name, times in names.items() if times > 1):
            yield f"audit.sites: {name} is the name of two sites; give each its own"
