"""The site's own certificate authority (RFC 5280), and the certificates of its domains (RFC 6125, 6.4)."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from components.archive.durable import PRIVATE, replace_durably
from components.process.errors import SiteError

AUTHORITY_LIFE = dt.timedelta(days=3650)
CERTIFICATE_LIFE = dt.timedelta(days=825)  # Apple's clients accept no longer ones
RENEW_BEFORE = dt.timedelta(days=30)
# What a key may be for (RFC 5280, 4.2.1.3).
_KEY_USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
_CLOCK_SKEW = dt.timedelta(hours=24)


def make_certificates(
    folder: Path, authority_key_file: Path, site_name: str, domains: Sequence[str], now: dt.datetime
) -> list[Path]:
    """Make the authority, and each certificate of a domain that is missing or expires soon; return these.

    It does not touch certificates of another authority: then `authority_key_file` does not exist. Raises SiteError if
    one of these is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    if not (folder / "ca.crt").exists():
        _make_authority(folder / "ca.crt", authority_key_file, site_name, now)
        made.append(folder / "ca.crt")
    due = [domain for domain in domains if _is_due(folder / f"{domain}.crt", now)]
    if not authority_key_file.exists():
        missing = [domain for domain in due if not (folder / f"{domain}.crt").exists()]
        if missing:
            raise SiteError(
                f"{folder} has no certificates for {', '.join(missing)}, and there is no "
                f"{authority_key_file} to issue them; put <domain>.crt and <domain>.key there"
            )
        return made
    authority = _load_authority(folder / "ca.crt")
    key = _load_authority_key(authority_key_file)
    for domain in due:
        _issue(folder, domain, authority, key, now)
        made.append(folder / f"{domain}.crt")
    return made


def _load_authority(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError:
        raise SiteError(f"{file} is no certificate; put it back from a backup") from None


def _load_authority_key(file: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except (ValueError, TypeError):  # it is none, or wants a passphrase
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SiteError(f"{file} is no elliptic curve key; put back the one that signed ca.crt")
    return key


def make_machine_certificate(certificate: Path, name: str, now: dt.datetime) -> None:
    """Make the certificate with which a machine follows a feed (docs/feed.md), signed with its own key (`.key`).

    Raises SiteError if one is there: those who listed it would not know another.
    """
    key_file = certificate.with_suffix(".key")
    if certificate.exists() or key_file.exists():
        raise SiteError(f"{certificate} exists; move it away to make another, which has to be listed anew")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = (
        _builder(subject, subject, key, now, CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_durably(key_file, _pem(key), PRIVATE)
    # Killed before this: a key without a certificate, which the next call names.
    replace_durably(certificate, _pem(builder.sign(key, hashes.SHA256())))


def expires_at(certificate: Path) -> dt.datetime:
    """Return when a PEM certificate expires, in UTC; raises ValueError or OSError when it cannot be read."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def _is_due(certificate: Path, now: dt.datetime) -> bool:
    pair = (certificate, certificate.with_suffix(".key"))
    try:
        return not all(file.exists() for file in pair) or expires_at(certificate) - now < RENEW_BEFORE
    except ValueError:
        # Its key may be one that was bought with it: that is not overwritten.
        advice = "remove it and its key, and `steelyard init` makes another"
        raise SiteError(f"{certificate} is no certificate; put it back, or {advice}") from None


def _make_authority(certificate: Path, key_file: Path, site_name: str, now: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{site_name[:40]} Steelyard CA")])
    builder = (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    # A crash between the two leaves a key without a certificate: both are made anew.
    replace_durably(key_file, _pem(key), PRIVATE)
    replace_durably(certificate, _pem(builder.sign(key, hashes.SHA256())))


def _issue(
    folder: Path,
    domain: str,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain[:64])])
    ascii_name = domain.encode("idna").decode()
    builder = (
        _builder(name, authority.subject, key, now, CERTIFICATE_LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(ascii_name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            # Between servers, the one that connects shows its certificate as a client.
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
    )
    signed = builder.sign(authority_key, hashes.SHA256())
    # The old certificate goes first: a crash in between leaves a pair that is due, not one that does not fit.
    (folder / f"{domain}.crt").unlink(missing_ok=True)
    replace_durably(folder / f"{domain}.key", _pem(key), PRIVATE)
    replace_durably(folder / f"{domain}.crt", _pem(signed))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    life: dt.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    used = ("key_cert_sign", "crl_sign") if signs_certificates else ("digital_signature",)
    return x509.KeyUsage(**{use: use in used for use in _KEY_USES})


def _pem(what: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    if isinstance(what, x509.Certificate):
        return what.public_bytes(serialization.Encoding.PEM)
    return what.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
