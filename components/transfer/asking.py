"""From where files may be fetched: the address of a client, and the networks that it has to be in."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class AskedFrom:
    """Files are handed out to `networks` only, where there are any; a client's address is what a proxy says of it."""

    networks: Sequence[Network] = ()
    behind_proxy: bool = False

    def address_of(self, request: web.Request) -> str:
        """Return the address that a request comes from."""
        forwarded = request.headers.getall("X-Forwarded-For", []) if self.behind_proxy else []
        # The last one is what the proxy itself saw; those before it, and lines before its own, the client says.
        last = forwarded[-1].rpartition(",")[2].strip() if forwarded else ""
        return _parse_address(last) if last else request.remote or ""

    def may(self, address: str) -> bool:
        """Return whether files are handed out there."""
        if not self.networks:
            return True
        try:
            seen = ip_address(address)
        except ValueError:
            return False
        return any(seen in network for network in self.networks)


def _parse_address(text: str) -> str:
    """Return an address as a proxy writes it, also with a port; empty for what is none."""
    host = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
