"""What clients would refuse of a certificate is said before they do, with what to do about it."""

import datetime as dt
import shutil
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from components.settings.site import SiteFile
from components.site.certificate_check import (
    CertificateFault,
    earliest_end,
    find_certificate_problems,
    find_fault,
)
from components.site.certificates import make_certificates
from tests.support.rounds import mostly_slow

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
DOMAIN, OTHER = "metals.example", "grain.example"


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    return make(tmp_path, NOW)


def make(folder: Path, now: dt.datetime) -> Path:
    make_certificates(folder / "certs", folder / "ca.key", "Test", (DOMAIN, OTHER), now)
    return folder / "certs"


def put(certs: Path, source: Path, name: str = DOMAIN) -> None:
    """Put another pair in place of a domain's."""
    for suffix in (".crt", ".key"):
        shutil.copy(source / f"{name}{suffix}", certs / f"{DOMAIN}{suffix}")


def fault(certs: Path) -> CertificateFault | None:
    return find_fault(certs / f"{DOMAIN}.crt", DOMAIN, certs / "ca.crt", NOW)


def problem(certs: Path) -> str:
    return found.text if (found := fault(certs)) else ""


def test_what_clients_accept_is_right(certs: Path) -> None:
    assert problem(certs) == ""


def test_of_another_domain(certs: Path) -> None:
    put(certs, certs, OTHER)
    assert problem(certs) == (
        f"{certs}/{DOMAIN}.crt names another domain; use one that names {DOMAIN} (as a subjectAltName of the kind DNS)"
    )


def test_of_another_authority(certs: Path, tmp_path: Path) -> None:
    """Its name proves nothing: here both have the same one."""
    put(certs, make(tmp_path / "elsewhere", NOW))
    assert problem(certs).startswith(f"{certs}/{DOMAIN}.crt comes from an authority that neither")


def test_of_an_authority_that_this_machine_trusts(
    certs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(certs, make(tmp_path / "elsewhere", NOW))
    assert "comes from an authority" in problem(certs)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "elsewhere/certs/ca.crt"))
    assert problem(certs) == ""


def test_not_valid_yet(tmp_path: Path) -> None:
    certs = make(tmp_path, NOW - 2 * DAY)
    put(certs, _of_tomorrow(tmp_path))
    assert problem(certs).startswith(f"{certs}/{DOMAIN}.crt is not valid yet; set this machine's clock")


def _of_tomorrow(folder: Path) -> Path:
    """Make certificates of the same authority that begin tomorrow."""
    later = folder / "later"
    shutil.copytree(folder / "certs", later / "certs")
    shutil.copy(folder / "ca.key", later / "ca.key")
    (later / "certs" / f"{DOMAIN}.crt").unlink()
    return make(later, NOW + 2 * DAY)


@pytest.mark.parametrize(("days", "told"), [(796, "expires on "), (900, "expired on ")])
def test_expired_or_soon(tmp_path: Path, days: int, told: str) -> None:
    certs = make(tmp_path, NOW - days * DAY)
    assert problem(certs).startswith(f"{certs}/{DOMAIN}.crt {told}")


def test_what_mends_it_does(tmp_path: Path, certs: Path) -> None:
    """`init` renews what has expired and leaves the rest alone, so for the rest it is no remedy by itself."""

    def init() -> None:
        make_certificates(certs, tmp_path / "ca.key", "Test", (DOMAIN, OTHER), NOW)

    put(certs, certs, OTHER)
    init()
    found = fault(certs)
    assert found is not None
    assert found.is_refused
    assert "remove it and its key, then `steelyard init`" in found.remedy
    for suffix in (".crt", ".key"):
        (certs / f"{DOMAIN}{suffix}").unlink()
    init()
    assert fault(certs) is None
    (certs / f"{DOMAIN}.crt").unlink()
    make_certificates(certs, tmp_path / "ca.key", "Test", (DOMAIN,), NOW - 800 * DAY)
    found = fault(certs)
    assert found is not None
    assert not found.is_refused
    assert found.remedy == "`steelyard init`"
    init()
    assert fault(certs) is None


