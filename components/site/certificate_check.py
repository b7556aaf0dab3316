"""Checks the site's certificates as a client does (RFC 6125, 6; RFC 5280, 6.1)."""

import datetime as dt
import ssl
from pathlib import Path

from components.settings.site import SiteFile
from components.site.certificates import RENEW_BEFORE, expires_at

# OpenSSL's X509_V_ERR_*: what can be said better than it does.
_NOT_YET_VALID = 9
_OTHER_NAME = 62
_OTHER_AUTHORITY = {18, 19, 20, 21}


def find_certificate_problems(site: SiteFile, now: dt.datetime) -> list[str]:
    """Look at each domain's certificate as a client does that trusts `ca.crt` and what this machine trusts."""
    folder = site.prosody.certificates
    problems = (find_problem(folder, domain, now) for domain in site.certified_names)
    return [problem for problem in problems if problem]


def earliest_end(site: SiteFile) -> tuple[int, dt.datetime]:
    """Return how many certificates there are, and when the first of them expires; raises ValueError and OSError."""
    folder = site.prosody.certificates
    ends = [expires_at(folder / f"{domain}.crt") for domain in site.certified_names]
    return len(ends), min(ends)


def find_problem(folder: Path, domain: str, now: dt.datetime) -> str:
    """Return what is wrong with the certificate of one domain and what to do, or nothing."""
    certificate = folder / f"{domain}.crt"
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        served.load_cert_chain(certificate, certificate.with_suffix(".key"))
        end = expires_at(certificate)
    except (OSError, ValueError) as err:
        return f"{certificate} and its key do not match or cannot be read: {err}"
    if end - now < RENEW_BEFORE:
        return f"{certificate} expires on {end:%Y-%m-%d}; `steelyard init` renews the site's own"
    try:
        client = trusting(folder / "ca.crt")
    except OSError as err:
        return f"{folder / 'ca.crt'} cannot be read: {err}; put the authority's certificate there"
    try:
        _shake_hands(served, client, domain)
    except ssl.SSLCertVerificationError as err:
        return f"{certificate} {explain_refusal(err, folder, domain)}"
    except (ssl.SSLError, ValueError) as err:
        return f"{certificate} cannot be used by clients of {domain}: {err}"
    return ""


def trusting(authority: Path) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts an authority and what this machine trusts; raises OSError."""
    # Not ssl.create_default_context: the strictness that newer Pythons add there is not every client's.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.load_verify_locations(authority)
    return context


def _shake_hands(served: ssl.SSLContext, trusting: ssl.SSLContext, domain: str) -> None:
    """Do a TLS handshake in memory; raises SSLError for what the client does not accept."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = served.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server, server_hostname=domain)
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
        return f"names another domain; use one that names {domain}"
    if err.verify_code in _OTHER_AUTHORITY:
        return (
            f"comes from an authority that neither {folder / 'ca.crt'} nor this machine knows; put its "
            "certificate there, or add the intermediate certificates to the file"
        )
    return f"is refused by clients: {err.verify_message}"
