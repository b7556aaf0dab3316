"""Checks the other sites: whose certificates count for each, and whether its server would talk to this one."""

import asyncio
import datetime as dt
import ssl
from collections.abc import Iterator

from cryptography.hazmat.primitives.serialization import Encoding

from components.process.errors import SiteError
from components.settings.federation import FederatedSite
from components.settings.site import SiteFile
from components.site.certificates import RENEW_BEFORE
from components.site.federation import authority_file, find_authorities
from components.site.peer_probe import Peer, find_peer_fault


def find_authority_problems(settings: SiteFile, now: dt.datetime) -> Iterator[str]:
    """Yield what is wrong with the authorities of the other sites."""
    for site in _sites(settings):
        file = authority_file(settings, site)
        try:
            ends = [each.not_valid_after_utc for each in find_authorities(file, site.authority_pins)]
        except SiteError as err:
            yield f"{site.name}: {err}"
            continue
        if max(ends) - now < RENEW_BEFORE:
            yield f"{site.name}: {file} expires on {max(ends):%Y-%m-%d}; get the next one of its authority"


async def find_peer_problems(settings: SiteFile) -> list[str]:
    """Ask the servers of all other sites that have an address, from the first domain here; return what is wrong."""
    peers = [(site, peer) for site in _sites(settings) for peer in _peers(settings, site)]
    faults = await asyncio.gather(*(find_peer_fault(peer) for _, peer in peers))
    return [f"{site.name}: {fault}" for (site, _), fault in zip(peers, faults, strict=True) if fault]


def describe_sites(settings: SiteFile, *, asked: bool) -> Iterator[str]:
    """Say which sites there are, and what was tried; nothing where there is no other one."""
    sites = _sites(settings)
    if not sites:
        return
    names = ", ".join(site.name for site in sites)
    yield (
        f"{len(sites)} other sites ({names}), whose authorities are known"
        if len(sites) > 1
        else (f"one other site ({names}), whose authority is known")
    )
    if asked and (unknown := [site.name for site in sites if not site.address]):
        yield f"not asked, because it is found by DNS: {', '.join(unknown)}"


def _sites(settings: SiteFile) -> tuple[FederatedSite, ...]:
    return settings.federation.sites if settings.federation else ()


def _peers(settings: SiteFile, site: FederatedSite) -> Iterator[Peer]:
    if site.address is None:
        return
    folder, own = settings.prosody.certificates, settings.prosody.domains[0]
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.hostname_checks_common_name = False
    authorities = find_authorities(authority_file(settings, site), site.authority_pins)
    trust.load_verify_locations(
        cadata="".join(each.public_bytes(Encoding.PEM).decode() for each in authorities)
    )
    trust.load_cert_chain(folder / f"{own}.crt", folder / f"{own}.key")
    for domain in site.all_domains:
        yield Peer(site.address, site.port, own, domain, trust, site.certificate_pins)
