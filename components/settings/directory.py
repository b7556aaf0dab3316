"""The `[directory]` table of site.toml (docs/settings.md): where the people of directory.toml come from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from components.settings.table import (
    Address,
    DomainName,
    SitePath,
    Table,
    find_missing,
    is_loopback,
)
from policy.directory.enterprise import Role

CSV_COLUMNS = ("jid", "name", "id", "desk", "roles")
REQUIRED_COLUMNS = ("jid", "name")


def _require_ldap_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("ldap", "ldaps", "ldapi") or not parts.netloc:
        raise ValueError(f"{url!r} is no address of the form ldaps://host, ldap://host or ldapi://socket")
    return url


def _require_columns(columns: dict[str, str]) -> dict[str, str]:
    if unknown := sorted(columns.keys() - set(CSV_COLUMNS)):
        raise ValueError(f"there is no column {unknown[0]!r} to name; choose of {', '.join(CSV_COLUMNS)}")
    return columns


LdapUrl = Annotated[str, AfterValidator(_require_ldap_url)]
Columns = Annotated[dict[str, str], AfterValidator(_require_columns)]


class SourceTable(Table):
    """The settings of every source: its enterprise, and which values stand for which desk and role."""

    enterprise: str
    domain: DomainName | None = None
    desks: dict[str, str] = Field(default={})
    roles: dict[str, Role] = Field(default={})
    default_roles: tuple[Role, ...] = ()


class CsvSource(SourceTable):
    """`[[directory.csv]]`: people in a CSV file."""

    file: SitePath
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    columns: Columns = Field(default={})
    ignored_columns: tuple[str, ...] = ()


class LdapSource(SourceTable):
    """`[[directory.ldap]]`: people in an LDAP directory (RFC 4511), over TLS or a local socket."""

    url: LdapUrl
    ca_file: SitePath | None = None
    bind_dn: str | None = None
    password_file: SitePath | None = None
    base: str = Field(min_length=1)
    filter: str = "(objectClass=inetOrgPerson)"
    jid: str = "mail"
    name: str = "cn"
    id: str | None = "employeeNumber"
    desk: str | None = None
    member_of: str | None = None
    member: str = "member"
    page_size: int = Field(default=500, ge=1, le=10_000)
    timeout_s: float = Field(default=60.0, gt=0, le=600)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.bind_dn is None) != (self.password_file is None):
            raise ValueError(
                "bind_dn and password_file belong together: set both, or neither for an anonymous bind"
            )
        if not self.roles and not self.default_roles:
            raise ValueError("nobody would have a role: set roles, default_roles or both")
        return self

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that stand for a desk or a role; with a desk attribute, the keys of `desks` are not groups."""
        return tuple(dict.fromkeys((*(() if self.desk else self.desks), *self.roles)))


class ScimSource(SourceTable):
    """`[[directory.scim]]`: people whom an identity provider pushes (RFC 7644)."""

    token_file: SitePath
    state: SitePath
    auto: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.roles and not self.default_roles:
            raise ValueError("nobody would have a role: set roles, default_roles or both")
        return self


class DirectorySettings(Table):
    """`[directory]`: the sources of people, how much may change at once, and the address for SCIM pushes."""

    table_name: ClassVar[str] = "directory"

    max_departures: float = Field(default=0.2, ge=0, le=1)
    scim_address: Address = "127.0.0.1"
    scim_port: int = Field(default=0, ge=0, le=65535)
    scim_certificate: SitePath | None = None
    csv: tuple[CsvSource, ...] = ()
    ldap: tuple[LdapSource, ...] = ()
    scim: tuple[ScimSource, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.scim) != bool(self.scim_port):
            raise ValueError("scim_port and a table [[directory.scim]] belong together: set both, or neither")
        if self.scim_certificate is None and not is_loopback(self.scim_address):
            raise ValueError("scim_certificate is missing: a token would cross the network in clear")
        enterprises = [source.enterprise for source in self.scim]
        if len(set(enterprises)) < len(enterprises):
            raise ValueError("an enterprise has two tables [[directory.scim]]: one takes all its pushes")
        return self

    @property
    def sources(self) -> tuple[SourceTable, ...]:
        """All sources, each with its enterprise."""
        return (*self.csv, *self.ldap, *self.scim)

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each missing file of the service for pushes."""
        for source in self.scim:
            yield from find_missing("directory.scim.token_file", [source.token_file])
        certificate = self.scim_certificate
        if certificate and not (certificate.is_file() and certificate.with_suffix(".key").is_file()):
            yield f"directory.scim_certificate: there is no {certificate}, or no key beside it"

    @property
    def source_files(self) -> list[Path]:
        """The files that others write for it, and that are not secret."""
        certificates = [source.ca_file for source in self.ldap if source.ca_file]
        if self.scim_certificate:
            certificates.append(self.scim_certificate)
        return [source.file for source in self.csv] + certificates

    @property
    def secret_files(self) -> list[Path]:
        """The files that only their owner may read: tokens, passwords and pushed people."""
        passwords = [source.password_file for source in self.ldap if source.password_file]
        return passwords + [file for source in self.scim for file in (source.token_file, source.state)]
