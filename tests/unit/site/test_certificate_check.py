"""What clients would refuse of a certificate is said before they do, with what to do about it."""

import datetime as dt
import shutil
from pathlib import Path

import pytest

from components.site.certificate_check import find_problem
from components.site.certificates import make_certificates

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


def problem(certs: Path) -> str:
    return find_problem(certs, DOMAIN, NOW)


def test_what_clients_accept_is_right(certs: Path) -> None:
    assert problem(certs) == ""


def test_of_another_domain(certs: Path) -> None:
    put(certs, certs, OTHER)
    assert problem(certs) == f"{certs}/{DOMAIN}.crt names another domain; use one that names {DOMAIN}"


def test_of_another_authority(certs: Path, tmp_path: Path) -> None:
    """Its name proves nothing: here both have the same one."""
    put(certs, make(tmp_path / "elsewhere", NOW))
    assert problem(certs).startswith(f"{certs}/{DOMAIN}.crt comes from an authority that neither")


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


@pytest.mark.parametrize("days", [796, 900])
def test_expired_or_soon(tmp_path: Path, days: int) -> None:
    certs = make(tmp_path, NOW - days * DAY)
    assert problem(certs).startswith(f"{certs}/{DOMAIN}.crt expires on ")


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
