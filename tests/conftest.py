"""Fixtures of all tests."""

from collections.abc import Iterator

import pytest

from tests.support.certificates import CertificateAuthority
from tests.support.postgres import PostgresServer, run_postgres


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    """Return the authority whose certificates servers under test show."""
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Return a running PostgreSQL server of the tests' own."""
    with run_postgres() as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> str:
    """Return the URL of an empty database; `#log` is to be added."""
    return postgres_server.make_database()
