"""Another site, as the server's configuration has it (mod_federated_sites)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from components.site.lua import lua_list, lua_text


@dataclass(frozen=True, slots=True)
class PlannedSite:
    """Another site, with a server of its own: whose certificates count for its domains, and where it is.

    Only the certificates in the file `authority` vouch for it. If there are `pins`, its own certificates have one of
    these keys (SHA-256 of a public key, in hexadecimal). Without an `address`, DNS is asked.
    """

    domains: tuple[str, ...]
    authority: Path
    pins: tuple[str, ...] = ()
    address: str = ""
    port: int = 5269


def render_sites(sites: Iterable[PlannedSite]) -> Iterator[str]:
    """Yield the lines of the setting `federated_sites`, by domain."""
    yield "federated_sites = {"
    for site in sites:
        address = f"address = {lua_text(site.address)}; port = {site.port}; " if site.address else ""
        pins = f"pins = {lua_list(site.pins)}; " if site.pins else ""
        for domain in site.domains:
            yield f"  [{lua_text(domain)}] = {{ {address}{pins}authority = {lua_text(site.authority)} }};"
    yield "}"
