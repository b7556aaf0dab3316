"""The site's own server: the `[prosody]` table of site.toml (docs/settings.md)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.settings.https import https_origin
from components.settings.table import Address, DomainName, LogLevel, Port, SitePath, Table, find_missing

HttpPath = Annotated[str, Field(pattern=r"^((/[A-Za-z0-9._~-]+)+)?$")]
"""The path of a URL, such as `/http-bind`; empty if there is none."""


class WebSettings(Table):
    """`[prosody.web]`: clients in browsers, over HTTPS: WebSocket (RFC 7395), BOSH (XEP-0206), host-meta (XEP-0156)."""

    address: Address = "127.0.0.1"
    port: Port
    host: DomainName | None = None
    public_port: Port | None = None
    websocket_path: HttpPath = "/xmpp-websocket"
    bosh_path: HttpPath = "/http-bind"

    def origin(self, domain: str) -> str:
        """Return the address at which browsers reach a domain, such as `https://metals.example:5281`."""
        return https_origin(self.host or domain, self.public_port or self.port)


class ProsodySettings(Table):
    """The settings of the server. Paths are absolute; a port of 0 means that there is none.

    `attached_to` is the configuration of a server that runs without us, which Steelyard is attached to.
    """

    table_name: ClassVar[str] = "prosody"
    may_be_missing: ClassVar[bool] = False

    address: Address = "127.0.0.1"
    c2s_port: Port = 5222
    direct_tls_port: int = Field(default=0, ge=0, le=65535)
    s2s_port: int = Field(default=0, ge=0, le=65535)
    domains: tuple[DomainName, ...] = Field(min_length=1)
    room_domains: tuple[DomainName, ...] = ()
    federated_domains: tuple[DomainName, ...] = ()
    folder: SitePath
    certificates: SitePath
    storage: Literal["internal", "sql"] = "internal"
    log_level: LogLevel = "info"
    attached_to: SitePath | None = None
    web: WebSettings | None = None

    @property
    def config_file(self) -> Path:
        """The server's configuration file, which is written again at each start."""
        return self.folder / "prosody.cfg.lua"

    @property
    def certified_names(self) -> tuple[str, ...]:
        """The names for which the server has a certificate: its domains, the rooms' domains, and its web address."""
        names = (*self.domains, *self.room_domains)
        host = self.web.host if self.web else None
        return names if host is None or host in names else (*names, host)

    @property
    def certificate_files(self) -> tuple[Path, ...]:
        """The files that the server's TLS needs: the authority's certificate, then a pair for each domain."""
        names = [f"{name}.{end}" for name in self.certified_names for end in ("crt", "key")]
        return tuple(self.certificates / name for name in ("ca.crt", *names))

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each missing certificate; those of a server that runs without us are its own."""
        if self.attached_to is not None:
            yield from find_missing("prosody.attached_to", [self.attached_to])
            return
        yield from find_missing("prosody.certificates", self.certificate_files)
