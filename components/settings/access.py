"""What the access component needs of site.toml: its own table, and where the server is."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict

from components.settings.grants import AccessSettings, load_access
from components.settings.table import DomainName, Port, SettingsError, SitePath, Table, load_table


class _GateTable(Table):
    model_config = ConfigDict(extra="ignore", frozen=True)

    jid: DomainName
    address: str = "127.0.0.1"
    component_port: Port = 5347
    directory: SitePath


class _ProsodyTable(Table):
    model_config = ConfigDict(extra="ignore", frozen=True)

    domains: tuple[DomainName, ...]
    room_domains: tuple[DomainName, ...] = ()
    folder: SitePath


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """What the component needs to know: its own settings, the server's component port, what the server has.

    `gate` is the recorder, whose receipts messages carry; `server_config` the configuration that `prosodyctl` wants.
    """

    access: AccessSettings
    gate: str
    address: str
    component_port: int
    directory: Path
    domains: frozenset[str]
    room_domains: frozenset[str]
    server_config: Path


def load_admission(site_toml: Path) -> AdmissionSettings:
    """Read it; raises SettingsError, also when the site has no `[access]`."""
    access = load_access(site_toml)
    if access is None:
        raise SettingsError(
            ["access: is missing; without it nobody needs to be admitted (docs/admission.md)"]
        )
    gate = load_table(site_toml, "gate", _GateTable)
    server = load_table(site_toml, "prosody", _ProsodyTable)
    return AdmissionSettings(
        access,
        gate.jid,
        gate.address,
        gate.component_port,
        gate.directory,
        frozenset(server.domains),
        frozenset(server.room_domains),
        server.folder / "prosody.cfg.lua",
    )
