"""Fixtures of all tests."""

import pytest

from tests.support.certificates import CertificateAuthority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    """Return the authority whose certificates servers under test show."""
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))
