"""The site's own certificates do what a client checks, and are made again when, and only when, they must be."""

import contextlib
import datetime as dt
import shutil
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from components.process.errors import SiteError
from components.site.certificates import make_certificates

NOW = dt.datetime.now(dt.UTC)
DOMAINS = ("metals.example", "grain.example")


def make(folder: Path, now: dt.datetime = NOW, domains: tuple[str, ...] = DOMAINS) -> set[str]:
    return {
        path.name for path in make_certificates(folder / "certs", folder / "ca.key", "Test", domains, now)
    }


def handshake(folder: Path, served: str, wanted: str, authority: Path | None = None) -> None:
    """Do a TLS handshake as a client does that trusts nothing but the authority; raises SSLError."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "certs" / f"{served}.crt", folder / "certs" / f"{served}.key")
    client = ssl.create_default_context(cafile=authority or folder / "certs" / "ca.crt")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    near, far = socket.socketpair()

    def serve() -> None:
        with far, contextlib.suppress(OSError):  # the client says what was wrong
            server.wrap_socket(far, server_side=True).close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with near:
            client.wrap_socket(near, server_hostname=wanted).close()
    finally:
        thread.join()


def test_a_client_accepts_each_domain_and_no_other(tmp_path: Path) -> None:
    assert make(tmp_path) == {"ca.crt", "metals.example.crt", "grain.example.crt"}
    for domain in DOMAINS:
        handshake(tmp_path, domain, domain)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(tmp_path, "metals.example", "grain.example")


def test_another_sites_authority_vouches_for_nothing_here(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        make(tmp_path / name)
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        handshake(tmp_path / "one", DOMAINS[0], DOMAINS[0], tmp_path / "other" / "certs" / "ca.crt")


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    make(tmp_path)
    for key in (tmp_path / "ca.key", *(tmp_path / "certs").glob("*.key")):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("days", "made"), [(0, set()), (794, set()), (796, {"metals.example.crt", "grain.example.crt"})]
)
def test_certificates_are_renewed_a_month_before_they_expire(
    tmp_path: Path, days: int, made: set[str]
) -> None:
    make(tmp_path)
    assert make(tmp_path, NOW + dt.timedelta(days=days)) == made


def test_a_new_domain_gets_its_certificate(tmp_path: Path) -> None:
    make(tmp_path)
    assert make(tmp_path, domains=(*DOMAINS, "tin.example")) == {"tin.example.crt"}
    handshake(tmp_path, "tin.example", "tin.example")


@pytest.mark.parametrize("lost", ["metals.example.crt", "metals.example.key"])
def test_half_a_pair_is_made_again(tmp_path: Path, lost: str) -> None:
    make(tmp_path)
    (tmp_path / "certs" / lost).unlink()
    assert make(tmp_path) == {"metals.example.crt"}
    handshake(tmp_path, DOMAINS[0], DOMAINS[0])


def test_a_key_without_its_authority_is_replaced(tmp_path: Path) -> None:
    make(tmp_path)
    shutil.rmtree(tmp_path / "certs")
    assert "ca.crt" in make(tmp_path)
    handshake(tmp_path, DOMAINS[0], DOMAINS[0])


def test_somebody_elses_certificates_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "ca.key").unlink()
    before = {path: path.read_bytes() for path in (tmp_path / "certs").iterdir()}
    assert make(tmp_path, NOW + dt.timedelta(days=820)) == set()
    assert {path: path.read_bytes() for path in (tmp_path / "certs").iterdir()} == before
    with pytest.raises(SiteError, match=r"no certificates for tin\.example.*put <domain>\.crt"):
        make(tmp_path, domains=(*DOMAINS, "tin.example"))


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "certs/metals.example.crt",
            "is no certificate; put it back, or remove it and its key, and `steelyard init`",
        ),
        ("certs/ca.crt", "is no certificate; put it back from a backup"),
        ("ca.key", "is no elliptic curve key; put back the one that signed ca.crt"),
    ],
)
def test_what_cannot_be_read_is_named_and_nothing_is_made_in_its_place(
    tmp_path: Path, name: str, told: str, content: bytes
) -> None:
    make(tmp_path)
    (tmp_path / name).write_bytes(content)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(SiteError, match=f"{tmp_path / name} {told}"):
        make(tmp_path)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_an_authoritys_key_with_a_passphrase_is_told(tmp_path: Path) -> None:
    make(tmp_path)
    key = serialization.load_pem_private_key((tmp_path / "ca.key").read_bytes(), None)
    sealed = serialization.BestAvailableEncryption(b"secret")
    encoded = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    (tmp_path / "ca.key").write_bytes(encoded)
    with pytest.raises(SiteError, match=r"ca\.key is no elliptic curve key"):
        make(tmp_path)
