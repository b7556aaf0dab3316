"""How files are scanned for viruses: the `[transfer.clamd]` table of site.toml (docs/settings.md)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from components.settings.table import Port, SitePath, Table

MIB = 1 << 20
# clamd takes no file of 2 GiB or more, whatever its settings.
_CLAMD_MAX_MIB = 2047
# All checks of a file have 15 seconds. After this time, clamd is asked whether it is there.
_TIMEOUT_MAX_S = 12


class ClamdTable(Table):
    """`[transfer.clamd]`: where clamd listens, what it is asked, and what happens while it is down."""

    socket: SitePath | None = None
    host: str = ""
    port: Port | None = None
    max_scan_mib: int = Field(default=100, ge=1, le=_CLAMD_MAX_MIB)
    stream_max_mib: int = Field(default=100, ge=1, le=_CLAMD_MAX_MIB)
    chunk_kib: int = Field(default=64, ge=1, le=1024)
    at_once: int = Field(default=4, ge=1, le=64)
    timeout_s: float = Field(default=10.0, gt=0, le=_TIMEOUT_MAX_S)
    when_down: Literal["refuse", "flag"] = "refuse"

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.socket is None) != bool(self.host) or bool(self.host) != (self.port is not None):
            raise ValueError("clamd has a socket, or a host and a port: set one or the other")
        return self

    @property
    def max_bytes(self) -> int:
        """The largest file that clamd is asked about."""
        return (self.max_scan_mib if self.socket else min(self.max_scan_mib, self.stream_max_mib)) * MIB
