"""The auditors' console: the `[console]` table of site.toml (docs/console.md)."""

from collections.abc import Iterator
from typing import ClassVar, Self

from pydantic import Field, model_validator

from components.archive.keys.reference import needed_files
from components.settings.archive import SiteKey
from components.settings.auditors import AuditorId
from components.settings.https import find_missing_pair, https_origin
from components.settings.table import (
    Address,
    DomainName,
    LogLevel,
    Port,
    SitePath,
    Table,
    find_missing,
    is_loopback,
)


class OidcTable(Table):
    """`[console.oidc]`: an identity provider that says who an auditor is (OpenID Connect Core 1.0)."""

    issuer: str = Field(pattern=r"^https://[^\s?#]+$")
    client_id: str = Field(min_length=1)
    client_secret_file: SitePath
    auditor_claim: str = Field(default="sub", min_length=1)
    scopes: str = "openid"
    authority: SitePath | None = None


class ConsoleSettings(Table):
    """Where the console is served, and who can log in how. Paths are absolute.

    Without a `certificate` it speaks plain HTTP, on loopback, to the proxy that ends TLS for it.
    """

    table_name: ClassVar[str] = "console"

    address: Address = "127.0.0.1"
    port: Port
    host: DomainName
    public_port: Port | None = None
    certificate: SitePath | None = None
    link_key_file: SitePath
    state_file: SitePath
    status_file: SitePath
    idle_minutes: int = Field(default=15, ge=1, le=24 * 60)
    requests_per_minute: int = Field(default=300, ge=10)
    session_hours: int = Field(default=8, ge=1, le=24)
    passkeys: bool = True
    oidc: OidcTable | None = None
    signer: AuditorId | None = None
    signer_key: SiteKey | None = None
    log_level: LogLevel = "info"
    metrics_port: int = Field(default=0, ge=0, le=65535)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.certificate is None and not is_loopback(self.address):
            raise ValueError("certificate is missing: what is shown would cross the network in clear")
        if (self.signer is None) != (self.signer_key is None):
            raise ValueError(
                "signer and signer_key belong together: whose acts are signed here, and with which key"
            )
        return self

    @property
    def origin(self) -> str:
        """What browsers call it (RFC 6454), such as `https://console.metals.example`."""
        return https_origin(self.host, self.public_port or self.port)

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each file that the console lacks."""
        yield from find_missing("console.link_key_file", [self.link_key_file])
        yield from find_missing_pair("console.certificate", self.certificate)
        if self.signer_key is not None:
            advice = f"`steelyard keys make {self.signer} --auditor` makes it"
            yield from find_missing("console.signer_key", needed_files(self.signer_key), advice)
        if self.oidc:
            advice = "write there what the identity provider gave you"
            yield from find_missing("console.oidc.client_secret_file", [self.oidc.client_secret_file], advice)
