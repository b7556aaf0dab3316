"""The witness's settings: the `[witness]` table of site.toml (docs/settings.md), and where the site's own logs are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from components.archive.kept_checkpoints import kept_folder
from components.archive.keys.reference import public_file
from components.archive.log.cosignature import parse_cosigner_key
from components.archive.log.log_signature import parse_log_verifier_key
from components.archive.store.open import StoreName, log_file, log_name
from components.settings.archive import LogStoreName, SiteKey
from components.settings.table import LogLevel, SitePath, Table, load_table, read_toml


def _require_log_key(vkey: str) -> str:
    parse_log_verifier_key(vkey)
    return vkey


def _require_cosigner_key(vkey: str) -> str:
    parse_cosigner_key(vkey)
    return vkey


def _require_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address of the form https://host/path")
    return url


LogVkey = Annotated[str, AfterValidator(_require_log_key)]
CosignerVkey = Annotated[str, AfterValidator(_require_cosigner_key)]
Url = Annotated[str, AfterValidator(_require_url)]


class AskedWitness(Table):
    """`[[witness.asks]]`: a witness that cosigns the site's logs, and the keys it is known by."""

    url: Url
    vkeys: tuple[CosignerVkey, ...] = Field(min_length=1)


class TimeStampSettings(Table):
    """`[witness.time_stamps]`: an authority (RFC 3161), its certificates and how often it is asked."""

    url: Url
    certificates: SitePath
    every_s: float = Field(default=600.0, ge=1)


class WitnessSettings(Table):
    """What the witness process needs to know. Paths are absolute; a `port` of 0 means it cosigns for nobody else."""

    table_name: ClassVar[str] = "witness"

    name: str = Field(min_length=1, max_length=255)
    key_file: SitePath
    state: SitePath
    status_file: SitePath
    address: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    log_level: LogLevel = "info"
    cosign_own: bool = True
    logs: tuple[LogVkey, ...] = ()
    asks: tuple[AskedWitness, ...] = ()
    time_stamps: TimeStampSettings | None = None


@dataclass(frozen=True, slots=True)
class OwnLog:
    """A log of the site: its store, the file of its public keys, and the folder of its witnessed checkpoints."""

    store: StoreName
    verifier_key_file: Path
    kept: Path

    @property
    def name(self) -> str:
        """The log's name, as in `gate/100042`."""
        return log_name(self.store)


class _LogTable(BaseModel):
    log: LogStoreName
    log_key_file: SiteKey


def load_witness(site_toml: Path) -> WitnessSettings:
    """Read the `[witness]` table of site.toml, and nothing else of it; raises SettingsError."""
    return load_table(site_toml, "witness", WitnessSettings)


def load_own_logs(site_toml: Path) -> list[OwnLog]:
    """Find the site's logs: every table of site.toml that has one. There may be none; raises SettingsError.

    What is witnessed of a log is kept beside its file, or, if that is a database elsewhere, below site.toml.
    """
    folder = site_toml.resolve().parent
    context = {"folder": folder}
    found = []
    for table in read_toml(site_toml).values():
        try:
            log = _LogTable.model_validate(table, context=context)
        except ValidationError:
            continue  # another kind of table
        beside = log_file(log.log) or folder / "archive" / log_name(log.log)
        found.append(OwnLog(log.log, public_file(log.log_key_file), kept_folder(beside)))
    return found