class Chain:
    """A root, an intermediate authority below it, and what it issues: as bought certificates come."""

    def __init__(self, *, root_days: int = 900, intermediate_days: int = 900) -> None:
        self._root_key, self._key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root, self._issuer = _name("Root"), _name("Intermediate")
        self.root = _sign(root, self._root_key, root, self._root_key, root_days, is_authority=True)
        self.intermediate = _sign(
            self._issuer, self._key, root, self._root_key, intermediate_days, is_authority=True
        )

    def issue(self, *more: x509.ExtensionType, common_name: str = "shown") -> tuple[bytes, bytes]:
        """Return a certificate with these extensions, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(_name(common_name), key, self._issuer, self._key, 300, more=more)
        return certificate, _private(key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _private(key: ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> bytes:
    sealing = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing)


def _sign(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: int,
    *,
    is_authority: bool = False,
    more: Sequence[x509.ExtensionType] = (),
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 2 * DAY)
        .not_valid_after(NOW + days * DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    for extension in more:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.PEM)


NAMED = x509.SubjectAlternativeName([x509.DNSName(DOMAIN)])
OTHERWISE_NAMED = x509.SubjectAlternativeName(
    [x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5"), b"\x0c\x01x")]
)
FOR_CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])


def bought(folder: Path, chain: Chain, shown: bytes, key: bytes) -> str:
    (folder / "ca.crt").write_bytes(chain.root)
    (folder / f"{DOMAIN}.crt").write_bytes(shown)
    (folder / f"{DOMAIN}.key").write_bytes(key)
    return problem(folder)


def test_a_chain_is_right_whatever_stands_around_it(tmp_path: Path) -> None:
    chain = Chain()
    shown, key = chain.issue(NAMED)
    for content in (
        shown + chain.intermediate,
        shown + chain.intermediate + chain.root,
        b"Bag Attributes\n" + shown + b"\n# next\n" + chain.intermediate,
        (shown + chain.intermediate).replace(b"\n", b"\r\n"),
        shown + key + chain.intermediate,
    ):
        assert bought(tmp_path, chain, content, key) == ""


def test_a_chain_that_lacks_something_or_is_in_another_order(tmp_path: Path) -> None:
    chain = Chain()
    shown, key = chain.issue(NAMED)
    assert "add the intermediate certificates to the file" in bought(tmp_path, chain, shown, key)
    other = Chain()
    assert "add the intermediate certificates" in bought(tmp_path, chain, shown + other.intermediate, key)
    assert "do not match" in bought(tmp_path, chain, chain.intermediate + shown, key)


@pytest.mark.parametrize("days", [-1, 0, 3, 29])
def test_an_intermediate_certificate_that_ends_before_what_it_issued(tmp_path: Path, days: int) -> None:
    chain = Chain(intermediate_days=days)
    shown, key = chain.issue(NAMED)
    told = bought(tmp_path, chain, shown + chain.intermediate, key)
    ends = f"{'expires' if days > 0 else 'expired'} on {NOW + days * DAY:%Y-%m-%d}"
    assert told == (
        f"{tmp_path}/{DOMAIN}.crt {ends}, as its intermediate certificate 'CN=Intermediate' does; "
        "put a newer one there"
    )


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((NAMED,), ""),
        ((x509.SubjectAlternativeName([x509.DNSName(DOMAIN.upper())]),), ""),
        ((x509.SubjectAlternativeName([x509.DNSName(f"*.{DOMAIN}")]),), "names another domain"),
        ((OTHERWISE_NAMED,), "names another domain"),
        ((), "names another domain"),  # its common name is what no newer client looks at
        ((NAMED, FOR_CLIENTS), "is refused by clients: unsuitable certificate purpose"),
    ],
)
def test_what_it_names_and_is_for(tmp_path: Path, names: tuple[x509.ExtensionType, ...], told: str) -> None:
    chain = Chain()
    shown, key = chain.issue(*names, common_name=DOMAIN)
    found = bought(tmp_path, chain, shown + chain.intermediate, key)
    assert (told in found) if told else found == ""


def test_a_wildcard_stands_for_one_label(tmp_path: Path) -> None:
    chain = Chain()
    shown, key = chain.issue(x509.SubjectAlternativeName([x509.DNSName(f"*.{DOMAIN}")]))
    bought(tmp_path, chain, shown + chain.intermediate, key)
    file, authority = tmp_path / f"{DOMAIN}.crt", tmp_path / "ca.crt"
    assert find_fault(file, f"files.{DOMAIN}", authority, NOW) is None
    found = find_fault(file, f"a.files.{DOMAIN}", authority, NOW)
    assert found is not None
    assert "names another domain" in found.text
    assert find_fault(file, "", authority, NOW) is None  # nobody knows under which name it is asked for


def test_an_encrypted_key_is_told_and_no_passphrase_asked_for(certs: Path) -> None:
    """OpenSSL would ask the terminal, and wait; a wrong answer given to it would be another error."""
    key = load_pem_private_key((certs / f"{DOMAIN}.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    (certs / f"{DOMAIN}.key").write_bytes(_private(key, b"secret"))
    assert f"{DOMAIN}.key has a passphrase, which nobody can enter here; store it without one" in problem(
        certs
    )


@pytest.mark.parametrize("spoiled", [f"{DOMAIN}.crt", f"{DOMAIN}.key"])
def test_the_file_that_is_missing_is_the_one_that_is_named(certs: Path, spoiled: str) -> None:
    (certs / spoiled).unlink()
    assert problem(certs).endswith(f"{certs}/{spoiled}: No such file or directory")
    (certs / spoiled).mkdir()
    assert problem(certs).endswith(f"{certs}/{spoiled}: Is a directory")


def test_what_this_machine_trusts_is_read_once(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = list[None]()
    read = ssl.SSLContext.load_default_certs
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda self: reads.append(read(self)))
    settings = SiteFile(site)
    assert len(settings.shown_certificates) > 1
    assert find_certificate_problems(settings, NOW) == []
    assert len(reads) == 1


@pytest.mark.slow
def test_an_authority_that_ends_is_told_once(site: Path) -> None:
    settings = SiteFile(site)
    assert find_certificate_problems(settings, NOW) == []
    certs = settings.prosody.certificates
    (certs / "ca.crt").write_bytes((certs / "ca.crt").read_bytes() + Chain(root_days=3).root)
    assert find_certificate_problems(settings, NOW) == []  # one of two goes on
    (certs / "ca.crt").write_bytes(Chain(root_days=3).root)
    found = find_certificate_problems(settings, NOW)
    (told,) = [each for each in found if "expires on" in each]
    assert told.startswith(
        f"{certs}/ca.crt expires on {NOW + 3 * DAY:%Y-%m-%d}; put the authority's next one there"
    )


@pytest.mark.parametrize("table", mostly_slow(["transfer", "console"]))
def test_a_certificate_that_is_kept_elsewhere_is_looked_at_too(
    site: Path, tmp_path: Path, table: str
) -> None:
    elsewhere = make(tmp_path / "elsewhere", NOW)
    text = site.read_text().replace(
        'certificate = "certs/localhost.crt"', 'certificate = "certs/localhost.crt"  #'
    )
    head, _, tail = text.partition(f"[{table}]")
    site.write_text(
        head + f"[{table}]" + tail.replace('"certs/localhost.crt"', f'"{elsewhere}/{OTHER}.crt"', 1)
    )
    settings = SiteFile(site)
    assert ("localhost", elsewhere / f"{OTHER}.crt") in settings.shown_certificates
    assert len(find_certificate_problems(settings, NOW)) == 1
    assert earliest_end(settings)[0] == len(settings.shown_certificates)


@pytest.mark.parametrize("spoiled", [f"{DOMAIN}.crt", f"{DOMAIN}.key"])
@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_cannot_be_read(certs: Path, spoiled: str, text: str) -> None:
    (certs / spoiled).write_text(text)
    assert "do not match or cannot be read" in problem(certs)


@pytest.mark.parametrize("text", [None, "", "nothing of the kind"])
def test_an_authority_that_cannot_be_read(certs: Path, text: str | None) -> None:
    (certs / "ca.crt").unlink()
    if text is not None:
        (certs / "ca.crt").write_text(text)
    assert problem(certs).startswith(f"{certs}/ca.crt cannot be read: ")
