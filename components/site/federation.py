"""The other sites: which authorities vouch for each, as the server is told (docs/federation.md)."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from components.archive.durable import replace_durably
from components.process.errors import SiteError
from components.settings.federation import FederatedSite
from components.settings.site import SiteFile
from components.site.planned_site import PlannedSite


def plan_sites(settings: SiteFile, folder: Path) -> tuple[PlannedSite, ...]:
    """Return the other sites as the server has to know them; write the authorities of each to a file in `folder`.

    Raises SiteError if no authority is left for one of them.
    """
    sites = settings.federation.sites if settings.federation else ()
    return tuple(_plan_site(settings, site, folder) for site in sites)


def authority_file(settings: SiteFile, site: FederatedSite) -> Path:
    """Return the file with the certificates of a site's authorities: its own one, or that of the site here."""
    return site.authority or settings.prosody.certificates / "ca.crt"


def find_authorities(file: Path, pins: Sequence[str]) -> list[x509.Certificate]:
    """Return the certificates of authorities in a file: with `pins`, those with one of these keys. Raises SiteError."""
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as err:
        raise SiteError(
            f"{file} cannot be read: {err}; put the authority's certificate there (PEM)"
        ) from None
    counted = [each for each in found if not pins or pin_of(each) in pins]
    if not counted:
        keys = ", ".join(pin_of(each) for each in found)
        raise SiteError(
            f"{file} has no certificate with a key of federation.sites.authority_pins, only {keys}; "
            "ask the other site which is right"
        )
    return counted


def pin_of(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate's public key, as settings have it (RFC 6698: matching type 1, selector 1)."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(key).hexdigest()


def _plan_site(settings: SiteFile, site: FederatedSite, folder: Path) -> PlannedSite:
    authorities = find_authorities(authority_file(settings, site), site.authority_pins)
    # By a domain, which is nobody else's, and not by a name, which may be anything.
    written = folder / f"authority-{site.domains[0]}.crt"
    replace_durably(written, b"".join(each.public_bytes(Encoding.PEM) for each in authorities))
    return PlannedSite(site.all_domains, written, site.certificate_pins, site.address or "", site.port)
