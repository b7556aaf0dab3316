"""The other sites of an enterprise, each with a server of its own: the `[federation]` table (docs/federation.md)."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from components.settings.table import NAME_MAX, Address, DomainName, Port, SitePath, Table, find_missing

KeyPin = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""The SHA-256 of a public key (its SubjectPublicKeyInfo), in hexadecimal: what a TLSA record `x 1 1` says."""


DEFAULT_STREAMS = 8
"""A server needs one stream; each node of a cluster has one of its own, and so does a link that was cut for a while."""


class FederatedSite(Table):
    """`[[federation.sites]]`: one other site, where its server is, and whose certificates count for it.

    `authority` is a file with the certificates of the authorities that vouch for it; without one, they are those of
    the site's own `ca.crt`. Of these count, if there are `authority_pins`, only those with such a key. With
    `certificate_pins`, the site's own certificate must have such a key, too. Without an `address`, DNS is asked.
    """

    name: str = Field(min_length=1, max_length=NAME_MAX)
    domains: tuple[DomainName, ...] = Field(min_length=1)
    room_domains: tuple[DomainName, ...] = ()
    address: Address | None = None
    port: Port = 5269
    authority: SitePath | None = None
    authority_pins: tuple[KeyPin, ...] = ()
    certificate_pins: tuple[KeyPin, ...] = ()

    @property
    def all_domains(self) -> tuple[str, ...]:
        """The domains of its accounts and of its rooms."""
        return (*self.domains, *self.room_domains)


class FederationSettings(Table):
    """All other sites to which stanzas go, and from which they are taken."""

    table_name: ClassVar[str] = "federation"

    sites: tuple[FederatedSite, ...] = ()
    streams: int = Field(DEFAULT_STREAMS, ge=1)

    @property
    def all_domains(self) -> tuple[str, ...]:
        """The domains of all these sites."""
        return tuple(domain for site in self.sites for domain in site.all_domains)

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each missing file of an authority."""
        for site in self.sites:
            if site.authority:
                advice = f"get ca.crt of {site.name}, and compare its fingerprint with them"
                yield from find_missing("federation.sites.authority", [site.authority], advice)
