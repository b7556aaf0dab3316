"""Where the logs and the index of a site are: what the auditors' commands need of site.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field, ValidationError

from components.archive.keys.reference import (
    KeyReference,
    KeyReferenceError,
    parse_key_reference,
    public_file,
)
from components.archive.store.open import StoreName, log_name
from components.process.errors import SiteError
from components.settings.archive import LogStoreName, SiteKey
from components.settings.log import LogTable
from components.settings.table import SitePath


@dataclass(frozen=True, slots=True)
class LogSettings:
    """One log: its store, the origin of its checkpoints (C2SP tlog-checkpoint), the place of its signing key."""

    path: StoreName
    origin: str
    key_file: KeyReference

    @property
    def name(self) -> str:
        """The log's name in the ids of records, as in `gate/100042`."""
        return log_name(self.path)

    @property
    def verifier_key_file(self) -> Path:
        """The file of the public key, beside that of the signing key."""
        return public_file(self.key_file)


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The log of what was said, the log of who looked at it, and the index over the first.

    `roster` is the log of changed rosters, None where nobody keeps them. All logs are sealed to `recipients` (files of
    public keys); `key_files` open them. `approvers` and the conversation key are what orders need; `retention`, too,
    which is None where the site has no policy of its own.
    """

    gate: LogSettings
    audit: LogSettings
    index: Path
    recipients: tuple[Path, ...]
    key_files: tuple[KeyReference, ...]
    retention: Path | None = None
    approvers: tuple[Path, ...] = ()
    conversation_key_file: Path | None = None
    roster: LogSettings | None = None

    @property
    def logs(self) -> tuple[LogSettings, ...]:
        """All logs of the site."""
        return (self.gate, self.audit, *([self.roster] if self.roster else []))

    @property
    def log_names(self) -> str:
        """The names of all logs, for people."""
        return " or ".join(log.name for log in self.logs)

    def find_log(self, name: str) -> LogSettings | None:
        """Return the log of this name, or None."""
        return next((log for log in self.logs if log.name == name), None)


class AuditTable(LogTable):
    """`[audit]`: the auditors' own log, the index that they search, and the keys that open what is sealed to them."""

    table_name: ClassVar[str] = "audit"

    index: SitePath
    key_files: tuple[SiteKey, ...] = Field(min_length=1)


class _LogTable(BaseModel):
    log: LogStoreName
    log_origin: str = Field(min_length=1)
    log_key_file: str

    def located(self, folder: Path) -> LogSettings:
        # Paths of site.toml start at its folder.
        key = parse_key_reference(self.log_key_file, folder)
        return LogSettings(self.log, self.log_origin, key)


class _AuditTable(_LogTable):
    index: Path
    key_files: tuple[str, ...] = Field(min_length=1)


class _ArchiveTable(BaseModel):
    recipients: tuple[Path, ...] = Field(min_length=1)
    retention: Path | None = None
    approvers: tuple[Path, ...] = ()
    conversation_key_file: Path | None = None


class _SiteTables(BaseModel):
    gate: _LogTable
    archive: _ArchiveTable
    audit: _AuditTable
    roster: _LogTable | None = None

    def located(self, folder: Path) -> AuditSettings:
        return AuditSettings(
            self.gate.located(folder),
            self.audit.located(folder),
            folder / self.audit.index.expanduser(),
            tuple(folder / path.expanduser() for path in self.archive.recipients),
            tuple(parse_key_reference(text, folder) for text in self.audit.key_files),
            _below(folder, self.archive.retention),
            tuple(folder / path.expanduser() for path in self.archive.approvers),
            _below(folder, self.archive.conversation_key_file),
            self.roster.located(folder) if self.roster else None,
        )


def _below(folder: Path, path: Path | None) -> Path | None:
    return folder / path.expanduser() if path else None


def load_audit_settings(site_toml: Path) -> AuditSettings:
    """Read what site.toml says of the logs and the index; the rest of it is the site's to check.

    Raises SiteError.
    """
    try:
        context = {"folder": site_toml.resolve().parent}
        tables = _SiteTables.model_validate(tomllib.loads(site_toml.read_text()), context=context)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SiteError(f"{site_toml}: {reason}; name the site's file with --site") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SiteError(f"{site_toml}: is not valid TOML: {error}") from None
    except ValidationError as error:
        where = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raise SiteError(f"{site_toml}: missing or wrong: {where}; `steelyard check` says more") from None
    folder = site_toml.resolve().parent
    try:
        return tables.located(folder)
    except KeyReferenceError as error:
        raise SiteError(f"{site_toml}: the place of a key: {error}") from None
