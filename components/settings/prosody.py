"""The site's own server: the `[prosody]` table of site.toml (docs/settings.md)."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from components.settings.table import DomainName, LogLevel, Port, SitePath, Table, find_missing


class ProsodySettings(Table):
    """What the server is told. Paths are absolute; a `s2s_port` of 0 means no federation."""

    table_name: ClassVar[str] = "prosody"

    address: str = "127.0.0.1"
    c2s_port: Port = 5222
    s2s_port: int = Field(default=0, ge=0, le=65535)
    domains: tuple[DomainName, ...] = Field(min_length=1)
    room_domains: tuple[DomainName, ...] = ()
    federated_domains: tuple[DomainName, ...] = ()
    folder: SitePath
    certificates: SitePath
    storage: Literal["internal", "sql"] = "internal"
    log_level: LogLevel = "info"

    @property
    def config_file(self) -> Path:
        """What the server is started with; it is written anew each time."""
        return self.folder / "prosody.cfg.lua"

    @property
    def certificate_files(self) -> tuple[Path, ...]:
        """The files that the server's TLS needs: the authority's, then a pair for each domain."""
        names = [
            f"{domain}.{end}" for domain in (*self.domains, *self.room_domains) for end in ("crt", "key")
        ]
        return tuple(self.certificates / name for name in ("ca.crt", *names))

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each certificate that is missing."""
        yield from find_missing("prosody.certificates", self.certificate_files)
