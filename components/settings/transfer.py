"""The transfer component's settings: the `[transfer]` table of site.toml (docs/settings.md)."""

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, IPvAnyNetwork, model_validator

from components.settings.clamd import ClamdTable
from components.settings.https import find_missing_pair, https_origin
from components.settings.log import LogTable
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

if TYPE_CHECKING:
    from policy.files.slot import SlotLimits

MIB = 1 << 20
_LIBRARIES = {"magic": "libmagic1", "archive": "libarchive13"}
"""What looks into files, and Debian's packages of it; Python's packages bring neither."""


class S3Table(Table):
    """`[transfer.s3]`: files in a bucket instead of a folder; without a key here, the environment's counts."""

    bucket: str = Field(min_length=1)
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"


class FileLimits(Table):
    """`[transfer.limits]`: what may be uploaded, in MiB: one file, and all of a day."""

    file_mib: int = Field(default=100, ge=1, le=4096)
    profile_mib: int = Field(default=2, ge=1, le=4096)
    person_day_mib: int = Field(default=1024, ge=1)
    enterprise_day_mib: int = Field(default=20 * 1024, ge=1)
    site_day_mib: int = Field(default=100 * 1024, ge=1)
    person_at_once: int = Field(default=32, ge=1, le=256)
    refused_types: tuple[str, ...] = ()

    @property
    def for_slots(self) -> "SlotLimits":
        """Return the limits as policy takes them, in bytes."""
        from policy.files.slot import DayBytes, SlotLimits

        return SlotLimits(
            self.file_mib * MIB,
            self.profile_mib * MIB,
            DayBytes(self.person_day_mib * MIB, self.enterprise_day_mib * MIB, self.site_day_mib * MIB),
            frozenset(kind.lower() for kind in self.refused_types),
        )


class InspectTable(Table):
    """`[transfer.inspect]`: how far a look into a file goes. What is beyond it cannot be looked into."""

    at_once: int = Field(default=2, ge=1, le=16)
    time_s: float = Field(default=8.0, ge=0.5, le=10)
    memory_mib: int = Field(default=256, ge=128, le=4096)
    unpacked_mib: int = Field(default=256, ge=1, le=8192)
    members: int = Field(default=10_000, ge=1, le=1_000_000)
    depth: int = Field(default=5, ge=1, le=20)
    ratio: int = Field(default=200, ge=2)
    megapixels: int = Field(default=100, ge=1)


class TransferSettings(LogTable):
    """Where files are uploaded and fetched, how large they may be, and where they are kept. Paths are absolute.

    Without a `certificate` it speaks plain HTTP, on loopback, to the proxy that ends TLS for it.
    """

    table_name: ClassVar[str] = "transfer"

    jid: DomainName
    secret_file: SitePath
    address: Address = "127.0.0.1"
    port: Port
    host: DomainName | None = None
    public_port: Port | None = None
    certificate: SitePath | None = None
    files: SitePath
    s3: S3Table | None = None
    state_file: SitePath
    status_file: SitePath
    link_key_file: SitePath
    address_key_file: SitePath
    delivery_key_file: SitePath
    limits: FileLimits = Field(default_factory=FileLimits)
    clamd: ClamdTable | None = None
    denied_hashes: SitePath | None = None
    inspect: InspectTable = Field(default_factory=InspectTable)
    download_from: Literal["any", "networks", "sessions"] = "any"
    networks: tuple[IPvAnyNetwork, ...] = ()
    sessions_file: SitePath | None = None
    kept_available_days: int = Field(default=30, ge=1, le=3660)
    slot_lifetime_s: float = Field(default=300.0, ge=10, le=3600)
    log_level: LogLevel = "info"
    reconnect_max_s: float = Field(default=10.0, gt=0)
    metrics_port: int = Field(default=0, ge=0, le=65535)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.certificate is None and not is_loopback(self.address):
            raise ValueError("certificate is missing: files would cross the network in clear")
        if bool(self.networks) != (self.download_from == "networks"):
            raise ValueError('networks and download_from = "networks" belong together: set both, or neither')
        if bool(self.sessions_file) != (self.download_from == "sessions"):
            raise ValueError(
                'sessions_file and download_from = "sessions" belong together: set both, or neither'
            )
        return self

    @property
    def url_host(self) -> str:
        """The host that links to files name."""
        return self.host or self.jid

    @property
    def base_url(self) -> str:
        """What every link to a file begins with, such as `https://files.metals.example:5281/f/`."""
        return https_origin(self.url_host, self.public_port or self.port) + "/f/"

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each file and each library that the component lacks."""
        yield from find_missing("transfer.secret_file", [self.secret_file])
        yield from find_missing("transfer.link_key_file", [self.link_key_file])
        yield from find_missing("transfer.address_key_file", [self.address_key_file])
        yield from find_missing("transfer.delivery_key_file", [self.delivery_key_file])
        yield from find_missing_pair("transfer.certificate", self.certificate)
        if self.denied_hashes:
            advice = "make it, if only empty (docs/files.md)"
            yield from find_missing("transfer.denied_hashes", [self.denied_hashes], advice)
        for library, package in _LIBRARIES.items():
            if not _has_library(library):
                yield f"transfer: lib{library}, which looks into files, is missing; install {package}"
        yield from super().find_problems()


@functools.cache
def _has_library(name: str) -> bool:
    from ctypes.util import find_library

    return find_library(name) is not None
