"""Checks the site's certificates as a client does (RFC 6125, 6; RFC 5280, 6.1)."""

import datetime as dt
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509

from components.settings.certificate import load_pair
from components.settings.site import SiteFile
from components.site.certificates import RENEW_BEFORE, expires_at

# OpenSSL's X509_V_ERR_*: what can be said better than it does.
_NOT_YET_VALID = 9
_OTHER_NAME = 62
_OTHER_AUTHORITY = {7, 18, 19, 20, 21}  # 7: one of the same name, whose key did not sign it

_NAME_SHOWN = 100
_SET_CLOCK = "set this machine's clock (timedatectl)"

_INIT = "`steelyard init`"
# `init` leaves alone what has not expired: it may have been bought.
_REPLACE = f"put another one there (one of the site's own: remove it and its key, then {_INIT})"


@dataclass(frozen=True, slots=True)
class CertificateFault:
    """What is wrong with a certificate and, in a few words, what mends it; `is_refused`: clients refuse it already."""

    text: str
    is_refused: bool = True
    remedy: str = _REPLACE


def find_certificate_problems(site: SiteFile, now: dt.datetime) -> list[str]:
    """Return what is wrong with the certificates that the site shows, a line for each fault."""
    return [fault.text for fault in find_certificate_faults(site, now)]


def find_certificate_faults(site: SiteFile, now: dt.datetime) -> list[CertificateFault]:
    """Look at each certificate as a client does that trusts `ca.crt` and what this machine trusts."""
    authority = site.prosody.certificates / "ca.crt"
    # Reading all that this machine trusts takes longer than everything else here.
    trust = cache(trusting)
    faults = [find_fault(file, name, authority, now, trust) for name, file in site.shown_certificates]
    # An authority that cannot be read is the same line for each of them.
    return [fault for fault in dict.fromkeys((*faults, _find_old_authority(authority, now))) if fault]


def earliest_end(site: SiteFile) -> tuple[int, dt.datetime]:
    """Return how many certificates there are, and when the first of them expires; raises ValueError and OSError."""
    ends = [expires_at(file) for _, file in site.shown_certificates]
    return len(ends), min(ends)


def trusting(authority: Path) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts an authority and what this machine trusts; raises OSError."""
    # Not ssl.create_default_context: the strictness that newer Pythons add there is not every client's.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # A common name counts for no client that is any newer (RFC 9525, 2).
    context.hostname_checks_common_name = False
    context.load_default_certs()
    context.load_verify_locations(authority)
    return context


def find_fault(
    certificate: Path,
    name: str,
    authority: Path,
    now: dt.datetime,
    trust: Callable[[Path], ssl.SSLContext] = trusting,
) -> CertificateFault | None:
    """Return what is wrong with a certificate that has to name `name` (empty: any); None if nothing is."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        load_pair(served, certificate)
        end, of, remedy = _first_end(certificate)
    except (OSError, ValueError) as err:
        return CertificateFault(f"{certificate} and its key do not match or cannot be read: {err}")
    if end - now < RENEW_BEFORE:
        return CertificateFault(f"{certificate} {_tell_end(end, now)}{of}", end <= now, remedy)
    try:
        client = trust(authority)
    except OSError as err:
        advice = "put the authority's certificate there"
        return CertificateFault(f"{authority} cannot be read: {err}; {advice}", remedy=advice)
    client.check_hostname = bool(name)
    try:
        _shake_hands(served, client, name)
    except ssl.SSLCertVerificationError as err:
        text = f"{certificate} {explain_refusal(err, authority.parent, name)}"
        return CertificateFault(text, remedy=_SET_CLOCK if err.verify_code == _NOT_YET_VALID else _REPLACE)
    except (ssl.SSLError, ValueError) as err:
        return CertificateFault(
            f"{certificate} cannot be used by clients{f' of {name}' if name else ''}: {err}"
        )
    return None


def _tell_end(end: dt.datetime, now: dt.datetime) -> str:
    return f"{'expired' if end <= now else 'expires'} on {end:%Y-%m-%d}"


def _first_end(certificate: Path) -> tuple[dt.datetime, str, str]:
    """Return when the first certificate of a file expires, advice for then, and what mends it.

    The intermediate ones count, too.
    """
    shown, *above = x509.load_pem_x509_certificates(certificate.read_bytes())
    first = min((shown, *above), key=lambda each: each.not_valid_after_utc)
    advice, remedy = f"; {_INIT} renews the site's own", _INIT
    if first is not shown:
        issuer = first.subject.rfc4514_string()[:_NAME_SHOWN]
        remedy = "put a newer intermediate certificate there"
        advice = f", as its intermediate certificate {issuer!r} does; put a newer one there"
    return first.not_valid_after_utc, advice, remedy


def _find_old_authority(file: Path, now: dt.datetime) -> CertificateFault | None:
    """Return what to do if all of the authority's certificates expire soon; nothing of a file that cannot be read."""
    try:
        authorities = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return None
    end = max(each.not_valid_after_utc for each in authorities)
    if end - now >= RENEW_BEFORE:
        return None
    advice = "put the authority's next one there, and where clients trust it"
    where = "docs/settings.md, prosody.certificates"
    return CertificateFault(
        f"{file} {_tell_end(end, now)}; {advice} ({where})", end <= now, f"{advice}: {where}"
    )


def _shake_hands(served: ssl.SSLContext, trust: ssl.SSLContext, domain: str) -> None:
    """Do a TLS handshake in memory; raises SSLError for what the client does not accept."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = served.wrap_bio(to_server, to_client, server_side=True)
    client = trust.wrap_bio(to_client, to_server, server_hostname=domain or None)
    for _flight in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            if side is client:
                return


def explain_refusal(err: ssl.SSLCertVerificationError, folder: Path, domain: str) -> str:
    """Return why a client does not accept a certificate and what to do, in words that follow its name."""
    if err.verify_code == _NOT_YET_VALID:
        return "is not valid yet; set this machine's clock (timedatectl), or use one that is valid now"
    if err.verify_code == _OTHER_NAME:
        return f"names another domain; use one that names {domain} (as a subjectAltName of the kind DNS)"
    if err.verify_code in _OTHER_AUTHORITY:
        return (
            f"comes from an authority that neither {folder / 'ca.crt'} nor this machine knows; put its "
            "certificate there, or add the intermediate certificates to the file"
        )
    return f"is refused by clients: {err.verify_message}; put one there that was issued for a server"
